"""What several families are built of."""

from minidl import nn


def scaled(width, *channels):
    """Numbers of channels times width, each at least 1: for small copies of a network.

    >>> scaled(0.25, 64, 128, 1)
    [16, 32, 1]
    """
    return [max(1, round(number * width)) for number in channels]


def three_linear(in_features, units, num_classes, dropout):
    """The classifier of AlexNet, ZFNet and VGG: two layers of units with relu and dropout, then the logits."""
    return nn.Sequential(
        nn.Linear(in_features, units), nn.ReLU(), nn.Dropout(dropout),
        nn.Linear(units, units), nn.ReLU(), nn.Dropout(dropout),
        nn.Linear(units, num_classes),
    )  # fmt: skip


def check_size(name, input_shape, size):
    """Raise unless images are size x size, as a network with linear layers behind its features wants them."""
    if tuple(input_shape[1:]) != (size, size):
        given = "x".join(map(str, input_shape[1:]))
        raise ValueError(f"{name} takes images of {size}x{size}, got {given}: resize them, or cut out that much")
