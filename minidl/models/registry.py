"""Models by name."""

from difflib import get_close_matches
from functools import partial

from .lenet import LeNet5
from .mlp import MLP
from .resnet_cifar import CifarResNet

# name: (what makes it, the input it is usually given (C, H, W), one line of what it is)
_MODELS = {
    "mlp": (MLP, (1, 28, 28), "multilayer perceptron, 256 and 128 hidden units"),
    "lenet5": (LeNet5, (1, 28, 28), "LeCun et al. 1998: two convolutions, three linear layers"),
    **{
        f"resnet{depth}": (partial(CifarResNet, depth), (3, 32, 32), f"He et al. 2016: {depth} layers for 32x32 images")
        for depth in (20, 32, 44, 56, 110)
    },
}


def names():
    """The names that create() knows."""
    return list(_MODELS)


def describe(name):
    """One line about a model."""
    return _find(name)[2]


def input_shape(name):
    """The input (C, H, W) that a model is usually given."""
    return _find(name)[1]


def create(name, num_classes=10, input_shape=None):
    """A new model by name, for images of input_shape (C, H, W), with weights drawn from the global generator.

    >>> sum(p.size for p in create("lenet5").parameters())
    61706
    """
    make, usual, _ = _find(name)
    return make(num_classes=num_classes, input_shape=tuple(input_shape or usual))


def _find(name):
    if name in _MODELS:
        return _MODELS[name]
    near = get_close_matches(str(name).lower().replace("-", ""), _MODELS, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(_MODELS)}"
    raise ValueError(f"unknown model {name!r}: {hint}")
