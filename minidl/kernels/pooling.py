"""Max and average pooling of images (N, C, H, W), by whole rows of the memory order (H, C, W, N).

No image is padded: each element of the window (a tap) is met with those outputs for which it lies inside the image.
Threads share out the channels, because windows that overlap meet within a channel only.
"""

from typing import NamedTuple

from minidl import backend

from .layout import as_images, as_rows, by_rows
from .lowering import meeting
from .windows import output_size


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

    def taps(self, shape, outputs):
        """For each tap in reading order: (the outputs where it lies in the image, the places there), on rows."""
        for i in range(self.kernel[0]):
            for j in range(self.kernel[1]):
                rows, places = meeting(i - self.padding[0], self.stride[0], shape[2], outputs[0])
                columns, across = meeting(j - self.padding[1], self.stride[1], shape[3], outputs[1])
                yield (rows, slice(None), columns), (places, slice(None), across)

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
    xp = backend.get_array_module(x)
    return _fold(xp.maximum, -xp.inf, x, window)


def max_pool2d_gradient(x, y, gy, window):
    """gx: each gy goes to the place of its maximum, the first one in reading order where several are equal.

    A NaN equals nothing, so the gradient of a window that holds one goes nowhere.
    """
    xp = backend.get_array_module(x, y, gy)
    taps = list(window.taps(x.shape, y.shape[2:]))
    x_rows, y_rows, gy_rows = as_rows(x), as_rows(y), as_rows(gy)
    gx = xp.zeros_like(x_rows)

    def part(start, stop):
        x, y, gy, gx_part = (a[:, start:stop] for a in (x_rows, y_rows, gy_rows, gx))
        free = xp.ones(y.shape, bool)
        for out, places in taps:
            hit = x[places] == y[out]
            hit &= free[out]
            free[out] ^= hit
            if window.overlap:
                gx_part[places] += gy[out] * hit
            else:
                xp.multiply(gy[out], hit, out=gx_part[places])

    _by_channels(part, y_rows)
    return as_images(gx)


def max_positions(x, y, window):
    """Where each maximum stands, as row * W + column: int64 (N, C, OH, OW). Of equals, or of NaN, the first one."""
    xp = backend.get_array_module(x, y)
    x_rows, y_rows = as_rows(x), as_rows(y)
    positions = xp.empty(y_rows.shape, xp.int64)
    numbers = xp.arange(x.shape[2] * x.shape[3]).reshape(x.shape[2], 1, x.shape[3], 1)
    taps = list(window.taps(x.shape, y.shape[2:]))

    def part(start, stop):
        for out, places in reversed(taps):  # so that the first one stays
            values = x_rows[:, start:stop][places]
            hit = (values == y_rows[:, start:stop][out]) | (values != values)
            xp.copyto(positions[:, start:stop][out], numbers[places], where=hit)

    _by_channels(part, y_rows)
    return as_images(positions)


def avg_pool2d(x, window):
    """The mean of each window, zeros of the padding included."""
    y = _fold(backend.get_array_module(x).add, 0, x, window)
    y /= window.areas(x.shape, y.shape[2:], y)
    return y


def avg_pool2d_gradient(gy, shape, window):
    """gx of the given shape: each gy is spread evenly over its window."""
    return spread(gy / window.areas(shape, gy.shape[2:], gy), shape, window)


def sum_pool2d(x, window):
    """The sum of each window."""
    return _fold(backend.get_array_module(x).add, 0, x, window)


def spread(gy, shape, window):
    """The transpose of sum_pool2d: an image of the given shape, to which each gy is added all over its window."""
    gy_rows = as_rows(gy)
    n, c, h, w = shape
    gx = backend.get_array_module(gy).zeros((h, c, w, n), gy.dtype)
    taps = list(window.taps(shape, gy.shape[2:]))

    def part(start, stop):
        for out, places in taps:
            gx_part, gy_part = gx[:, start:stop][places], gy_rows[:, start:stop][out]
            if window.overlap:
                gx_part += gy_part
            else:
                gx_part[...] = gy_part

    _by_channels(part, gy_rows)
    return as_images(gx)


def _fold(function, nothing, x, window):
    """function (add, maximum) over the values of each window; `nothing` is that of no value."""
    (kh, kw), (sh, sw), (ph, pw), ceil_mode = window
    if window.overlap and kh > 1 < kw:  # first down, then across: kh + kw taps instead of kh * kw
        lines = _fold(function, nothing, x, Window((kh, 1), (sh, 1), (ph, 0), ceil_mode))
        return _fold(function, nothing, lines, Window((1, kw), (1, sw), (0, pw), ceil_mode))
    xp = backend.get_array_module(x)
    rows, outputs = as_rows(x), window.outputs(x.shape)
    first, *others = taps = list(window.taps(x.shape, outputs))
    y = xp.empty((outputs[0], rows.shape[1], outputs[1], rows.shape[3]), x.dtype)

    def part(start, stop):
        x_part, y_part = rows[:, start:stop], y[:, start:stop]
        padded = window.padding != (0, 0)  # or every window has its first tap in the image
        y_part[...] = nothing if padded else x_part[first[1]]
        for out, places in taps if padded else others:
            function(y_part[out], x_part[places], out=y_part[out])

    _by_channels(part, y)
    return as_images(y)


def _by_channels(part, rows):
    """Call `part(start, stop)` so that every channel of rows (H, C, W, N) is worked on."""
    by_rows(part, rows.swapaxes(0, 1))
