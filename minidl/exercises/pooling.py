"""Exercises: max pooling."""

import numpy as np

from .convolution import windows
from .exercise import Mistake, OpExercise


def max_pool2d(x, kernel_size, stride, function=np.max):
    y = np.zeros((*x.shape[:2], *((n - kernel_size) // stride + 1 for n in x.shape[2:])))
    for i, j, (rows, columns) in windows(x.shape, (kernel_size, kernel_size), stride):
        y[:, :, i, j] = function(x[:, :, rows, columns], axis=(2, 3))
    return y


def gradient(r, share, add=True):
    """gx, where share(window, gy of the window) gives each place of a window its part."""
    gx = np.zeros_like(r.x)
    for i, j, (rows, columns) in windows(r.x.shape, (r.kernel_size, r.kernel_size), r.stride):
        for n, c in np.ndindex(r.x.shape[:2]):
            part = share(r.x[n, c, rows, columns], r.gy[n, c, i, j])
            gx[n, c, rows, columns] = part + (gx[n, c, rows, columns] if add else 0)
    return gx


def to_place(choose):
    """The whole of gy to the place that choose(window) gives."""

    def share(window, gy):
        part = np.zeros_like(window)
        part.flat[choose(window)] = gy
        return part

    return share


def overwritten(r):
    """gx where the place of the maximum is set, and the rest of the window left alone."""
    gx = np.zeros_like(r.x)
    for i, j, (rows, columns) in windows(r.x.shape, (r.kernel_size, r.kernel_size), r.stride):
        for n, c in np.ndindex(r.x.shape[:2]):
            place = np.unravel_index(np.argmax(r.x[n, c, rows, columns]), (r.kernel_size, r.kernel_size))
            gx[n, c, rows, columns][place] = r.gy[n, c, i, j]
    return gx


first = to_place(np.argmax)


class MaxPoolExercise(OpExercise):
    """Equal values in a window have no numerical gradient: the first of them is meant to get it."""

    def gradients(self, r, gy):
        return {"gx": gradient(type(r)(**{**vars(r), "gy": gy}), first)}


MAX_POOL2D = MaxPoolExercise(
    name="max_pool2d",
    summary="the largest value of each window",
    task="""\
y[n, c, i, j] is the largest value of the window of kernel_size x kernel_size from x[n, c, stride i, stride j] on.
Shapes: x (N, C, H, W), y (N, C, OH, OW), OH = floor((H - kernel_size) / stride) + 1, OW likewise; what is left at the
right and at the bottom is not used. backward takes gy and returns (gx,): the gradient goes to the place where the
largest value came from, to the first one (row by row) where several are equal. Windows may overlap.""",
    starter="""\
class MaxPool2d:
    def __init__(self, kernel_size, stride):
        self.kernel_size, self.stride = kernel_size, stride

    def forward(self, x):
        self.saved = ...
        return ...

    def backward(self, gy):
        gx = ...
        return (gx,)
""",
    tip="np.argmax finds the first of equals. How does its number become a row and a column?",
    inputs=("x",),
    oracle=max_pool2d,
    cases=[
        dict(x=(2, 3, 4, 6), kernel_size=2, stride=2),
        dict(x=(1, 2, 5, 7), kernel_size=3, stride=2),
        dict(x=(2, 1, 5, 4), kernel_size=2, stride=1),
        dict(x=-3 - np.arange(20.0).reshape(1, 1, 4, 5) % 7, kernel_size=2, stride=2),
        dict(x=np.tile([[1.0, 1.0], [0.0, 1.0]], (1, 2, 2, 3)), kernel_size=2, stride=2),
        dict(x=np.zeros((1, 1, 5, 3)), kernel_size=3, stride=2),
    ],
    mistakes=[
        Mistake(
            "y",
            "the largest value starts from 0, so negative windows give 0",
            lambda r: np.maximum(r.y, 0),
            "What is the largest of -3 and -5?",
        ),
        Mistake(
            "y",
            "y is the mean of each window",
            lambda r: max_pool2d(r.x, r.kernel_size, r.stride, np.mean),
            "That is average pooling.",
        ),
        Mistake(
            "y", "y is the smallest value", lambda r: max_pool2d(r.x, r.kernel_size, r.stride, np.min), "Max, not min."
        ),
        Mistake(
            "y",
            "the stride is left out",
            lambda r: max_pool2d(r.x, r.kernel_size, r.kernel_size),
            "Windows begin every stride places, whatever their size.",
        ),
        Mistake(
            "y",
            "the stride is always 1",
            lambda r: max_pool2d(r.x, r.kernel_size, 1),
            "Windows begin every stride places.",
        ),
        Mistake(
            "gx",
            "equal values share the gradient",
            lambda r: gradient(r, lambda window, gy: gy * (window == window.max()) / (window == window.max()).sum()),
            "The first of equals gets all of it.",
        ),
        Mistake(
            "gx",
            "each of several equal values gets the whole gradient",
            lambda r: gradient(r, lambda window, gy: gy * (window == window.max())),
            "The first of equals gets it, and the others nothing.",
        ),
        Mistake(
            "gx",
            "the last of equal values gets the gradient",
            lambda r: gradient(r, to_place(lambda window: window.size - 1 - np.argmax(window[::-1, ::-1]))),
            "The first of equals gets it.",
        ),
        Mistake(
            "gx",
            "windows that overlap overwrite each other",
            lambda r: gradient(r, first, add=False),
            "A value that is the largest of two windows gets the gradient of both.",
        ),
        Mistake(
            "gx",
            "windows that overlap overwrite each other",
            overwritten,
            "A value that is the largest of two windows gets the gradient of both.",
        ),
        Mistake(
            "gx",
            "the gradient is spread over the whole window",
            lambda r: gradient(r, lambda window, gy: gy / window.size),
            "Only one value of the window influences y.",
        ),
        Mistake(
            "gx",
            "every place of the window gets the gradient",
            lambda r: gradient(r, lambda window, gy: gy),
            "Only one value of the window influences y.",
        ),
        Mistake(
            "gx",
            "the gradient goes to the smallest value",
            lambda r: gradient(r, to_place(np.argmin)),
            "Where did y come from?",
        ),
        Mistake(
            "gx",
            "the gradient always goes to the corner of the window",
            lambda r: gradient(r, to_place(lambda window: 0)),
            "Where in the window did y come from?",
        ),
    ],
)


EXERCISES = [MAX_POOL2D]
