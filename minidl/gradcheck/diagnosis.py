"""What is wrong with a wrong gradient, where it can be told."""

from itertools import combinations
from math import prod

import numpy as np


def diagnose(name, gradient, along, numerical, gy):
    """In words, how a wrong gradient is related to the right one: "is 4 times too large"; "" where that is not plain.

    along: a function that takes a gradient to the numbers that stand against `numerical`.
    """
    analytic = along(gradient)
    if not gradient.any():
        return "is zero"
    if not numerical.any():
        return "should be zero"
    factor = np.dot(analytic, numerical) / np.dot(numerical, numerical)
    proportional = _agree(analytic, factor * numerical)
    plain = _multiple(factor, name, gradient.shape, gy.shape) if proportional else None
    if plain:
        return plain
    if gy.size == 1 or gy.shape == gradient.shape:
        if _agree(along(gradient * gy), numerical):
            return "lacks the factor gy, the gradient of the output"
        if _agree(along(gradient / np.where(gy, gy, 1)), numerical):
            return "has the factor gy, the gradient of the output, twice"
    for i, j in combinations(range(gradient.ndim), 2):
        if gradient.shape[i] == gradient.shape[j] > 1 and _agree(along(gradient.swapaxes(i, j)), numerical):
            return f"is transposed: axes {i} and {j} are exchanged"
    if gradient.ndim > 1 and _agree(along(gradient[..., ::-1, ::-1]), numerical):
        return "is flipped along its last two axes"
    rest = np.linalg.norm(analytic - factor * numerical)
    if len(numerical) > 1 and rest <= 1e-2 * np.linalg.norm(analytic - numerical):  # all of what is wrong
        return f"is {factor:.6g} times the right one"
    return ""


def _agree(a, b):
    return np.linalg.norm(a - b) <= 1e-4 * np.linalg.norm(b)


def _multiple(factor, name, shape, output_shape):
    """The words for a factor that is a whole number or one over a whole number, with or without a sign; else None."""
    size, times = abs(factor), ""
    if size < 1e-6:
        return None
    whole = round(max(size, 1 / size))
    if abs(max(size, 1 / size) - whole) > 1e-3 * whole:
        return None
    if whole > 1:
        times = f"is {whole} times too {'large' if size > 1 else 'small'}{_origin(whole, name, shape, output_shape)}"
    return " and ".join(filter(None, ("has the wrong sign" if factor < 0 else "", times))) or None


def _origin(number, name, shape, output_shape):
    """Where a factor may come from: lengths that a mean forgot to divide by, or divided by twice."""
    for owner, lengths in ((name, shape), ("the output", output_shape)) if number > 2 else ():
        for axes in (axes for count in range(len(lengths)) for axes in combinations(range(len(lengths)), count + 1)):
            if prod(lengths[axis] for axis in axes) == number:
                which = f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"
                return f" ({number} is the length of {which} of {owner})"
    return ""


def diagnose_shape(name, shape, expected):
    """What to say of a gradient of another shape than its input."""
    advice = ""
    if shape == expected[::-1]:
        advice = ": is it transposed?"
    elif len(shape) >= len(expected) and all(n in (1, m) for n, m in zip(expected[::-1], shape[::-1], strict=False)):
        advice = f": sum over the axes along which {name} was broadcast"
    return f"has shape {shape}, but {name} has {expected}{advice}"
