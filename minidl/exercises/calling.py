"""Running what a student wrote, and the numbers that it is compared with."""

from copy import deepcopy

import numpy as np

from .result import error_in_answer


class Fault(Exception):
    """Wrong whatever the numbers: an exception, no return, a changed input. Arguments: problem, hint."""


def apply(function, arrays, settings=None, watched=None, may_change=()):
    """What the student's function returns; a Fault if it raises, or changes an array."""
    watched = {**arrays, **(watched or {})}
    before = {name: array.copy() for name, array in watched.items()}
    try:
        with np.errstate(all="ignore"):
            result = function(*arrays.values(), **deepcopy(settings or {}))
    except Exception as error:
        raise Fault(*error_in_answer(error)) from error
    for name, array in watched.items():
        if name not in may_change and not np.array_equal(array, before[name], equal_nan=True):
            hint = "Look for += and [...] = on an array that came in, or on a view of it; work on a copy."
            raise Fault(f"{getattr(function, '__name__', 'the answer')} changes {name} in place", hint)
    return result


def as_array(name, value):
    if value is None:
        raise Fault(f"{name} is None", "Does the function end with a return, and is nothing left out?")
    if value is Ellipsis:
        raise Fault(f"{name} is still a hole (...)", "Replace the dots by your own code.")
    array = np.asarray(value)
    if array.dtype.kind not in "bifu":
        raise Fault(f"{name} must be an array of numbers, it is of type {type(value).__name__}")
    return array


def numerical_gradient(function, x, gy, step=1e-5):
    """The gradient of sum(function(x) * gy) by central differences."""
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += step
        down[i] -= step
        gradient[i] = ((function(up) - function(down)) * gy).sum() / (2 * step)
    return gradient
