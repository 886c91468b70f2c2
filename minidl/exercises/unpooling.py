"""Exercises: unpooling, which puts values back where the maxima were."""

import numpy as np

from .convolution import windows
from .exercise import Mistake, OpExercise


def max_unpool2d(x, indices, output_size):
    y = np.zeros((*x.shape[:2], *output_size))
    for n, c, i, j in np.ndindex(x.shape):
        row, column = divmod(indices[n, c, i, j], output_size[1])
        y[n, c, row, column] = x[n, c, i, j]
    return y


def pooled_at(shape, kernel_size):
    """Indices (row * W + column) of the largest values of random images, in windows that do not overlap."""
    x = np.random.default_rng(shape).standard_normal(shape)
    numbers = np.arange(x[0, 0].size).reshape(x.shape[2:])
    y = np.zeros((*shape[:2], *(n // kernel_size for n in shape[2:])), int)
    for i, j, (rows, columns) in windows(shape, (kernel_size, kernel_size), kernel_size):
        best = x[:, :, rows, columns].reshape(*shape[:2], -1).argmax(axis=2)
        y[:, :, i, j] = numbers[rows, columns].ravel()[best]
    return y


def sent(r, place):
    """y, where place(r, n, c, i, j) gives the row and the column that each x is sent to."""
    y = np.zeros_like(r.y)
    for n, c, i, j in np.ndindex(r.x.shape):
        y[n, c, *place(r, n, c, i, j)] = r.x[n, c, i, j]
    return y


def fetched(r, place):
    """gx, where each is fetched from the place of sent."""
    gx = np.zeros_like(r.x)
    for n, c, i, j in np.ndindex(r.x.shape):
        gx[n, c, i, j] = r.gy[n, c, *place(r, n, c, i, j)]
    return gx


def step(r):
    """How many rows and columns of y belong to one x."""
    return [large // small for large, small in zip(r.output_size, r.x.shape[2:], strict=True)]


def blocks(r, values):
    """The block of `values`, of the size of y, that belongs to each x: (N, C, H, W, rows, columns)."""
    (h, w), (down, across) = r.x.shape[2:], step(r)
    values = values[:, :, : h * down, : w * across]
    return values.reshape(*r.x.shape[:2], h, down, w, across).swapaxes(3, 4)


def filled(r):
    """Each x repeated over its block; only where blocks fill the whole of y."""
    y = np.repeat(np.repeat(r.x, step(r)[0], axis=2), step(r)[1], axis=3)
    return y if y.shape == r.y.shape else None


def sent_in_whole_array(r):
    y = np.zeros_like(r.y)
    y.flat[r.indices] = r.x
    return y


# Wrong places, which backward can get wrong in the same way as forward: name, place, hint.
MISPLACED = [
    (
        "the index is taken for column * OH + row",
        lambda r, n, c, i, j: divmod(r.indices[n, c, i, j], r.output_size[0])[::-1],
        "Number the pixels of a row first: which pixel has number 1?",
    ),
    (
        "the index is divided by the height OH",
        lambda r, n, c, i, j: divmod(r.indices[n, c, i, j], r.output_size[0]),
        "How many pixels are numbered before the second row begins?",
    ),
    (
        "the positions of the first channel are used for all",
        lambda r, n, c, i, j: divmod(r.indices[n, 0, i, j], r.output_size[1]),
        "Each channel had its maxima at other places.",
    ),
    (
        "the positions of the first image are used for all",
        lambda r, n, c, i, j: divmod(r.indices[0, c, i, j], r.output_size[1]),
        "Each image had its maxima at other places.",
    ),
    (
        "the corner of each window is used, and not the position of the maximum",
        lambda r, n, c, i, j: (i * step(r)[0], j * step(r)[1]),
        "That is the bed of nails. What are the indices for?",
    ),
]

MAX_UNPOOL2D = OpExercise(
    name="max_unpool2d",
    summary="values back where the maxima were",
    task="""\
Each x[n, c, i, j] is put back to the place that a max pooling took its maximum from; everything else is 0.
indices[n, c, i, j] is that place in channel c of image n, as one number: row * OW + column. Windows of the pooling did
not overlap, so no two values are sent to one place. indices and output_size = (OH, OW) go to __init__.
Shapes: x and indices (N, C, H, W), y (N, C, OH, OW). backward takes gy, of the shape of y, and returns (gx,).
With x [[1, 2], [3, 4]], indices [[5, 2], [12, 15]]: y = [[0, 0, 2, 0], [0, 1, 0, 0], [0, 0, 0, 0], [3, 0, 0, 4]].""",
    starter="""\
class MaxUnpool2d:
    def __init__(self, indices, output_size):
        self.indices, self.output_size = indices, output_size

    def forward(self, x):
        y = ...
        return y

    def backward(self, gy):
        gx = ...
        return (gx,)
""",
    tip="divmod turns an index into row and column; or flatten each channel of y, and index with indices as they are.",
    inputs=("x",),
    oracle=max_unpool2d,
    cases=[
        dict(x=(2, 3, 2, 2), indices=pooled_at((2, 3, 4, 4), 2), output_size=(4, 4)),
        dict(x=(1, 1, 3, 2), indices=np.array([[[[1, 2], [12, 15], [21, 18]]]]), output_size=(6, 4)),
        dict(x=(2, 2, 2, 3), indices=pooled_at((2, 2, 5, 6), 2), output_size=(5, 6)),
        dict(x=(1, 2, 1, 2), indices=pooled_at((1, 2, 3, 7), 3), output_size=(3, 7)),
    ],
    mistakes=[
        *(Mistake("y", name, lambda r, place=place: sent(r, place), hint) for name, place, hint in MISPLACED),
        Mistake(
            "y",
            "the index is counted through the whole array, not through one channel",
            sent_in_whole_array,
            "Number 0 is a pixel of every channel of every image.",
        ),
        Mistake("y", "each value fills its whole window", filled, "All but one place of a window stays 0."),
        Mistake("y", "y holds ones at the positions, not the values of x", lambda r: r.y != 0, "What is put there?"),
        *(
            Mistake("gx", f"in backward, {name}", lambda r, place=place: fetched(r, place), hint)
            for name, place, hint in MISPLACED
        ),
        Mistake(
            "gx",
            "in backward, the index is counted through the whole array, not through one channel",
            lambda r: r.gy.ravel()[r.indices],
            "Number 0 is a pixel of every channel of every image.",
        ),
        Mistake(
            "gx",
            "gx has the size of y: the places are chosen, but not brought back",
            lambda r: r.gy * (r.y != 0),
            "A gradient has the shape of its array.",
        ),
        Mistake(
            "gx",
            "gx is the largest gy of each window",
            lambda r: blocks(r, r.gy).max(axis=(4, 5)),
            "Unpooling does not compare. Which element of y did x become?",
        ),
        Mistake(
            "gx",
            "gy is summed over each window",
            lambda r: blocks(r, r.gy).sum(axis=(4, 5)),
            "Only one element of the window came from x. The others are constant.",
        ),
    ],
)

EXERCISES = [MAX_UNPOOL2D]
