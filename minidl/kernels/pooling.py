"""Max and average pooling of images (N, C, H, W), by whole rows of the memory order (H, C, W, N)."""

from minidl import backend

from .layout import as_images, as_rows, by_rows
from .windows import output_sizes, taps


def max_pool2d(x, kernel, stride, padding):
    """The largest value in each window (padding never is); x (N, C, H, W) gives (N, C, OH, OW)."""
    xp = backend.get_array_module(x)
    outputs = output_sizes(x.shape, kernel, stride, padding, (1, 1))
    windows = _windows(_pad(x, padding, -xp.inf), kernel, stride, outputs)

    def part(start, stop):
        y_rows = y[start:stop]
        y_rows[...] = windows[0][start:stop]
        for window in windows[1:]:
            xp.maximum(y_rows, window[start:stop], out=y_rows)

    y = xp.empty_like(windows[0], order="C")
    by_rows(part, y)
    return as_images(y)


def max_pool2d_gradient(x, y, gy, kernel, stride, padding):
    """gx: each gy goes to the place of its maximum, the first one in reading order where several are equal."""
    xp = backend.get_array_module(x, y, gy)
    outputs = y.shape[2:]
    x_rows = _pad(x, padding, -xp.inf)
    gx = xp.zeros_like(x_rows)
    y, gy = as_rows(y), as_rows(gy)
    overlap = kernel[0] > stride[0] or kernel[1] > stride[1]  # they add to the same places: for one thread
    x_windows, gx_windows = (_windows(a, kernel, stride, outputs) for a in (x_rows, gx))

    def part(start, stop):
        free = xp.ones(y[start:stop].shape, bool)
        for x_window, gx_window in zip(x_windows, gx_windows, strict=True):
            hit = x_window[start:stop] == y[start:stop]
            hit &= free
            free ^= hit
            if overlap:
                gx_window[start:stop] += gy[start:stop] * hit
            else:
                xp.multiply(gy[start:stop], hit, out=gx_window[start:stop])

    by_rows(part, y, alone=overlap)
    return _crop(gx, x.shape, padding)


def avg_pool2d(x, kernel, stride, padding):
    """The mean of each window, zeros of the padding included."""
    xp = backend.get_array_module(x)
    outputs = output_sizes(x.shape, kernel, stride, padding, (1, 1))
    windows = _windows(_pad(x, padding, 0), kernel, stride, outputs)
    area = kernel[0] * kernel[1]

    def part(start, stop):
        y_rows = y[start:stop]
        y_rows[...] = windows[0][start:stop]
        for window in windows[1:]:
            y_rows += window[start:stop]
        y_rows /= area

    y = xp.empty_like(windows[0], order="C")
    by_rows(part, y)
    return as_images(y)


def avg_pool2d_gradient(gy, shape, kernel, stride, padding):
    """gx of the given shape: each gy is spread evenly over its window."""
    xp = backend.get_array_module(gy)
    n, c, h, w = shape
    gx = xp.zeros((h + 2 * padding[0], c, w + 2 * padding[1], n), gy.dtype)
    windows = _windows(gx, kernel, stride, gy.shape[2:])
    gy = as_rows(gy) / (kernel[0] * kernel[1])

    def part(start, stop):
        for window in windows:
            window[start:stop] += gy[start:stop]

    by_rows(part, gy, alone=kernel[0] > stride[0])
    return _crop(gx, shape, padding)


def _pad(x, padding, value):
    """x as rows (H, C, W, N), with a border of one value."""
    xp = backend.get_array_module(x)
    rows = as_rows(x)
    if padding == (0, 0):
        return rows
    (ph, pw), (h, c, w, n) = padding, rows.shape
    padded = xp.full((h + 2 * ph, c, w + 2 * pw, n), value, x.dtype)
    padded[ph : ph + h, :, pw : pw + w] = rows
    return padded


def _crop(rows, shape, padding):
    (ph, pw), (h, w) = padding, shape[2:]
    return as_images(rows[ph : ph + h, :, pw : pw + w])


def _windows(rows, kernel, stride, outputs):
    """For each element of the window, a view (OH, C, OW, N) of the values that it meets, in reading order."""
    return [rows[r, :, c] for _, _, r, c in taps(kernel, stride, (1, 1), outputs)]
