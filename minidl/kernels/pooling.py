"""Max and average pooling of images (N, C, H, W); on the CPU by whole rows of the memory order (H, C, W, N).

No image is padded: each element of the window (a tap) is met with those outputs for which it lies inside the image.
With a stride, the columns that a tap meets lie apart, and for few images NumPy's loops are short; a copy in `phases`
then brings them together. Threads share out the channels, because windows that overlap meet within a channel only.
"""

from typing import NamedTuple

import numpy as np

from minidl import backend

from .cuda import pooling as cuda
from .layout import as_images, as_items, as_rows, by_rows
from .lowering import meeting
from .windows import output_size

BLOCK_BYTES = 1 << 20  # of channels that are worked on at a time, where windows overlap
FEW_IMAGES = 16  # with fewer, columns with a stride are brought together where several windows read them (measured)


class Window(NamedTuple):
    """The numbers that describe a pooling, each but the last a pair (height, width)."""

    kernel: tuple
    stride: tuple
    padding: tuple = (0, 0)
    ceil_mode: bool = False

    @property
    def overlap(self):
        """Whether windows share places of the image."""
        return self.kernel[0] > self.stride[0] or self.kernel[1] > self.stride[1]

    def outputs(self, shape):
        """(OH, OW) for images of a shape (N, C, H, W).

        With ceil_mode a last window may reach beyond the padding, but none starts behind the image:

        >>> Window((2, 2), (2, 2)).outputs((1, 1, 5, 6)), Window((2, 2), (2, 2), ceil_mode=True).outputs((1, 1, 5, 6))
        ((2, 3), (3, 3))
        """
        counts = []
        for size, k, s, p in zip(shape[2:], self.kernel, self.stride, self.padding, strict=True):
            count = output_size(size + (s - 1 if self.ceil_mode else 0), k, s, p)
            counts.append(count - 1 if self.ceil_mode and (count - 1) * s >= size + p else count)
        return tuple(counts)

    def phases(self, count):
        """Into how many phases the columns of `count` images are to be sorted: 1 leaves them as they are."""
        return self.stride[1] if self.overlap and 1 < count < FEW_IMAGES else 1

    def taps(self, shape, outputs):
        """For each tap in reading order: (the outputs where it lies in the image, the places there), indices.

        The first is one of rows, the second one of what `phases` makes of rows.
        """
        every, split = slice(None), self.phases(shape[0])
        for i in range(self.kernel[0]):
            for j in range(self.kernel[1]):
                rows, places = meeting(i - self.padding[0], self.stride[0], shape[2], outputs[0])
                columns, across = meeting(j - self.padding[1], self.stride[1], shape[3], outputs[1])
                first, step = across.start // split, self.stride[1] // split
                own = slice(first, first + (columns.stop - columns.start) * step, step)
                yield (rows, every, columns), (places, every, across.start % split, own)

    def areas(self, shape, outputs, like):
        """How many places each window covers, the padding included: a number, or (OH, OW) of the type of `like`."""
        if not self.ceil_mode:
            return self.kernel[0] * self.kernel[1]
        xp = backend.get_array_module(like)
        heights, widths = (
            xp.minimum(k, size + 2 * p - s * xp.arange(n))
            for size, k, s, p, n in zip(shape[2:], self.kernel, self.stride, self.padding, outputs, strict=True)
        )
        return (heights[:, None] * widths).astype(like.dtype)


def max_pool2d(x, window):
    """The largest value in each window (padding never is); x (N, C, H, W) gives (N, C, OH, OW)."""
    if backend.get_array_module(x) is not np:
        return cuda.pool("max_pool", x, window)
    return _fold(np.maximum, -np.inf, x, window)


def max_pool2d_gradient(x, y, gy, window):
    """gx: each gy goes to the place of its maximum, the first one in reading order where several are equal.

    A NaN equals nothing, so the gradient of a window that holds one goes nowhere.
    """
    if backend.get_array_module(x, y, gy) is not np:
        return cuda.spread(gy, cuda.pool("max_positions", x, window, np.int64), x.shape, window)
    taps = list(window.taps(x.shape, y.shape[2:]))
    x_rows, y_rows, gy_rows = as_rows(x), as_rows(y), as_rows(gy)
    gx = np.empty_like(x_rows)

    def part(start, stop):
        y, gy = y_rows[:, start:stop], gy_rows[:, start:stop]
        x, gx_phases = (phases(rows[:, start:stop], window) for rows in (x_rows, gx))
        gx_phases[...] = 0
        free = np.ones(y.shape, bool)
        for out, places in taps:
            hit = x[places] == y[out]
            hit &= free[out]
            free[out] ^= hit
            if window.overlap:
                gx_phases[places] += gy[out] * hit
            else:
                np.multiply(gy[out], hit, out=gx_phases[places])
        from_phases(gx_phases, gx[:, start:stop])

    _by_channels(part, x_rows, window)
    return as_images(gx)


def max_positions(x, y, window):
    """Where each maximum stands, as row * W + column: int64 (N, C, OH, OW). Of equals, or of NaN, the first one."""
    if backend.get_array_module(x, y) is not np:
        return cuda.pool("max_positions", x, window, np.int64)
    x_rows, y_rows = as_rows(x), as_rows(y)
    positions = np.empty(y_rows.shape, np.int64)
    numbers = np.arange(x.shape[2] * x.shape[3]).reshape(x.shape[2], 1, x.shape[3], 1)
    numbers = phases(np.repeat(numbers, len(x), axis=3), window)
    taps = list(window.taps(x.shape, y.shape[2:]))

    def part(start, stop):
        x = phases(x_rows[:, start:stop], window)
        for out, places in reversed(taps):  # so that the first one stays
            values = x[places]
            hit = (values == y_rows[:, start:stop][out]) | (values != values)
            np.copyto(positions[:, start:stop][out], numbers[places], where=hit)

    _by_channels(part, x_rows, window)
    return as_images(positions)


def avg_pool2d(x, window):
    """The mean of each window, zeros of the padding included."""
    y = sum_pool2d(x, window)
    y /= window.areas(x.shape, y.shape[2:], y)
    return y


def avg_pool2d_gradient(gy, shape, window):
    """gx of the given shape: each gy is spread evenly over its window."""
    return spread(gy / window.areas(shape, gy.shape[2:], gy), shape, window)


def sum_pool2d(x, window):
    """The sum of each window."""
    if backend.get_array_module(x) is not np:
        return cuda.pool("sum_pool", x, window)
    return _fold(np.add, 0, x, window)


def spread(gy, shape, window):
    """The transpose of sum_pool2d: an image of the given shape, to which each gy is added all over its window."""
    if backend.get_array_module(gy) is not np:
        return cuda.spread(gy, None, shape, window)
    gy_rows = as_rows(gy)
    n, c, h, w = shape
    gx = np.empty((h, c, w, n), gy.dtype)
    taps = list(window.taps(shape, gy.shape[2:]))

    def part(start, stop):
        gx_phases = phases(gx[:, start:stop], window)
        gx_phases[...] = 0
        for out, places in taps:
            if window.overlap:
                gx_phases[places] += gy_rows[:, start:stop][out]
            else:
                gx_phases[places] = gy_rows[:, start:stop][out]
        from_phases(gx_phases, gx[:, start:stop])

    _by_channels(part, gx, window)
    return as_images(gx)


def _fold(function, nothing, x, window):
    """function (add, maximum) over the values of each window; `nothing` is that of no value."""
    (kh, kw), (sh, sw), (ph, pw), ceil_mode = window
    if window.overlap and kh > 1 < kw:  # first down, then across: kh + kw taps instead of kh * kw
        lines = _fold(function, nothing, x, Window((kh, 1), (sh, 1), (ph, 0), ceil_mode))
        return _fold(function, nothing, lines, Window((1, kw), (1, sw), (0, pw), ceil_mode))
    rows, outputs = as_rows(x), window.outputs(x.shape)
    first, *others = taps = list(window.taps(x.shape, outputs))
    y = np.empty((outputs[0], rows.shape[1], outputs[1], rows.shape[3]), x.dtype)

    def part(start, stop):
        x_part, y_part = phases(rows[:, start:stop], window), y[:, start:stop]
        padded = window.padding != (0, 0)  # or every window has its first tap in the image
        y_part[...] = nothing if padded else x_part[first[1]]
        for out, places in taps if padded else others:
            function(y_part[out], x_part[places], out=y_part[out])

    _by_channels(part, rows, window)
    return as_images(y)


def phases(rows, window):
    """rows (H, C, W, N) as (H, C, S, ceil(W / S), N), with columns j, j + S, j + 2 S ... in phase j of S."""
    h, c, w, n = rows.shape
    count = window.phases(n)
    if count == 1:
        return rows[:, :, None]
    split = np.empty((h, c, count, -(-w // count), n), rows.dtype)
    for j in range(min(count, w)):
        as_items(split)[:, :, j, : len(range(j, w, count))] = as_items(rows)[:, :, j::count]
    return split


def from_phases(split, rows):
    """The inverse of phases, written to rows (H, C, W, N); nothing where `split` is a view of them."""
    count, w = split.shape[2], rows.shape[2]
    for j in range(min(count, w) if count > 1 else 0):
        as_items(rows)[:, :, j::count] = as_items(split)[:, :, j, : len(range(j, w, count))]


def _by_channels(part, rows, window):
    """Call `part(start, stop)` so that every channel of rows (H, C, W, N) is worked on.

    Where windows overlap, and many taps go over the same places, a few at a time, which then stay in the cache.
    """
    step = max(BLOCK_BYTES * rows.shape[1] // max(rows.nbytes, 1), 1) if window.overlap else rows.shape[1]

    def blocks(start, stop):
        for first in range(start, stop, step):
            part(first, min(first + step, stop))

    by_rows(blocks, rows.swapaxes(0, 1))
