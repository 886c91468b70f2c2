"""Sums over, and scaling of, each channel of images: the passes that batch norm and biases are made of.

On the CPU they go by rows (C, W * N) of the memory order (H, C, W, N), where a channel is one long run, and the sum of
a row a product of the BLAS. Small maps in the order (C, N, H, W) count as a single row.
"""

from contextlib import nullcontext

import numpy as np

from minidl import backend

from .cuda import channels as cuda
from .layout import as_images, as_rows, by_rows
from .lowering import SHORT_ROW

# Mean^2 / variance beyond which E[x^2] - E[x]^2 loses more than about a millionth of the variance in float32.
FAR_FROM_ZERO = 30


def channel_sums(x):
    """The sum of each channel of x (N, C, H, W): an array (C,)."""
    if backend.get_array_module(x) is not np:
        return x.sum(axis=(0, 2, 3))
    return _row_sums(_matrices(x, like=x))


def channel_moments(x):
    """The mean and the biased variance of each channel, and x itself or, where it is far from zero, x less its mean.

    Returns (values, shift, mean, variance) where values + shift is x: the variance is computed in one reading of x
    unless the mean is so large against it that the difference of two large numbers would be left.
    """
    n = x.size // x.shape[1]
    if backend.get_array_module(x) is not np:
        mean, variance = cuda.channel_moments(x)
        return x, 0 * mean, mean, variance
    rows = _matrices(x, like=x)
    sums, squares = _row_sums(rows), _row_products(rows, rows)
    mean = sums / n
    variance = squares / n - mean * mean
    if not np.any(mean * mean > FAR_FROM_ZERO * variance):
        return x, 0 * mean, mean, variance
    centred = _scale_rows(rows, None, np.ones_like(mean), -mean, None)
    rest, squares = _row_sums(centred) / n, _row_products(centred, centred)
    return _as_images(centred, x), mean, mean + rest, squares / n - rest * rest


def channel_products(gy, x):
    """The sums of gy and of gy * x over each channel: two arrays (C,)."""
    if backend.get_array_module(gy, x) is not np:
        return cuda.channel_products(gy, x)
    gy_rows = _matrices(gy, like=x)
    return _row_sums(gy_rows), _row_products(gy_rows, _matrices(x, like=x))


def channel_affine(x, scale, shift, gy=None, gy_scale=None):
    """x * scale + shift, with one scale and one shift a channel; or, with gy, (x * scale + shift + gy) * gy_scale."""
    if backend.get_array_module(x, scale) is not np:
        return cuda.channel_affine(x, scale, shift, gy, gy_scale)
    y = _scale_rows(_matrices(x, x), None if gy is None else _matrices(gy, x), scale, shift, gy_scale)
    return _as_images(y, like=x)


def _matrices(x, like):
    """x by rows (H, C, W * N); as a single one (1, C, N * H * W) where `like` is in planes, so that no copy is made."""
    n, c, h, w = x.shape
    if _in_planes(like):
        return np.ascontiguousarray(x.swapaxes(0, 1)).reshape(1, c, n * h * w)
    return as_rows(x).reshape(h, c, w * n)


def _as_images(matrices, like):
    """The inverse of _matrices."""
    n, c, h, w = like.shape
    return matrices.reshape(c, n, h, w).swapaxes(0, 1) if _in_planes(like) else as_images(matrices.reshape(h, c, w, n))


def _in_planes(x):
    """Whether x is one of the small maps that convolution gives in the order (C, N, H, W)."""
    return len(x) * x.shape[3] < SHORT_ROW and x.swapaxes(0, 1).flags.c_contiguous


def _row_sums(a):
    """The sum of each channel of a (H, C, W * N): an array (C,)."""
    ones = np.ones(a.shape[2], a.dtype)
    return _over_rows(lambda rows, out: np.matmul(a[rows], ones, out=out), a)


def _row_products(a, b):
    """The sum of a * b for each channel of a and b (H, C, W * N): an array (C,)."""
    return _over_rows(lambda rows, out: np.vecdot(a[rows], b[rows], out=out), a)


def _over_rows(function, a):
    """What function(rows, out) gives for each row and channel of a (H, C, W * N), summed over the rows.

    On one thread where there are few: NumPy keeps Python's lock during products with fewer than 500 results.
    """
    results = np.empty(a.shape[:2], a.dtype)

    def part(start, stop):
        function(slice(start, stop), results[start:stop])

    if results.size < 1000:
        part(0, len(a))
    else:
        by_rows(part, a)
    return results.sum(axis=0)


def _scale_rows(x, gy, scale, shift, gy_scale):
    scale, shift = _whole_rows(scale, x), _whole_rows(shift, x)
    gy_scale = None if gy is None else _whole_rows(gy_scale, x)
    y = np.empty_like(x)

    def part(start, stop):
        rows = y[start:stop]
        with backend.long_runs() if len(x) > 1 else nullcontext():
            np.multiply(x[start:stop], scale, out=rows)
            rows += shift
            if gy is not None:
                rows += gy[start:stop]
                rows *= gy_scale

    by_rows(part, x)
    return y


def _whole_rows(values, x):
    """Numbers (C,) for rows x (H, C, L), written out where these are many: NumPy would take twice as long to do so."""
    return values[:, None] if len(x) == 1 else np.repeat(values[:, None], x.shape[2], axis=1)
