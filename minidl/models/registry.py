"""Models by name. Each family's file ends with MODELS, a table of the ones it has."""

from difflib import get_close_matches
from typing import NamedTuple

from . import alexnet, alphago, highway, lenet, mlp, nin, overfeat, resnet_cifar, vgg, zfnet


class Entry(NamedTuple):
    """make(num_classes=..., input_shape=...) gives the model; the others are what it is usually given, and one line."""

    make: type
    input_shape: tuple
    num_classes: int
    summary: str


_families = (mlp, lenet, alexnet, zfnet, vgg, nin, overfeat, resnet_cifar, highway, alphago)
_models = {name: Entry(*entry) for family in _families for name, entry in family.MODELS.items()}


def names():
    """The names that create() knows."""
    return list(_models)


def describe(name):
    """One line about a model."""
    return _find(name).summary


def input_shape(name):
    """The input (C, H, W) that a model is usually given."""
    return _find(name).input_shape


def create(name, num_classes=None, input_shape=None, **settings):
    """A new model by name, with weights drawn from the global generator.

    Without num_classes and input_shape (C, H, W) it is the published one; settings go to its class.

    >>> sum(p.size for p in create("lenet5").parameters())
    61706
    """
    entry = _find(name)
    classes = entry.num_classes if num_classes is None else num_classes
    return entry.make(num_classes=classes, input_shape=tuple(input_shape or entry.input_shape), **settings)


def _find(name):
    if name in _models:
        return _models[name]
    near = get_close_matches(str(name).lower().replace("-", ""), _models, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(_models)}"
    raise ValueError(f"unknown model {name!r}: {hint}")
