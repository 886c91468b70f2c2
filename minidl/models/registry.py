"""Models by name. Each family's file ends with MODELS, a table of the ones it has."""

from difflib import get_close_matches
from typing import NamedTuple

from minidl.random import undrawn

from . import (
    alexnet,
    alphago,
    densenet,
    efficientnet,
    googlenet,
    googlenet_cifar,
    highway,
    inception,
    lenet,
    mlp,
    mobilenet,
    nin,
    overfeat,
    resnet,
    resnet_cifar,
    resnet_preactivation,
    resnext_cifar,
    squeezenet,
    vgg,
    zfnet,
)
from .pretrained import load_pretrained


class Entry(NamedTuple):
    """make(num_classes=..., input_shape=...) gives the model; the others are what it is usually given, and one line."""

    make: type
    input_shape: tuple
    num_classes: int
    summary: str


_families = (
    mlp, lenet, alexnet, zfnet, vgg, nin, overfeat, googlenet, googlenet_cifar, inception, highway, resnet,
    resnet_cifar, resnet_preactivation, resnext_cifar, densenet, squeezenet, mobilenet, efficientnet, alphago,
)  # fmt: skip
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


def num_classes(name):
    """The number of classes that a model usually tells apart."""
    return _find(name).num_classes


def create(name, num_classes=None, input_shape=None, weights=None, **settings):
    """A new model by name, with weights drawn from the global generator, or loaded from the file `weights`.

    Without num_classes and input_shape (C, H, W) it is the published one; settings go to its class.

    >>> sum(p.size for p in create("lenet5").parameters())
    61706
    """
    entry = _find(name)
    settings["num_classes"] = entry.num_classes if num_classes is None else num_classes
    settings["input_shape"] = tuple(input_shape or entry.input_shape)
    if weights is None:
        return entry.make(**settings)
    with undrawn():
        model = entry.make(**settings)
    return load_pretrained(model, weights)


def _find(name):
    if name in _models:
        return _models[name]
    near = get_close_matches(str(name).lower().replace("-", ""), _models, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(_models)}"
    raise ValueError(f"unknown model {name!r}: {hint}")
