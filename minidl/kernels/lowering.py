"""Lowering: the windows that a convolution sees, laid out as the columns of matrix products, with little copying.

The plain way (windows.py) copies each input value kh * kw times. Here, with memory (H, C, W, N), only the kw
horizontal taps are copied, in long runs; the kh vertical ones come for free, because the taps of kh rows that
follow each other already lie one behind the other and can be read as one matrix:

    taps     (rows, kw, C, OW, N)           taps[h, j, c, ow] = x[h, c, ow * stride + j - padding]
    windows  (OH, kh * kw * C, OW * N)      a view: window row oh starts at taps row oh * stride
    y        (OH, O, OW * N)                w (O, kh * kw * C) @ windows, and lies in memory as the next layer wants it

Work goes by blocks of rows: few enough for the taps to stay in the cache, cut the same way for any number of threads.
"""

import itertools
import threading
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minidl import backend

from . import matrix
from .matrix import small_products
from .windows import output_sizes

BLOCK_BYTES = 4 << 20  # taps of one block: they should stay in the cache, but rows at its edges are lowered twice
SHORT_ROW = 32  # values; with fewer the BLAS spends its time on preparations


class Geometry(NamedTuple):
    """The numbers that describe a convolution, each but groups a pair (height, width)."""

    kernel: tuple
    stride: tuple = (1, 1)
    padding: tuple = (0, 0)
    dilation: tuple = (1, 1)
    groups: int = 1

    def outputs(self, shape):
        """(OH, OW) for images of a shape (N, C, H, W)."""
        return output_sizes(shape, self.kernel, self.stride, self.padding, self.dilation)


def lower(rows, start, stop, ow, geometry):
    """The windows that output rows start to stop - 1 see: (groups, stop - start, kh * kw * C / groups, OW * N).

    rows: the input as (H, C, W, N). With a vertical dilation the windows are no longer a plain view: reshape copies.
    They stand in scratch memory: the next call in the same thread overwrites them.
    """
    (kh, kw), (sh, sw), (ph, pw), (dh, dw), groups = geometry
    h, c, w, n = rows.shape
    first, last = start * sh - ph, (stop - 1) * sh - ph + dh * (kh - 1) + 1
    inside = slice(min(max(first, 0), h), max(min(last, h), 0))
    rows = split_channels(rows, groups, keep_width=True)
    if kw == 1 and sw == 1 and pw == 0 and first >= 0 and last <= h:
        taps = rows[:, first:last, None]
    else:
        taps = scratch((groups, last - first, kw, c // groups, ow, n), rows.dtype)
        taps[:, : inside.start - first] = 0
        taps[:, inside.stop - first :] = 0
        for j in range(kw):
            columns, met = meeting(j * dw - pw, sw, w, ow)
            tap = taps[:, inside.start - first : inside.stop - first, j]
            tap[..., : columns.start, :] = 0
            tap[..., columns.stop :, :] = 0
            tap[..., columns, :] = rows[:, inside, :, met]
    group, row, _, channel, _, item = taps.strides
    shape = (groups, stop - start, kh, kw * (c // groups), ow * n)
    windows = as_strided(taps, shape, (group, sh * row, dh * row, channel, item))
    return windows.reshape(groups, stop - start, kh * kw * (c // groups), ow * n)


def multiply(weights, windows, out):
    """out = weights (..., 1, O, size) @ windows (..., rows, size, L), where short rows are put side by side.

    Not where the BLAS has a fast way for small products.
    """
    *others, rows, size, length = windows.shape
    if length >= SHORT_ROW or matrix.SMALL_PRODUCT:
        small_products(weights, windows, out)
    else:
        columns = windows.swapaxes(-3, -2).reshape(*others, size, rows * length)
        products = np.matmul(weights[..., 0, :, :], columns)
        out[...] = products.reshape(*products.shape[:-1], rows, length).swapaxes(-3, -2)


def scratch(shape, dtype):
    """An array for a moment, in memory that this thread uses over and over: so it is still in the cache.

    Only the latest one is good. Larger ones than a block needs are new, or their memory would never be given back.
    """
    size = prod(shape) * np.dtype(dtype).itemsize
    if size > 4 * BLOCK_BYTES:
        return np.empty(shape, dtype)
    if size > len(_kept.memory):
        _kept.memory = np.empty(size, np.uint8)
    return _kept.memory[:size].view(dtype).reshape(shape)


class _Kept(threading.local):
    memory = np.empty(0, np.uint8)


_kept = _Kept()


def meeting(left, stride, width, outputs):
    """Of a tap that meets column left + ow * stride: the ow where that is in the image, and the columns; slices."""
    begin = min(max(_ceil_div(-left, stride), 0), outputs)
    end = max(min(_ceil_div(width - left, stride), outputs), begin)
    first = left + begin * stride
    return slice(begin, end), slice(first, first + (end - begin) * stride, stride)


def lowered_bytes(rows, geometry):
    """The size of the taps that one output row needs to have lowered."""
    return rows[0].nbytes * geometry.kernel[1] * geometry.stride[0] // geometry.stride[1]


def as_matrix(w, groups):
    """Weights (O, C / groups, kh, kw) as what multiplies windows: (groups, 1, O / groups, kh * kw * C / groups)."""
    kernels = w.transpose(0, 2, 3, 1).reshape(groups, 1, w.shape[0] // groups, -1)
    return np.ascontiguousarray(kernels)  # the BLAS reads no kernel backwards, as the view of a turned one would be


def split_channels(rows, groups, keep_width=False):
    """A view of rows (H, C, W, N) by groups: (groups, H, C / groups, W * N), or with W and N kept apart."""
    h, c, w, n = rows.shape
    size = (w, n) if keep_width else (w * n,)
    return rows.reshape(h, groups, c // groups, *size).swapaxes(0, 1)


def row_blocks(count, bytes_per_row):
    """Cut range(count) into blocks of about BLOCK_BYTES: a multiple of four, so that threads are equally busy."""
    blocks = min(4 * _ceil_div(count * max(bytes_per_row, 1), 4 * BLOCK_BYTES), count)
    return list(itertools.pairwise(backend.cuts(count, blocks)))


def lower_blocks(rows, blocks, first, last, ow, geometry):
    """Yield (i, start, stop, windows) for blocks first to last - 1, each the rows start to stop - 1 of the output."""
    for i, together in grouped(blocks, first, last, lowered_bytes(rows, geometry)):
        top = together[0][0]
        windows = lower(rows, top, together[-1][1], ow, geometry)
        for j, (start, stop) in enumerate(together, i):
            yield j, start, stop, windows[:, start - top : stop - top]


def grouped(blocks, first, last, bytes_per_row):
    """Yield (i, blocks from i on) for blocks first to last - 1, as many together as fit into BLOCK_BYTES.

    So fewer rows at edges are lowered twice; yet each block is given out alone, and what is summed over one is the
    same whichever blocks a thread was given.
    """
    rows = BLOCK_BYTES // max(bytes_per_row, 1)
    count = max(rows // max(stop - start for start, stop in blocks), 1)
    for i in range(first, last, count):
        yield i, blocks[i : min(i + count, last)]


def _ceil_div(a, b):
    return -(-a // b)
