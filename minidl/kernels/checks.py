"""Checks of settings, axes and shapes, below everything that makes them."""

import inspect
from functools import cache

import numpy as np

from minidl import backend


def is_whole(value):
    """Whether a setting is a whole number, of Python or of NumPy; True and False are none."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def check_axes(shape, dim):
    """Raise unless dim is an axis of an array of this shape, a tuple of different ones, or None.

    >>> check_axes((2, 3), (0, -1))
    >>> check_axes((2, 3), 2)
    Traceback (most recent call last):
    ...
    ValueError: there is no axis 2: an array of shape (2, 3) has axes 0 to 1
    """
    dims = () if dim is None else dim if isinstance(dim, tuple) else (dim,)
    for d in dims:
        if not is_whole(d) or not -len(shape) <= d < len(shape):
            axes = f"axes 0 to {len(shape) - 1}" if shape else "none, it is a single number"
            raise ValueError(f"there is no axis {d!r}: an array of shape {shape} has {axes}")
    if len({d % len(shape) for d in dims}) < len(dims):
        raise ValueError(f"an axis is named twice in {dim}")


def check_broadcast(op, *arrays):
    """Raise unless the arrays lie on one device and their shapes broadcast."""
    backend.get_array_module(*arrays)
    shapes = [a.shape for a in arrays]
    if len(set(shapes)) == 1:
        return
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError(
            f"{op}: shapes {' and '.join(map(str, shapes))} do not fit together: counted from the last axis, lengths "
            "must be equal, or 1"
        ) from None


def check_given(op, inputs):
    """Raise if an input is None that op.forward cannot do without."""
    arguments = _arguments(type(op))
    for i, x in enumerate(inputs):
        name, needed = arguments[min(i, len(arguments) - 1)]  # the last may stand for many, *arrays
        if x is None and needed:
            hint = "did the function that should make it forget `return`?"
            raise TypeError(f"{type(op).__name__}: {name} is None; {hint}")


@cache
def _arguments(op):
    """(name, whether there is no default) of what forward takes, after self."""
    _, *arguments = inspect.signature(op.forward).parameters.values()
    return [(argument.name, argument.default is argument.empty) for argument in arguments]
