"""Windows of an image, the plain way: im2col writes every window as a column of one matrix, col2im adds them back.

With them convolution is a matrix product, `y = w.reshape(O, -1) @ im2col(x)`, and every gradient is one more. This is
the form that lectures show, that runs on a GPU, and that tests hold the fast form (convolution.py) against.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minidl import backend

from .cuda import lowering as cuda
from .layout import as_items, pair


def output_size(size, kernel, stride=1, padding=0, dilation=1):
    """How many positions a window has: floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1.

    >>> output_size(32, kernel=5), output_size(224, kernel=7, stride=2, padding=3)
    (28, 112)
    """
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def output_sizes(shape, kernel, stride, padding, dilation):
    """(OH, OW) for an input shape (N, C, H, W) and pairs (height, width)."""
    return tuple(map(output_size, shape[2:], kernel, stride, padding, dilation))


def same_padding(size, kernel_size, stride=1, dilation=1):
    """The padding ((top, bottom), (left, right)) with which an image of size (H, W) gives ceil(size / stride) outputs.

    What TensorFlow calls "SAME". An odd total leaves one more at the bottom and at the right.

    >>> same_padding((28, 28), kernel_size=5), same_padding((224, 224), kernel_size=7, stride=2)
    (((2, 2), (2, 2)), ((2, 3), (2, 3)))
    """
    if min(*pair(size), *pair(kernel_size), *pair(stride), *pair(dilation)) < 1:
        raise ValueError(
            f"same_padding: size, kernel_size, stride and dilation must be at least 1, got size {size}, "
            f"kernel_size {kernel_size}, stride {stride}, dilation {dilation}"
        )
    padding = []
    for n, k, s, d in zip(pair(size), pair(kernel_size), pair(stride), pair(dilation), strict=True):
        covered = (-(-n // s) - 1) * s + d * (k - 1) + 1  # by so many windows, from the first to the last value
        total = max(covered - n, 0)
        padding.append((total // 2, total - total // 2))
    return tuple(padding)


def taps(kernel, stride, dilation, outputs):
    """For each element (i, j) of the kernel: the rows and columns of the padded image that it meets, one an output."""
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            top, left = i * dilation[0], j * dilation[1]
            rows = slice(top, top + stride[0] * outputs[0], stride[0])
            columns = slice(left, left + stride[1] * outputs[1], stride[1])
            yield i, j, rows, columns


def im2col(x, kernel, stride=(1, 1), padding=(0, 0), dilation=(1, 1)):
    """Every window of x (N, C, H, W) as a column: (C * kh * kw, N * OH * OW).

    >>> import numpy as np
    >>> im2col(np.arange(9.0).reshape(1, 1, 3, 3), (2, 2))
    array([[0., 1., 3., 4.],
           [1., 2., 4., 5.],
           [3., 4., 6., 7.],
           [4., 5., 7., 8.]])
    """
    xp = backend.get_array_module(x)
    n, c, h, w = x.shape
    if (*kernel, *stride, *padding) == (1, 1, 1, 1, 0, 0):
        return x.swapaxes(0, 1).reshape(c, n * h * w)  # a window is a pixel: there is nothing to copy
    outputs = output_sizes(x.shape, kernel, stride, padding, dilation)
    columns = xp.empty((c, *kernel, n, *outputs), x.dtype)
    if xp is np:
        padded = _padded(x, padding)
        image, channel, row, column = padded.strides
        steps = channel, dilation[0] * row, dilation[1] * column, image, stride[0] * row, stride[1] * column
        windows, target = as_strided(padded, columns.shape, steps), columns
        if steps[-1] == x.itemsize:  # whole rows of positions: they may be short, and NumPy's loops over them slow
            windows, target = as_items(windows), as_items(target)

        def part(start, stop):
            target[start:stop] = windows[start:stop]

        backend.parallel(part, c, alone=columns.nbytes < backend.SHARE_BYTES)
    else:
        cuda.im2col(x, columns, outputs, (kernel, stride, padding, dilation))
    return columns.reshape(c * kernel[0] * kernel[1], n * outputs[0] * outputs[1])


def _padded(x, padding):
    """x with zeros around each image. np.pad would take as long as a tenth of a convolution of one image."""
    if padding == (0, 0):
        return x
    (n, c, h, w), (ph, pw) = x.shape, padding
    padded = np.zeros((n, c, h + 2 * ph, w + 2 * pw), x.dtype)
    padded[:, :, ph : ph + h, pw : pw + w] = x
    return padded


def col2im(columns, shape, kernel, stride=(1, 1), padding=(0, 0), dilation=(1, 1)):
    """The transpose of im2col: add every column back to its window, giving an image of the shape (N, C, H, W).

    Each tap is one addition of whole images, in a fixed order: no two additions meet in one place at a time.
    """
    n, c, h, w = shape
    outputs = output_sizes(shape, kernel, stride, padding, dilation)
    columns = columns.reshape(c, *kernel, n, *outputs)
    if backend.get_array_module(columns) is not np:
        return cuda.col2im(columns, shape, outputs, (kernel, stride, padding, dilation))
    padded = np.zeros((n, c, h + 2 * padding[0], w + 2 * padding[1]), columns.dtype)
    for i, j, rows, cols in taps(kernel, stride, dilation, outputs):
        padded[:, :, rows, cols] += columns[:, i, j].swapaxes(0, 1)
    return padded[:, :, padding[0] : padding[0] + h, padding[1] : padding[1] + w]
