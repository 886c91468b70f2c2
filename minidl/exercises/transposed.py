"""Exercises: convolution in one dimension, its matrix, and its transpose."""

import numpy as np

from .convolution import cut, flipped, pad, windows
from .exercise import FunctionExercise, Mistake, OpExercise


def conv1d(x, w, stride=1, padding=0):
    x = np.pad(x, padding)
    return np.array([x[i : i + len(w)] @ w for i in range(0, len(x) - len(w) + 1, stride)])


def matrix(length, w, stride, padding):
    """The matrix of conv1d: what it does to each unit vector."""
    return np.stack([conv1d(unit, w, stride, padding) for unit in np.eye(length)], axis=1)


def conv1d_gradient(r, w=None, add=True):
    gx = np.zeros(len(r.x) + 2 * r.padding)
    for i, g in enumerate(r.gy):
        window = slice(i * r.stride, i * r.stride + len(r.w))
        gx[window] = g * (r.w if w is None else w) + (gx[window] if add else 0)
    return gx


CONV1D = OpExercise(
    name="conv1d",
    summary="convolution of a single signal, forward and backward",
    task="""\
y[i] = sum over k of xp[stride i + k] w[k], where xp is x with `padding` zeros at each end. The kernel is not flipped.
With w = (p, q, r), x = (a, b, c, d) and padding 1, stride 2 gives (aq + br, bp + cq + dr).
Shapes: x (L,), w (K,), y (M,) with M = floor((L + 2 padding - K) / stride) + 1. backward takes gy, of the shape of y,
and returns (gx, gw).""",
    starter="""\
class Conv1d:
    def __init__(self, stride=1, padding=0):
        self.stride, self.padding = stride, padding

    def forward(self, x, w):
        self.saved = x, w
        return ...

    def backward(self, gy):
        x, w = self.saved
        gx = ...
        gw = ...
        return gx, gw
""",
    tip="Backward has the loop of forward: what one y[i] took from x and w, its gradient brings back.",
    inputs=("x", "w"),
    oracle=conv1d,
    cases=[
        dict(x=(8,), w=(3,), stride=2, padding=1),
        dict(x=(6,), w=(4,), stride=1, padding=0),
        dict(x=(7,), w=(2,), stride=3, padding=2),
        dict(x=(4,), w=(1,), stride=1, padding=0),
        dict(x=(5,), w=(5,), stride=1, padding=2),
    ],
    mistakes=[
        Mistake(
            "y",
            "the kernel is flipped",
            lambda r: conv1d(r.x, r.w[::-1], r.stride, r.padding),
            "np.convolve flips it. Here w[0] meets the first value of the window.",
        ),
        Mistake(
            "y", "the padding is left out", lambda r: conv1d(r.x, r.w, r.stride, 0), "How long is y, by the formula?"
        ),
        Mistake(
            "y", "the stride is left out", lambda r: conv1d(r.x, r.w, 1, r.padding), "Window i begins at which place?"
        ),
        Mistake(
            "y",
            "the padding is at the left end only",
            lambda r: conv1d(np.pad(r.x, (r.padding, 0)), r.w, r.stride),
            "At each end.",
        ),
        Mistake("gx", "the padding is not cut off", conv1d_gradient, "gx belongs to x, and not to the padded x."),
        Mistake(
            "gx",
            "the kernel is flipped in gx",
            lambda r: conv1d_gradient(r, r.w[::-1])[r.padding : r.padding + len(r.x)],
            "What w did the first value of a window meet? It brings back the gradient.",
        ),
        Mistake(
            "gx",
            "windows that overlap overwrite each other",
            lambda r: conv1d_gradient(r, add=False)[r.padding : r.padding + len(r.x)],
            "An x that is used in several windows gets a gradient from each.",
        ),
        Mistake("gw", "gw is flipped", lambda r: r.gw[::-1], "Which x does w[0] meet?"),
        Mistake("gw", "gw is averaged over the positions", lambda r: r.gw / len(r.gy), "Is there a mean in forward?"),
    ],
)

CONVOLUTION_MATRIX = FunctionExercise(
    name="convolution_matrix",
    summary="a convolution written as one matrix",
    task="""\
The matrix A with A @ x = y, where y is the convolution (kernel not flipped) of a signal x of the given length with w:
y[i] = sum over k of xp[stride i + k] w[k], xp being x with `padding` zeros at each end.
Shapes: w (K,), A (M, length) with M = floor((length + 2 padding - K) / stride) + 1. The columns of A belong to x,
not to the padded x. With w = (p, q, r), length 4, padding 1 and stride 2: A = [[q, r, 0, 0], [0, p, q, r]].""",
    starter="""\
def convolution_matrix(w, length, stride=1, padding=0):
    A = ...
    return A
""",
    tip="Each row holds w once, further to the right than the row above; what lies over the edge meets a zero.",
    inputs=("w",),
    oracle=lambda w, length, stride, padding: matrix(length, w, stride, padding),
    cases=[
        dict(w=(3,), length=6, stride=2, padding=1),
        dict(w=(3,), length=4, stride=1, padding=0),
        dict(w=(2,), length=7, stride=3, padding=2),
        dict(w=(4,), length=5, stride=1, padding=2),
        dict(w=(1,), length=3, stride=1, padding=0),
    ],
    mistakes=[
        Mistake(
            "y",
            "the kernel is flipped",
            lambda r: matrix(r.length, r.w[::-1], r.stride, r.padding),
            "w[0] stands left of w[1].",
        ),
        Mistake(
            "y",
            "the columns of the padding are not cut off",
            lambda r: matrix(r.length + 2 * r.padding, r.w, r.stride, 0),
            "How many columns, if A is multiplied with x?",
        ),
        Mistake(
            "y",
            "the padding is left out",
            lambda r: matrix(r.length, r.w, r.stride, 0),
            "How many rows has A, by the formula?",
        ),
        Mistake(
            "y",
            "the stride is left out",
            lambda r: matrix(r.length, r.w, 1, r.padding),
            "How far is each row shifted?",
        ),
        Mistake("y", "A holds ones in the place of w", lambda r: r.y != 0, "Which number multiplies x?"),
        Mistake(
            "y",
            "the rows are not shifted",
            lambda r: np.tile(r.y[0], (len(r.y), 1)),
            "Row i belongs to window i.",
        ),
    ],
)


def conv_transpose2d(x, w, stride=1, padding=0):
    (h, width), (kh, kw) = x.shape[2:], w.shape[2:]
    y = np.zeros((len(x), w.shape[1], (h - 1) * stride + kh, (width - 1) * stride + kw))
    for i, j, (rows, columns) in windows(y.shape, (kh, kw), stride):
        for c in range(w.shape[0]):
            y[:, :, rows, columns] += x[:, c, i, j][:, None, None, None] * w[c]
    return cut(y, padding)


def overwriting(r):
    """Each window replaces what lies there."""
    y = pad(np.zeros_like(r.y), r.padding)
    for i, j, (rows, columns) in windows(y.shape, r.w.shape[2:], r.stride):
        y[:, :, rows, columns] = np.einsum("nc,cokl->nokl", r.x[:, :, i, j], r.w)
    return cut(y, r.padding)


def convolved(r, w):
    """gy convolved with w: the gradient of x."""
    gy = pad(r.gy, r.padding)
    gx = np.zeros_like(r.x)
    for i, j, (rows, columns) in windows(gy.shape, w.shape[2:], r.stride):
        gx[:, :, i, j] = np.einsum("nokl,cokl->nc", gy[:, :, rows, columns], w)
    return gx


CONV_TRANSPOSE2D = OpExercise(
    name="conv_transpose2d",
    summary="transposed convolution, which makes images larger",
    task="""\
Each value x[n, c, i, j] puts x[n, c, i, j] w[c] on the output of image n, top left corner at (stride i, stride j);
where these overlap they are added. Then `padding` rows and columns are cut off on each side. That is the transpose of
the convolution with the same stride and padding.
Shapes: x (N, C, H, W), w (C, O, kh, kw), y (N, O, OH, OW), OH = (H - 1) stride + kh - 2 padding, OW likewise.
There is no bias. backward takes gy, of the shape of y, and returns (gx, gw).""",
    starter="""\
class ConvTranspose2d:
    def __init__(self, stride=1, padding=0):
        self.stride, self.padding = stride, padding

    def forward(self, x, w):
        self.saved = x, w
        return ...

    def backward(self, gy):
        x, w = self.saved
        gx = ...
        gw = ...
        return gx, gw
""",
    tip="Forward is the input gradient of a convolution: so its own gradient with respect to x is a convolution.",
    inputs=("x", "w"),
    oracle=conv_transpose2d,
    cases=[
        dict(x=(2, 2, 2, 3), w=(2, 2, 3, 3), stride=2, padding=1),
        dict(x=(2, 3, 2, 2), w=(3, 2, 3, 2), stride=1, padding=0),
        dict(x=(1, 1, 3, 1), w=(1, 2, 2, 2), stride=3, padding=0),
        dict(x=(1, 2, 2, 3), w=(2, 1, 4, 4), stride=2, padding=1),
    ],
    mistakes=[
        Mistake(
            "y",
            "kernels that overlap overwrite each other",
            overwriting,
            "Where two kernels meet, y gets something from both.",
        ),
        Mistake(
            "y",
            "the padding is not cut off",
            lambda r: conv_transpose2d(r.x, r.w, r.stride, 0),
            "Padding makes the output of a transposed convolution smaller.",
        ),
        Mistake(
            "y",
            "the padding makes y larger, not smaller",
            lambda r: pad(conv_transpose2d(r.x, r.w, r.stride, 0), r.padding),
            "Padding makes the output of a transposed convolution smaller.",
        ),
        Mistake(
            "y",
            "the kernel is flipped",
            lambda r: conv_transpose2d(r.x, flipped(r.w), r.stride, r.padding),
            "A single 1 in x gives a picture of w: which way round?",
        ),
        Mistake(
            "y",
            "the stride is left out",
            lambda r: conv_transpose2d(r.x, r.w, 1, r.padding),
            "Where lies the corner of the kernel of x[n, c, i, j]?",
        ),
        Mistake(
            "y",
            "the channels of w are swapped",
            lambda r: conv_transpose2d(r.x, r.w.swapaxes(0, 1), r.stride, r.padding),
            "Here w has the shape (C, O, kh, kw): inputs first.",
        ),
        Mistake("gx", "the kernel is flipped in gx", lambda r: convolved(r, flipped(r.w)), "Follow one x through w."),
        Mistake(
            "gx",
            "the channels of w are swapped in gx",
            lambda r: convolved(r, r.w.swapaxes(0, 1)),
            "Here w has the shape (C, O, kh, kw): inputs first.",
        ),
        Mistake("gw", "gw is flipped", lambda r: flipped(r.gw), "Which y does w[c, o, 0, 0] reach?"),
        Mistake("gw", "the channels of gw are swapped", lambda r: r.gw.swapaxes(0, 1), "gw has the shape of w."),
    ],
)

EXERCISES = [CONV_TRANSPOSE2D, CONVOLUTION_MATRIX, CONV1D]
