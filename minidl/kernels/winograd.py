"""Convolution with half the multiplications, for kernels of three rows: Winograd's F(4, 3), down the columns.

Four outputs below each other, of a kernel w of three pixels on six pixels x, take twelve products. Six are enough:

    y = A^T ((G w) * (B^T x))        y (4), w (3), x (6), and * multiplies number by number

Here x, w and y hold rows of images and of kernels in place of numbers: B^T mixes six rows of the image into six others,
G three rows of the kernel into six, and each of these six kernels, one row high, slides along its own row. Sliding is
a matrix product for each of its kw columns, with the row from that column on; adding them up is left to A^T. What it
costs is a digit: errors grow to some 3e-6 of the largest result. And a pixel that is infinite or NaN spoils all four
rows.

Winograd, "Arithmetic complexity of computations" (1980); Lavin and Gray, "Fast algorithms for convolutional neural
networks" (2016), section 4.3.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minidl import backend

from . import matrix
from .lowering import grouped, multiply, row_blocks, scratch
from .matrix import small_products, sum_of_products

TILE, PATCH = 4, 6  # rows of the output that are computed together, and rows of the image that they see
FEW_CHANNELS = 16  # with fewer, of x or of y, mixing rows takes the time that products save
FEW_POSITIONS = 150 if matrix.SMALL_PRODUCT else 500  # with fewer, mixing kernels takes what products save
LONG_ROW = 256  # numbers in a row of the output, of all images

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
    return w_shape[2] == 3 and geometry.stride == geometry.dilation == (1, 1)


def pays(shape, w_shape, geometry):
    """Whether this is the faster way to an output of this shape, (N, O, OH, OW)."""
    n, outputs, oh, ow = shape
    large = min(w_shape[1], outputs // geometry.groups) >= FEW_CHANNELS and n * oh * ow >= FEW_POSITIONS
    return fits(w_shape, geometry) and large and (oh == TILE or oh > PATCH)


def slide(rows, w, y, geometry, bias=None, gy=None):
    """Convolve rows (H, C, W, N) with w (O, C / groups, 3, kw), add the bias, and write to y, rows (OH, O, OW, N).

    Rows may lie in memory in any order. With gy, rows as y has them, also return the gradient of w. Each block of tiles
    gives a sum of its own, and these are added in order, so threads do not change the result.
    """
    (_, kw), _, padding, _, groups = geometry
    (oh, outputs, ow, n), channels = y.shape, w.shape[1]
    # A product for each column of the kernel needs no copy of the windows. Where the BLAS copies everything anyway, a
    # longer one, for all of them together, is better if rows are short.
    kernels = _mix_kernels(w, groups, taps=kw if matrix.SMALL_PRODUCT or ow * n >= LONG_ROW else 1)
    _, taps, _, _, outputs, size = kernels.shape
    shape = PATCH, taps, groups, outputs, ow * n
    tile_bytes = PATCH * taps * y[0].nbytes
    blocks = row_blocks(-(-oh // TILE), tile_bytes)
    sums = None if gy is None else np.empty((len(blocks), *shape[:3], size, outputs), y.dtype)

    def part(first, last):
        for i, together in grouped(blocks, first, last, tile_bytes):
            start, stop = together[0][0], together[-1][1]
            tiles = stop - start
            mixed = _mix(BT, _tiles(rows, start, stop, PATCH, padding)).reshape(tiles, PATCH, groups, channels, -1)
            windows = _windows(mixed, kw, n, ow * n).reshape(PATCH, groups, tiles, taps, size, ow * n)
            windows = windows.transpose(0, 3, 1, 2, 4, 5)
            products = scratch((tiles, *shape), y.dtype)
            multiply(kernels, windows, products.transpose(1, 2, 3, 0, 4, 5))
            target = y[start * TILE : stop * TILE]
            _add_taps(products.reshape(tiles, PATCH * taps, -1), taps, target)
            if bias is not None:
                target += bias
            if gy is not None:
                changes = _mix(AT.T, _tiles(gy, start, stop, TILE, (0, 0))).reshape(tiles, PATCH, 1, *shape[2:])
                changes = changes.transpose(1, 2, 3, 0, 5, 4)
                for j, block in enumerate(together, i):
                    own = slice(block[0] - start, block[1] - start)
                    sum_of_products(windows[:, :, :, own], changes[:, :, :, own], sums[j])

    backend.parallel(part, len(blocks))
    if gy is not None:
        gw = _mix(G.T, sums.sum(axis=0).reshape(PATCH, -1)).reshape(3, taps, groups, kw // taps, channels, outputs)
        return gw.transpose(2, 5, 4, 0, 1, 3).reshape(w.shape)


def _mix(mixing, rows, out=None):
    """The matrix (I, J) times rows (..., J, L)."""
    out = np.empty((*rows.shape[:-2], len(mixing), rows.shape[-1]), rows.dtype) if out is None else out
    small_products(mixing.astype(rows.dtype), rows, out)
    return out


def _mix_kernels(w, groups, taps):
    """w (O, C / groups, 3, kw) with its rows mixed: (PATCH, taps, groups, 1, O / groups, kw / taps * C / groups)."""
    outputs, channels, _, kw = w.shape
    size = kw // taps * channels
    mixed = np.empty((PATCH, taps, outputs * size), w.dtype)

    def part(start, stop):
        rows = np.ascontiguousarray(w[start:stop].transpose((2, 3, 0, 1) if taps == kw else (2, 0, 3, 1)))
        _mix(G, rows.reshape(3, taps, -1).swapaxes(0, 1), out=mixed[..., start * size : stop * size].swapaxes(0, 1))

    backend.parallel(part, outputs, alone=mixed.nbytes < backend.SHARE_BYTES)
    return mixed.reshape(PATCH, taps, groups, 1, outputs // groups, size)


def _tiles(rows, start, stop, height, padding):
    """The rows (H, C, W, N), padded, that tiles start to stop - 1 see, `height` each: a view (tiles, height, L)."""
    h, c, w, n = rows.shape
    ph, pw = padding
    first, last = start * TILE - ph, (stop - 1) * TILE - ph + height
    seen = rows[max(first, 0) : max(last, 0)]
    if pw or first < 0 or last > h:
        padded = np.empty((last - first, c, w + 2 * pw, n), rows.dtype)
        above = max(-first, 0)
        below = above + len(seen)
        padded[:above] = padded[below:] = padded[:, :, :pw] = padded[:, :, pw + w :] = 0
        padded[above:below, :, pw : pw + w] = seen
        seen = padded
    seen = np.ascontiguousarray(seen)
    row = seen.strides[0]
    return as_strided(seen, (stop - start, height, seen[0].size), (TILE * row, row, seen.itemsize))


def _windows(mixed, kw, step, length):
    """What the columns of a kernel meet: the rows of mixed (tiles, PATCH, groups, C, L) from the column on.

    A view (PATCH, groups, tiles, kw, C, length); step: how many numbers a column has.
    """
    tiles, patches, groups, channels, _ = mixed.shape
    tile, patch, group, channel, item = mixed.strides
    shape = patches, groups, tiles, kw, channels, length
    return as_strided(mixed, shape, (patch, group, tile, step * item, channel, item))


def _add_taps(products, taps, target):
    """A^T times products (tiles, PATCH * taps, L), in which the taps are added up, as the rows of target."""
    mixing = np.repeat(AT, taps, axis=1)
    tiles, _, length = products.shape
    if len(target) == tiles * TILE and target.flags.c_contiguous:
        _mix(mixing, products, out=target.reshape(tiles, TILE, length))
    else:  # the last tile reaches beyond the image, or y lies otherwise
        target[...] = _mix(mixing, products).reshape(tiles * TILE, *target.shape[1:])[: len(target)]
