"""The cumulative normal distribution, which NumPy lacks, as books have it: from a table.

Phi at 9857 points and its slope, the density phi, come from Python's math library. Between them Taylor's series about
the nearest point is used, whose terms are Hermite polynomials: with d = x - x0

    Phi(x0 + d) = Phi(x0) + phi(x0) (d - x0 d^2 / 2! + (x0^2 - 1) d^3 / 3! - ...)

Points lie 1/128 apart, so |d| <= 1/256: two terms suffice for float32 and six for float64.
"""

import math
from functools import cache

import numpy as np

from minidl import backend

LAST = 38.5  # beyond, Phi is 1, or too small for float64
STEPS = 128  # points of the table from one whole number to the next


def normal_cdf(x):
    """Phi(x) = (1 + erf(x / sqrt(2))) / 2 of an array, good to rounding: the probability of a value below x.

    >>> normal_cdf(np.array([0.0, 1.96]))
    array([0.5      , 0.9750021])
    """
    xp = backend.get_array_module(x)
    values, densities = (xp.asarray(column) for column in _table(np.dtype(x.dtype)))
    x = xp.clip(x, -LAST, LAST)
    point = xp.rint(xp.fmax(x, -LAST) * STEPS)  # fmax, for a NaN has no nearest point
    index = point.astype(np.int32) + int(LAST * STEPS)
    point /= STEPS
    x -= point
    series = _taylor(x, point, 2 if x.dtype.itemsize <= 4 else 6)
    series *= densities[index]
    series += values[index]
    return series


def normal_density(x):
    """phi(x) = e^(-x^2 / 2) / sqrt(2 pi) of an array."""
    return backend.get_array_module(x).exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))


def _taylor(d, x0, terms):
    """d - x0 d^2 / 2 + ..., whose terms follow from each other as Hermite's polynomials do."""
    squares = d * d
    before, term = d, squares * x0 * -0.5  # term n is (-1)^(n - 1) He_(n-1)(x0) d^n / n!
    total = before + term
    for n in range(2, terms):
        before, term = term, (x0 * d * term + (n - 1) / n * squares * before) * (-1 / (n + 1))
        total += term
    return total


@cache
def _table(dtype):
    points = np.arange(-LAST, LAST + 1 / STEPS, 1 / STEPS)
    values = [math.erfc(-x / math.sqrt(2)) / 2 for x in points]
    return np.array(values, dtype), normal_density(points).astype(dtype)
