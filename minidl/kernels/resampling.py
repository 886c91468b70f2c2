"""Resampling of images: each output line is a weighted sum of few input lines, down the rows and along the columns.

Two matrices are meant, y = A x B^T, but as nearly all their entries are zero, only the others are kept: a table of
the lines that each output takes, and one of their weights. The transpose of such a matrix is a pair of tables again.
So the gradient is the same loop as the forward pass, and only reads from many places: no two additions meet in one.
"""

from typing import NamedTuple

import numpy as np

from minidl import backend

from .cuda import pooling as cuda
from .layout import as_images, as_rows, by_rows
from .lowering import row_blocks

BLOCK_BYTES = 1 << 19  # of an output that is summed up at a time


class Taps(NamedTuple):
    """The entries of a matrix (outputs, size): output i takes weights[i, k] of line lines[i, k]; both (outputs, m)."""

    lines: np.ndarray
    weights: np.ndarray
    size: int

    def transpose(self):
        """The transposed matrix. Outputs that take fewer lines than others take the rest with weight 0."""
        output, k = np.nonzero(self.weights)
        line, weight = self.lines[output, k], self.weights[output, k]
        order = np.argsort(line, kind="stable")
        line, output, weight = line[order], output[order], weight[order]
        k = np.arange(len(line)) - np.searchsorted(line, line)  # counts the outputs of each line
        lines, weights = (np.zeros((self.size, k.max(initial=0) + 1), d) for d in (self.lines.dtype, weight.dtype))
        lines[line, k], weights[line, k] = output, weight
        return Taps(lines, weights, len(self.lines))

    def matrix(self):
        """The matrix written out, to look at.

        >>> linear(2, 4).matrix()
        array([[1.  , 0.  ],
               [0.75, 0.25],
               [0.25, 0.75],
               [0.  , 1.  ]])
        """
        matrix = np.zeros((len(self.lines), self.size))
        np.add.at(matrix, (np.arange(len(self.lines))[:, None], self.lines), self.weights)
        return matrix


def nearest(size, outputs, factor=None):
    """Output i is line floor(i / factor); the factor is outputs / size if it is not given."""
    places = np.arange(outputs) * size / outputs if factor is None else np.arange(outputs) / factor
    lines = np.minimum(places.astype(np.int64), size - 1)[:, None]
    return Taps(lines, np.ones(lines.shape), size)


def linear(size, outputs, factor=None, align_corners=False):
    """Output i lies between two lines, and takes of each the more the nearer it is.

    Pixels are squares: their centres, i + 1/2, are what is scaled. With align_corners they are points, and the first
    and the last output lie on the first and the last line.
    """
    i = np.arange(outputs)
    if align_corners:
        places = i * (size - 1) / max(outputs - 1, 1)
    else:
        places = np.maximum((i + 0.5) * size / outputs - 0.5 if factor is None else (i + 0.5) / factor - 0.5, 0)
    low = np.minimum(places.astype(np.int64), size - 1)
    high = np.minimum(np.ceil(places).astype(np.int64), size - 1)
    share = np.where(high > low, places - low, 0.5)  # on a line: that line twice, as 0 times infinity would be NaN
    return Taps(np.stack([low, high], 1), np.stack([1 - share, share], 1), size)


def resample(x, down, across):
    """y = A x B^T for each image of x (N, C, H, W), where `down` (OH, H) is A and `across` (OW, W) is B."""
    rows = as_rows(x)
    steps = [(0, down), (2, across)]
    if len(down.lines) > down.size:  # across first, while there are fewer rows
        steps.reverse()
    for axis, taps in steps:
        rows = _weighted_sums(rows, axis, taps)
    return as_images(rows)


def _weighted_sums(rows, axis, taps):
    """One of the two products, on rows (H, C, W, N): over the rows (axis 0) or over the columns (axis 2)."""
    xp = backend.get_array_module(rows)
    weights = taps.weights.astype(rows.dtype)
    shape = (*rows.shape[:axis], len(weights), *rows.shape[axis + 1 :])
    if xp is not np:
        lines, weights = xp.asarray(taps.lines), xp.asarray(weights[(..., *[None] * (3 - axis))])
        sums = (rows.take(lines[:, k], axis=axis) * weights[:, k] for k in range(lines.shape[1]))
        return sum(sums, xp.zeros(shape, rows.dtype))
    y = np.empty(shape, rows.dtype)
    step = 1 if axis == 0 else max(BLOCK_BYTES // max(y[:1].nbytes, 1), 1)  # rows at a time, which stay in the cache
    across = np.repeat(weights.T[..., None], rows.shape[3], axis=2)  # written out: NumPy stretches slowly
    copies = (weights == 1).all(axis=0)  # as those of nearest neighbours are: nothing to multiply

    def part(start, stop):
        if axis == 0 and len(copies) == 1 and copies[0]:  # whole lines as they are
            np.take(rows, taps.lines[start:stop, 0], axis=0, out=y[start:stop], mode="clip")
            return
        buffer = np.empty((min(step, stop - start), *shape[1:]), y.dtype)
        for first in range(start, stop, step):
            block = y[first : min(first + step, stop)]
            total = None
            for k in range(weights.shape[1]):
                addend = buffer[: len(block)] if k else block
                if axis == 0:
                    line = rows[taps.lines[first, k]][None]
                    addend = line if copies[k] else np.multiply(line, weights[first, k], out=addend)
                else:
                    np.take(rows[first : first + len(block)], taps.lines[:, k], axis=2, out=addend, mode="clip")
                    if not copies[k]:
                        addend *= across[k]
                total = np.add(total, addend, out=block) if k else addend

    by_rows(part, y)
    return y


def pixel_shuffle(x, r):
    """Channels to pixels: (N, C r^2, H, W) becomes (N, C, H r, W r); channel c r^2 + i r + j holds pixel (i, j)."""
    rows = as_rows(x)
    h, c, w, n = rows.shape
    blocks = rows.reshape(h, c // (r * r), r, r, w, n).transpose(0, 2, 1, 4, 3, 5)
    return as_images(blocks.reshape(h * r, c // (r * r), w * r, n))


def pixel_unshuffle(x, r):
    """The inverse of pixel_shuffle, and its transpose."""
    rows = as_rows(x)
    h, c, w, n = rows.shape
    blocks = rows.reshape(h // r, r, c, w // r, r, n).transpose(0, 2, 1, 4, 3, 5)
    return as_images(blocks.reshape(h // r, c * r * r, w // r, n))


def scatter(x, positions, size):
    """Images of zeros (N, C, *size), where each x stands at its position, row * W + column; the last of several.

    Returns them and what `gather` needs to go back: on the CPU places in memory, by blocks of rows. Positions outside
    raise an IndexError.
    """
    outside = IndexError(f"positions must lie from 0 to {size[0] * size[1] - 1}")
    if backend.get_array_module(x, positions) is not np:
        # This waits for the GPU, which would write to a wrong place without a word. Read as an unsigned number, a
        # negative position is a huge one.
        if x.size and positions.view(f"u{positions.itemsize}").max() >= size[0] * size[1]:
            raise outside
        return cuda.scatter(x, positions, size), positions
    n, c, h, w = x.shape
    rows, positions = (as_rows(a).reshape(h, c, w * n) for a in (x, positions.astype(np.int64, copy=False)))
    line = size[1] * n  # a row of one channel; between two rows lie those of the other channels
    y = np.empty((size[0], c, line), x.dtype)
    memory = y.reshape(-1)
    table = np.add.outer(np.arange(size[0]) * c * line, np.arange(size[1]) * n).reshape(-1)  # for the first image
    within = np.add.outer(np.arange(c) * line, np.tile(np.arange(n), w))  # what channel and image add to that
    blocks = row_blocks(h, 8 * c * w * n)  # bytes of the places in one row
    places, apart = [None] * len(blocks), [True] * len(blocks)

    def part(first, last):
        for i, (start, stop) in enumerate(blocks[first:last], first):
            position = positions[start:stop]
            lowest, highest = position.min(initial=len(table)), position.max(initial=-1)
            if lowest < 0 or highest >= len(table):
                raise outside
            top, bottom = (end * size[0] // h for end in (start, stop))
            apart[i] = top * size[1] <= lowest and highest < bottom * size[1]
            place = table.take(position, mode="clip")
            place += within
            places[i] = place.reshape(-1)
            y[top:bottom] = 0
            memory[places[i]] = rows[start:stop].reshape(-1)

    backend.parallel(part, len(blocks), alone=y.nbytes < backend.SHARE_BYTES)
    places = list(zip(blocks, places, strict=True))
    if not all(apart):  # blocks met in places that others cleared or filled: once more, one after the other
        y[...] = 0
        for (start, stop), place in places:
            memory[place] = rows[start:stop].reshape(-1)
    return as_images(y.reshape(size[0], c, size[1], n)), places


def gather(y, places, shape):
    """The values of y at places that scatter gave, (N, C, H, W): its transpose, where no position comes twice."""
    if backend.get_array_module(y, places) is not np:
        return cuda.gather(y, places)
    n, c, h, w = shape
    memory, x = as_rows(y).reshape(-1), np.empty((h, c, w, n), y.dtype)

    def part(first, last):
        for (start, stop), place in places[first:last]:
            np.take(memory, place, out=x[start:stop].reshape(-1), mode="clip")

    backend.parallel(part, len(places), alone=y.nbytes < backend.SHARE_BYTES)
    return as_images(x)
