"""Exercises: convolution with its gradients, im2col, transposed convolution, the matrix of a convolution, 1-D."""

import numpy as np

from .exercise import FunctionExercise, Mistake, OpExercise


def pad(x, padding):
    """Zeros around the last two axes."""
    return np.pad(x, [(0, 0)] * (x.ndim - 2) + [(padding, padding)] * 2)


def windows(shape, kernel, stride):
    """(row of the output, column of the output, the window as an index) for a padded x of this shape."""
    (h, w), (kh, kw) = shape[-2:], kernel
    for i in range((h - kh) // stride + 1):
        for j in range((w - kw) // stride + 1):
            yield i, j, (slice(i * stride, i * stride + kh), slice(j * stride, j * stride + kw))


def conv2d(x, w, b, stride=1, padding=0):
    x = pad(x, padding)
    kernel = w.shape[2:]
    y = np.zeros((len(x), len(w), *((n - k) // stride + 1 for n, k in zip(x.shape[2:], kernel, strict=True))))
    for i, j, (rows, columns) in windows(x.shape, kernel, stride):
        for o in range(len(w)):
            y[:, o, i, j] = (x[:, :, rows, columns] * w[o]).sum(axis=(1, 2, 3)) + b[o]
    return y


def padded_gradient(r, w, add=True):
    """The gradient of the padded x; with add=False, windows overwrite each other."""
    gx = np.zeros_like(pad(r.x, r.padding))
    for i, j, (rows, columns) in windows(gx.shape, w.shape[2:], r.stride):
        part = np.einsum("no,ochw->nchw", r.gy[:, :, i, j], w)
        gx[:, :, rows, columns] = part + (gx[:, :, rows, columns] if add else 0)
    return gx


def cut(gx, padding):
    return gx[..., padding : gx.shape[-2] - padding, padding : gx.shape[-1] - padding]


def flipped(w):
    return w[..., ::-1, ::-1]


CONV2D = OpExercise(
    name="conv2d",
    summary="convolution of images, forward and backward",
    task="""\
y[n, o, i, j] = b[o] + sum over c, k, l of xp[n, c, stride i + k, stride j + l] w[o, c, k, l], where xp is x with
`padding` zeros on each side of its rows and columns. The kernel is not flipped.
Shapes: x (N, C, H, W), w (O, C, kh, kw), b (O,), y (N, O, OH, OW), OH = floor((H + 2 padding - kh) / stride) + 1,
OW likewise. backward takes gy, of the shape of y, and returns (gx, gw, gb).""",
    starter="""\
class Conv2d:
    def __init__(self, stride=1, padding=0):
        self.stride, self.padding = stride, padding

    def forward(self, x, w, b):
        self.saved = x, w
        return ...

    def backward(self, gy):
        x, w = self.saved
        gx = ...
        gw = ...
        gb = ...
        return gx, gw, gb
""",
    tip="Start with loops over i and j only: each window of x, for all n and o at once, is one matrix product.",
    inputs=("x", "w", "b"),
    oracle=conv2d,
    cases=[
        dict(x=(2, 2, 3, 4), w=(2, 2, 3, 3), b=(2,), stride=1, padding=1),
        dict(x=(2, 2, 6, 5), w=(3, 2, 3, 2), b=(3,), stride=2, padding=0),
        dict(x=(1, 1, 3, 4), w=(1, 1, 2, 3), b=(1,), stride=1, padding=0),
        dict(x=(3, 2, 4, 3), w=(1, 2, 1, 1), b=(1,), stride=1, padding=0),
        dict(x=(1, 2, 5, 4), w=(2, 2, 3, 3), b=(2,), stride=3, padding=2),
    ],
    mistakes=[
        Mistake(
            "y",
            "the kernel is flipped",
            lambda r: conv2d(r.x, flipped(r.w), r.b, r.stride, r.padding),
            "In networks, w[o, c, 0, 0] meets the top left corner of the window.",
        ),
        Mistake(
            "y", "the bias is left out", lambda r: r.y - r.b[:, None, None], "One number an output channel is missing."
        ),
        Mistake(
            "y",
            "the padding is left out",
            lambda r: conv2d(r.x, r.w, r.b, r.stride, 0),
            "Which height does the formula give for OH?",
        ),
        Mistake(
            "y",
            "the stride is left out",
            lambda r: conv2d(r.x, r.w, r.b, 1, r.padding),
            "Window i begins at which row?",
        ),
        Mistake(
            "y",
            "the channels of w are swapped",
            lambda r: conv2d(r.x, r.w.swapaxes(0, 1), r.b, r.stride, r.padding),
            "w has the shape (O, C, kh, kw): outputs first.",
        ),
        Mistake(
            "y",
            "rows and columns of the kernel are swapped",
            lambda r: conv2d(r.x, r.w.swapaxes(2, 3), r.b, r.stride, r.padding),
            "w has the shape (O, C, kh, kw).",
        ),
        Mistake("gb", "gb is not summed over the batch", lambda r: r.gy.sum((2, 3)), "Each b is used once an image."),
        Mistake(
            "gb", "gb is not summed over the positions", lambda r: r.gy.sum(0), "Each b is used at every position."
        ),
        Mistake("gb", "gb is a single number", lambda r: r.gy.sum(), "There is one b an output channel."),
        Mistake(
            "gb", "gb is averaged over the positions", lambda r: r.gy.mean((2, 3)).sum(0), "y = ... + b: no mean in it."
        ),
        Mistake("gb", "gb is averaged", lambda r: r.gy.mean((0, 2, 3)), "y = ... + b: no mean in it."),
        Mistake("gw", "gw is flipped", lambda r: flipped(r.gw), "Which x does w[o, c, 0, 0] meet?"),
        Mistake(
            "gw",
            "rows and columns of gw are swapped",
            lambda r: r.gw.swapaxes(2, 3),
            "w has the shape (O, C, kh, kw).",
        ),
        Mistake(
            "gw",
            "the channels of gw are swapped",
            lambda r: r.gw.swapaxes(0, 1),
            "gw has the shape of w: outputs first.",
        ),
        Mistake(
            "gx",
            "the padding is not cut off",
            lambda r: padded_gradient(r, r.w),
            "gx belongs to x, and not to the padded x.",
        ),
        Mistake(
            "gx",
            "the kernel is flipped in gx",
            lambda r: cut(padded_gradient(r, flipped(r.w)), r.padding),
            "Which w was multiplied with the top left corner of a window? It brings back the gradient.",
        ),
        Mistake(
            "gx",
            "windows that overlap overwrite each other",
            lambda r: cut(padded_gradient(r, r.w, add=False), r.padding),
            "An x that is used in several windows gets a gradient from each.",
        ),
        Mistake(
            "gx",
            "the channels of w are swapped in gx",
            lambda r: cut(padded_gradient(r, r.w.swapaxes(0, 1)), r.padding),
            "w has the shape (O, C, kh, kw): outputs first.",
        ),
    ],
)


def im2col(x, kernel_size, stride=1, padding=0):
    x = pad(x, padding)
    n, c = x.shape[:2]
    (kh, kw), places = kernel_size, list(windows(x.shape, kernel_size, stride))
    columns = np.zeros((c * kh * kw, n * len(places)))
    for row, (channel, u, v) in enumerate(np.ndindex(c, kh, kw)):
        for image in range(n):
            for p, (_, _, (rows, cols)) in enumerate(places):
                columns[row, image * len(places) + p] = x[image, channel, rows, cols][u, v]
    return columns


def arranged(r, column_order="nhw", row_order="ckl"):
    """im2col with its rows and columns counted in another order."""
    (n, c), (kh, kw) = r.x.shape[:2], r.kernel_size
    h, w = ((size + 2 * r.padding - k) // r.stride + 1 for size, k in zip(r.x.shape[2:], (kh, kw), strict=True))
    columns = np.einsum(f"cklnhw->{row_order}{column_order}", r.y.reshape(c, kh, kw, n, h, w))
    return columns.reshape(r.y.shape)


IM2COL = FunctionExercise(
    name="im2col",
    summary="every window of an image as a column of a matrix",
    task="""\
im2col writes every window of x (N, C, H, W) as a column. The result has the shape (C kh kw, N OH OW): rows count
channel, row and column in the kernel, columns count image, row and column of the output; the last one counts fastest.
kernel_size is (kh, kw); stride and padding (zeros, on each side) are numbers, as in conv2d.""",
    starter="""\
def im2col(x, kernel_size, stride=1, padding=0):
    kh, kw = kernel_size
    columns = ...
    return columns
""",
    tip="Fill an array of shape (C, kh, kw, N, OH, OW), and reshape at the end.",
    inputs=("x",),
    oracle=im2col,
    cases=[
        dict(x=(2, 3, 4, 5), kernel_size=(3, 2), stride=1, padding=0),
        dict(x=(2, 2, 6, 5), kernel_size=(3, 3), stride=2, padding=1),
        dict(x=(1, 1, 3, 4), kernel_size=(2, 3), stride=1, padding=0),
        dict(x=(3, 2, 4, 3), kernel_size=(1, 1), stride=3, padding=0),
    ],
    mistakes=[
        Mistake(
            "y",
            "the columns count the images fastest",
            lambda r: arranged(r, "hwn"),
            "First all windows of the first image.",
        ),
        Mistake(
            "y",
            "the columns count the windows down each column of the output first",
            lambda r: arranged(r, "nwh"),
            "Read the windows as you read a page.",
        ),
        Mistake(
            "y",
            "the rows count the channels fastest",
            lambda r: arranged(r, row_order="klc"),
            "First all taps of the first channel: so lies w.reshape(O, -1).",
        ),
        Mistake(
            "y",
            "rows and columns of the kernel are swapped",
            lambda r: arranged(r, row_order="clk"),
            "The column in the kernel counts fastest.",
        ),
        Mistake(
            "y",
            "the windows are flipped",
            lambda r: im2col(r.x[..., ::-1, ::-1], r.kernel_size, r.stride, r.padding)[:, ::-1],
            "The first row holds the top left corners.",
        ),
        Mistake(
            "y",
            "the padding is left out",
            lambda r: im2col(r.x, r.kernel_size, r.stride, 0),
            "How many windows does the formula give?",
        ),
        Mistake(
            "y",
            "the stride is left out",
            lambda r: im2col(r.x, r.kernel_size, 1, r.padding),
            "How many windows does the formula give?",
        ),
        Mistake(
            "y",
            "the images are stacked as rows",
            lambda r: np.concatenate([im2col(x[None], r.kernel_size, r.stride, r.padding) for x in r.x]),
            "Each window of each image is a column.",
        ),
    ],
)

EXERCISES = [CONV2D, IM2COL]
