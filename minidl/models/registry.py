"""Models by name. Each family's file ends with MODELS, a table of the ones it has."""

from difflib import get_close_matches
from inspect import signature
from typing import NamedTuple

from minidl.kernels.checks import is_whole
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

    Without num_classes and input_shape (C, H, W) it is the published one; settings go to its class, which names them.
    Raises ValueError, in one sentence, for what the network cannot be made for, such as images that are too small.

    >>> sum(p.size for p in create("lenet5").parameters())
    61706
    >>> sum(p.size for p in create("mobilenet_v2", num_classes=10, width=0.5).parameters())
    700490
    """
    entry = _find(name)
    _check(name, entry, num_classes, input_shape, settings)
    settings["num_classes"] = entry.num_classes if num_classes is None else num_classes
    settings["input_shape"] = entry.input_shape if input_shape is None else tuple(input_shape)
    if weights is None:
        return entry.make(**settings)
    with undrawn():
        model = entry.make(**settings)
    return load_pretrained(model, weights)


def _check(name, entry, num_classes, input_shape, settings):
    """Raise for what no model takes, and for settings that this one does not have."""
    if num_classes is not None and not (is_whole(num_classes) and num_classes > 0):
        raise ValueError(f"{name}: num_classes must be a whole number from 1 on, got {num_classes!r}")
    if input_shape is not None:
        sizes = input_shape if isinstance(input_shape, tuple | list) else ()
        if len(sizes) != 3 or not all(is_whole(size) and size > 0 for size in sizes):
            raise ValueError(f"{name}: input_shape must be (channels, height, width), from 1 on, got {input_shape!r}")
    known = [setting for setting in signature(entry.make).parameters if setting not in ("num_classes", "input_shape")]
    for setting in settings:
        if setting not in known:
            raise ValueError(f"{name} has no setting {setting!r}; it has {', '.join(known) or 'none'}")


def _find(name):
    if name in _models:
        return _models[name]
    near = get_close_matches(str(name).lower().replace("-", ""), _models, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else "`minidl summary` lists them, and so does models.names()"
    raise ValueError(f"unknown model {name!r}: {hint}")
