"""Numerical derivatives by central differences, and the places where there is no derivative to be found."""

from typing import NamedTuple

import numpy as np

STEPS = (1e-6, 1e-4, 1e-2)  # the first whose differences stand out from rounding
LEVELS = 11  # a step that meets a kink is divided by ten, this often


class Central(NamedTuple):
    """A central difference, how far forward and backward difference are apart, and what rounding makes of it."""

    slope: float
    jump: float
    rounding: float


class Element:
    """The line through x along which one element changes, in units of its own size (1 if that is smaller)."""

    def __init__(self, x, index):
        self.index, self.length = index, max(1.0, abs(x[index]))
        self.relative = abs(x[index]) / self.length

    def move(self, x, distance):
        moved = np.array(x)
        moved[self.index] += distance * self.length
        return moved

    def along(self, gradient):
        return gradient[self.index]


class Direction:
    """A line through x along which all elements change at once, or those given by their places in order."""

    length = 1.0

    def __init__(self, x, vector, places=slice(None)):
        self.vector = np.zeros(x.shape)
        self.vector.reshape(-1)[places] = vector.reshape(-1)[places]
        self.relative = np.max(np.abs(x) / np.maximum(np.abs(x), 1))

    def move(self, x, distance):
        return x + distance * self.vector

    def along(self, gradient):
        return np.sum(gradient * self.vector)


class Differences:
    """Derivatives of sum(gy * output(x)) along lines through x, by central differences.

    Forward and backward difference, (f(x + h) - f(x)) / h and (f(x) - f(x - h)) / h, enclose the derivative where the
    function bends one way. Where they are apart, h is divided by ten: at a smooth place their distance shrinks with it,
    and the central difference stays; at a kink it does not shrink, and there is no derivative.

    noise, quantum: what rounding makes of each value of gy * output where it changes, and where it does not seem to.
    """

    def __init__(self, output, x, y, gy, noise, quantum, tolerance):
        self.output, self.x, self.y, self.gy, self.tolerance = output, x, y, gy, tolerance
        self.noise, self.quantum = noise, quantum
        self.step, self.typical = STEPS[0], 0.0

    def along(self, lines):
        """(derivatives, what rounding makes of each): two arrays, NaN for a derivative that there is not."""
        for self.step in STEPS:
            first = [self._central(line, self.step) for line in lines]
            slopes = np.abs([central.slope for central in first])
            finite = np.isfinite(slopes)
            if not finite.any() or (slopes > 1e5 * np.array([central.rounding for central in first]))[finite].any():
                break  # at least one derivative has five digits that rounding does not touch
        self.typical = np.median(slopes[finite]) if finite.any() else 0.0
        settled = [self.settle(line, central) for line, central in zip(lines, first, strict=True)]
        return np.array(settled, np.float64).reshape(-1, 2).T

    def settle(self, line, first=None):
        """(derivative along one line, or NaN; what rounding makes of it)"""
        before = first_jump = None
        for step in self.step * 0.1 ** np.arange(LEVELS):
            slope, jump, rounding = first or self._central(line, step)
            first = None
            if np.isfinite(jump):  # else the step leads out of the function's domain
                first_jump = first_jump or jump
                size = max(abs(slope), 1e-3 * self.typical)
                if jump <= self.tolerance * size + 10 * rounding:
                    return slope, rounding
                if before:
                    change = abs(slope - before.slope)
                    stays = change <= 0.1 * self.tolerance * size + 10 * rounding
                    if stays and jump <= max(0.2 * before.jump, 10 * before.rounding):
                        return before.slope, max(before.rounding, change / 5)  # the larger step has less rounding
                    if 10 * rounding > 1e-3 * max(first_jump, size):
                        break
                before = Central(slope, jump, rounding)
            if step < 1e-8 * line.relative:
                break  # x + step is rounded too
        return np.nan, rounding

    def _central(self, line, step):
        plus, minus = self.output(line.move(self.x, step)), self.output(line.move(self.x, -step))
        slope = np.sum(self.gy * (plus - minus)) / (2 * step)
        jump = np.linalg.norm(self.gy * (plus - self.y + minus - self.y)) / step
        rounding = np.linalg.norm(np.where(plus != minus, self.noise, self.quantum)) / step
        return Central(slope / line.length, jump / line.length, rounding / line.length)

    def find_worst(self, direction, gradient):
        """The index of an element whose gradient is wrong, by halving what changes along the direction."""
        places = np.arange(self.x.size)
        while len(places) > 1:
            halves = np.array_split(places, 2)
            lines = [Direction(self.x, direction.vector, half) for half in halves]
            errors = [abs(line.along(gradient) - self.settle(line)[0]) for line in lines]
            places = halves[int(np.argmax(np.nan_to_num(errors, nan=-1)))]
        return tuple(int(i) for i in np.unravel_index(places[0], self.x.shape))
