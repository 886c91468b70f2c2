"""Convolution with half the multiplications, for kernels of three rows: Winograd's F(4, 3), down the columns.

Four outputs below each other, of a kernel w of three pixels on six pixels x, take twelve products. Six are enough:

    y = A^T ((G w) * (B^T x))        y (4), w (3), x (6), and * multiplies number by number

Here x, w and y hold rows of images and of kernels in place of numbers: B^T mixes six rows of the image into six others,
G three rows of the kernel into six, and each of these six kernels, one row high, slides along its own row. To the rest
of the code they are six groups of channels. What it costs is a digit: errors grow to some 3e-6 of the largest result.
And a pixel that is infinite or NaN spoils all four rows.

Winograd, "Arithmetic complexity of computations" (1980); Lavin and Gray, "Fast algorithms for convolutional neural
networks" (2016), section 4.3.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minidl import backend

from .lowering import correlate, grouped, lower, lowered_bytes, multiply, row_blocks

TILE, PATCH = 4, 6  # rows of the output that are computed together, and rows of the image that they see
FEW_CHANNELS = 16  # with fewer, of x or of y, mixing rows takes the time that products save (measured)
FEW_POSITIONS = 500  # of all images; with fewer, mixing the kernels takes longer than products save

# Toom and Cook's matrices for the points 0, 1, -1, 2, -2 and infinity.
BT = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
G = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24
AT = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])


def fits(w_shape, geometry):
    """Whether a convolution with weights of this shape can go this way."""
    return w_shape[2] == 3 and geometry.stride[0] == geometry.dilation[0] == 1


def pays(shape, w_shape, geometry):
    """Whether this is the faster way to an output of this shape, (N, O, OH, OW)."""
    n, outputs, oh, ow = shape
    large = min(w_shape[1], outputs // geometry.groups) >= FEW_CHANNELS and n * oh * ow >= FEW_POSITIONS
    return fits(w_shape, geometry) and large and (oh == TILE or oh > PATCH)


def slide(rows, w, y, geometry, bias=None, gy=None):
    """Convolve rows (H, C, W, N) with w (O, C / groups, 3, kw), add the bias, and write to y, rows (OH, O, OW, N).

    With gy, rows as y has them, also return the gradient of w. Each block of tiles gives a sum of its own, and these
    are added in order, so threads do not change the result.
    """
    (_, kw), (_, sw), (ph, pw), (_, dw), groups = geometry
    across = geometry._replace(
        kernel=(1, kw), stride=(1, sw), padding=(0, pw), dilation=(1, dw), groups=PATCH * groups
    )
    (_, c, width, n), (oh, outputs, ow, _) = rows.shape, y.shape
    size = kw * c // groups, outputs // groups
    kernels = w.reshape(groups, size[1], c // groups, 3, kw).transpose(3, 0, 1, 4, 2)
    weights = _mix(G, kernels.reshape(3, -1)).reshape(PATCH * groups, 1, size[1], size[0])
    blocks = row_blocks(-(-oh // TILE), PATCH * lowered_bytes(rows, across))
    sums = None if gy is None else np.empty((len(blocks), PATCH * groups, *size), y.dtype)

    def part(first, last):
        for i, together in grouped(blocks, first, last, PATCH * lowered_bytes(rows, across)):
            start, stop = together[0][0], together[-1][1]
            tiles = stop - start
            mixed = _mix(BT, _tiles(rows, start, stop, PATCH, ph)).reshape(tiles, PATCH * c, width, n)
            windows = lower(mixed, 0, tiles, ow, across)
            products = np.empty((tiles, PATCH * groups, size[1], ow * n), y.dtype)
            if gy is not None:
                changes = _mix(AT.T, _tiles(gy, start, stop, TILE, 0)).reshape(products.shape).swapaxes(0, 1)
            for j, block in enumerate(together, i):
                own = slice(block[0] - start, block[1] - start)
                multiply(weights, windows[:, own], products[own].swapaxes(0, 1))
                if gy is not None:
                    correlate(windows[:, own], changes[:, own], sums[j])
            target = y[start * TILE : stop * TILE]
            products = products.reshape(tiles, PATCH, outputs * ow * n)
            if len(target) == tiles * TILE and target.flags.c_contiguous:
                _mix(AT, products, out=target.reshape(tiles, TILE, outputs * ow * n))
            else:  # the last tile reaches beyond the image, or y lies otherwise
                target[...] = _mix(AT, products).reshape(tiles * TILE, outputs, ow, n)[: len(target)]
            if bias is not None:
                target += bias

    backend.parallel(part, len(blocks))
    if gy is not None:
        gw = _mix(G.T, sums.sum(axis=0).reshape(PATCH, -1)).reshape(3, groups, kw, c // groups, size[1])
        return gw.transpose(1, 4, 3, 0, 2).reshape(w.shape)


def _mix(matrix, rows, out=None):
    """The matrix (I, J) times rows (..., J, L)."""
    return np.matmul(matrix.astype(rows.dtype), rows, out=out)


def _tiles(rows, start, stop, height, padding):
    """The rows (H, ...) that tiles start to stop - 1 see, `height` each, as (tiles, height, L): mostly a view."""
    first, last = start * TILE - padding, (stop - 1) * TILE - padding + height
    seen = rows[max(first, 0) : max(last, 0)]
    if first < 0 or last > len(rows):
        padded = np.zeros((last - first, *rows.shape[1:]), rows.dtype)
        padded[max(-first, 0) :][: len(seen)] = seen
        seen = padded
    row = seen.strides[0]
    return as_strided(seen, (stop - start, height, seen[0].size), (TILE * row, row, seen.itemsize))
