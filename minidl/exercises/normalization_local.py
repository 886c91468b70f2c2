"""Exercises: local response normalization."""

import numpy as np

from .exercise import Mistake, OpExercise


def neighbours(c, size, channels):
    return range(max(0, c - size // 2), min(channels, c + (size - 1) // 2 + 1))


def local_response_norm(x, size, alpha, beta, k):
    y = np.zeros_like(x)
    for c in range(x.shape[1]):
        total = sum(x[:, j] ** 2 for j in neighbours(c, size, x.shape[1]))
        y[:, c] = x[:, c] / (k + alpha / size * total) ** beta
    return y


def summed(values, before, after):
    """For each channel, the sum of the channels from so many before it to so many after it."""
    channels = values.shape[1]
    parts = [values[:, max(0, c - before) : max(0, min(channels, c + after + 1))].sum(axis=1) for c in range(channels)]
    return np.stack(parts, axis=1)


def reach(size):
    """How many channels a window of `size` has before its own, and how many after it."""
    return size // 2, (size - 1) // 2


def scale(r, total=None):
    """s, where y = x / s^beta; with another sum, if given."""
    return r.k + r.alpha / r.size * (summed(r.x**2, *reach(r.size)) if total is None else total)


def with_sum(change):
    """y with change(r) for the sum of squares."""
    return lambda r: r.x / scale(r, change(r)) ** r.beta


def over_those_there(r):
    """alpha times the mean of the squares of the neighbours that exist."""
    squares, count = (summed(values, *reach(r.size)) for values in (r.x**2, np.ones_like(r.x)))
    return squares / count * r.size


def around_the_edge(r):
    before, after = reach(r.size)
    return sum(np.roll(r.x**2, shift, axis=1) for shift in range(-after, before + 1))


def in_space(r):
    """The squares of the pixels around each in its own channel, `size` a side."""
    squares = r.x**2
    for axis in (2, 3):
        squares = summed(squares.swapaxes(1, axis), *reach(r.size)).swapaxes(1, axis)
    return squares


def through_sum(r, weight=None, window=None):
    """The part of gx that comes by way of the sums, without its minus sign."""
    weight = r.y / scale(r) if weight is None else weight
    window = reach(r.size)[::-1] if window is None else window
    return 2 * r.alpha * r.beta / r.size * r.x * summed(r.gy * weight, *window)


def gx(direct=1.0, change=through_sum):
    """The gradient of x with another part by way of the sums, or less of the direct one."""
    return lambda r: direct * r.gy / scale(r) ** r.beta - change(r)


LOCAL_RESPONSE_NORM = OpExercise(
    name="local_response_norm",
    summary="channels that compete with their neighbours",
    task="""\
Local response normalization (Krizhevsky et al. 2012, section 3.3), at each pixel of each image:
y[c] = x[c] / s[c]^beta with s[c] = k + alpha / size * (sum of x[j]^2 over the channels j near c). These are the
channels from c - floor(size / 2) to c + floor((size - 1) / 2), c among them; at the edge, those that there are.
As in PyTorch, alpha is divided by size, whether all of the channels exist or not; in the paper it is not divided.
Shapes: x and y (N, C, H, W). size, alpha, beta and k go to __init__. backward takes gy and returns (gx,).""",
    starter="""\
class LocalResponseNorm:
    def __init__(self, size, alpha=1e-4, beta=0.75, k=1.0):
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x):
        s = ...
        self.saved = ...
        return ...

    def backward(self, gy):
        gx = ...
        return (gx,)
""",
    tip="Each x[c] is in its own y, and in the s of the channels near it. One sum over channels is needed in each way.",
    inputs=("x",),
    oracle=local_response_norm,
    cases=[
        dict(x=(2, 4, 2, 3), size=3, alpha=1.5, beta=0.75, k=2.0),
        dict(x=(1, 7, 3, 2), size=5, alpha=0.5, beta=0.5, k=1.0),
        dict(x=(3, 5, 2, 2), size=2, alpha=2.0, beta=0.75, k=0.5),
        dict(x=(2, 6, 1, 3), size=4, alpha=1.0, beta=1.5, k=1.0),
        dict(x=(1, 3, 2, 3), size=1, alpha=0.8, beta=0.75, k=1.5),
    ],
    mistakes=[
        Mistake(
            "y",
            "alpha is not divided by size",
            with_sum(lambda r: summed(r.x**2, *reach(r.size)) * r.size),
            "That is the formula of the paper. Which one is asked for?",
        ),
        Mistake(
            "y",
            "at the edge, alpha is divided by the number of channels there",
            with_sum(over_those_there),
            "By size, whether all of the channels exist or not.",
        ),
        Mistake("y", "beta is left out", lambda r: r.x / scale(r), "s is raised to a power."),
        Mistake("y", "x is multiplied by the power, not divided", lambda r: r.x * scale(r) ** r.beta, "Does y shrink?"),
        Mistake("y", "k is left out", lambda r: r.x / (scale(r) - r.k) ** r.beta, "What if all x are 0?"),
        Mistake(
            "y",
            "k is added after the power",
            lambda r: r.x / (r.k + (scale(r) - r.k) ** r.beta),
            "What does the power span?",
        ),
        Mistake(
            "y",
            "x is not squared in the sum",
            with_sum(lambda r: summed(r.x, *reach(r.size))),
            "Should a strong negative neighbour make y larger?",
        ),
        Mistake(
            "y",
            "the sum is of absolute values, not of squares",
            with_sum(lambda r: summed(abs(r.x), *reach(r.size))),
            "What is summed?",
        ),
        Mistake(
            "y",
            "the channel itself is left out of its sum",
            with_sum(lambda r: summed(r.x**2, *reach(r.size)) - r.x**2),
            "c is among the channels near c.",
        ),
        Mistake(
            "y",
            "the window ends one channel early",
            with_sum(lambda r: summed(r.x**2, r.size // 2, (r.size - 1) // 2 - 1)),
            "A slice a : b ends before b. How many channels has a window?",
        ),
        Mistake(
            "y",
            "the window has `size` channels on each side",
            with_sum(lambda r: summed(r.x**2, r.size, r.size)),
            "How many channels has the whole window?",
        ),
        Mistake(
            "y",
            "a window of even size has a channel too many",
            with_sum(lambda r: summed(r.x**2, r.size // 2, r.size // 2)),
            "How many channels has a window of size 2?",
        ),
        Mistake(
            "y",
            "a window of even size is longer after c than before it",
            with_sum(lambda r: summed(r.x**2, *reach(r.size)[::-1])),
            "With size 2, is it c - 1 or c + 1 that c competes with?",
        ),
        Mistake(
            "y",
            "the window goes on at the other end of the channels",
            with_sum(around_the_edge),
            "Channel 0 has no channel before it; x[-1] is the last.",
        ),
        Mistake(
            "y",
            "the sum runs over all channels",
            with_sum(lambda r: np.broadcast_to((r.x**2).sum(axis=1, keepdims=True), r.x.shape)),
            "Only channels near c count.",
        ),
        Mistake(
            "y",
            "the sum runs over the pixels around, not over the channels",
            with_sum(in_space),
            "Each pixel is by itself; its channels compete.",
        ),
        Mistake(
            "gx",
            "s is taken for a constant",
            gx(change=lambda r: 0),
            "Changing one x changes s, and with it the y of the channels near it.",
        ),
        Mistake(
            "gx",
            "x is followed through its own y only",
            gx(change=lambda r: through_sum(r, window=(0, 0))),
            "x[c] is in the s of other channels too.",
        ),
        Mistake(
            "gx",
            "the direct part is left out: x over a constant s",
            gx(direct=0.0),
            "x is the numerator, and is in the denominator. That makes two terms.",
        ),
        Mistake(
            "gx", "the part through s has the wrong sign", gx(change=lambda r: -through_sum(r)), "A larger s: larger y?"
        ),
        Mistake(
            "gx",
            "the 2 of the square is left out",
            gx(change=lambda r: through_sum(r) / 2),
            "What is the derivative of x^2?",
        ),
        Mistake(
            "gx",
            "beta is left out of the part through s",
            gx(change=lambda r: through_sum(r) / r.beta),
            "What is the derivative of s^-beta?",
        ),
        Mistake(
            "gx",
            "alpha is not divided by size in backward",
            gx(change=lambda r: through_sum(r) * r.size),
            "Differentiate s as you wrote it in forward.",
        ),
        Mistake(
            "gx",
            "the derivative of s^-beta has the power -beta, not -beta - 1",
            gx(change=lambda r: through_sum(r, r.y)),
            "What is the derivative of s^-beta?",
        ),
        Mistake(
            "gx",
            "both x of the part through s stand inside its sum",
            gx(change=lambda r: through_sum(r, r.x * r.y / scale(r)) / r.x),
            "s[j] is differentiated with respect to x[c]: one of the two x is outside of the sum.",
        ),
        Mistake(
            "gx",
            "a window of even size is not turned round in backward",
            gx(change=lambda r: through_sum(r, window=reach(r.size))),
            "In which windows is channel c? With size 2, in its own and in that of c + 1.",
        ),
    ],
)

EXERCISES = [LOCAL_RESPONSE_NORM]
