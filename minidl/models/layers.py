"""What several families are built of."""

from math import inf
from numbers import Real

from minidl import nn

# What most networks are made for: the input (C, H, W), and the number of classes.
IMAGENET = (3, 224, 224), 1000
CIFAR = (3, 32, 32), 10


def scaled(width, *channels):
    """Numbers of channels times width, each at least 1: for small copies of a network.

    >>> scaled(0.25, 64, 128, 1)
    [16, 32, 1]
    """
    check_width(width)
    return [max(1, round(number * width)) for number in channels]


def check_width(width):
    """Raise unless channels can be multiplied with width."""
    if not isinstance(width, Real) or not 0 < width < inf:
        raise ValueError(f"width: expected a number above 0, got {width!r}")


def check_images(model, input_shape, least=1, exactly=(), hint=None):
    """Raise unless images of input_shape (C, H, W) are at least so large; exactly: of one of these sizes."""
    size = tuple(input_shape[1:])
    if size in [(n, n) for n in exactly] or not exactly and min(size) >= least:
        return
    wanted = " or ".join(f"{n}x{n}" for n in exactly) or f"{least}x{least} or more"
    hint = hint or ("resize them, or cut out that much" if exactly else "enlarge them")
    raise ValueError(f"{type(model).__name__} takes images of {wanted}, got {size[0]}x{size[1]}: {hint}")


def start_weights(model, kinds, draw):
    """Draw the weights of all layers of these kinds with draw(weight), in their order; their biases become 0."""
    for module in model.modules():
        if isinstance(module, kinds):
            draw(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def he_by_outputs(weight):
    """He's normal weights by what goes out of each layer: gradients keep their size on the way back."""
    nn.init.he_normal_(weight, mode="fan_out")


def normal_001(weight):
    """Normal weights with a standard deviation of 0.01, as AlexNet's."""
    nn.init.normal_(weight, std=0.01)


def three_linear(in_features, units, num_classes, dropout):
    """The classifier of AlexNet, ZFNet and VGG: two layers of units with relu and dropout, then the logits."""
    return nn.Sequential(
        nn.Linear(in_features, units), nn.ReLU(), nn.Dropout(dropout),
        nn.Linear(units, units), nn.ReLU(), nn.Dropout(dropout),
        nn.Linear(units, num_classes),
    )  # fmt: skip
