"""Regions of interest: boxes on images (N, C, H, W), each turned into C maps of one size (PH, PW).

Averages and bilinear samples weigh rows and columns apart. Each box has a small matrix A (PH, H) for the rows and
B (PW, W) for the columns; a map of one channel becomes y = A x B^T, and its gradient is gx = A^T gy B. All such
pooling is these two lines and differs in the weights only. The largest value of a bin is found axis by axis too.

Weights and bins are made on the CPU, where the boxes are; they say which part of the image a box needs.
"""

import itertools

import numpy as np

from minidl import backend

from .cuda import region as cuda

GROUP_VALUES = 1 << 16  # boxes worked on at once: as many as have intermediate results of this size (measured)


# ---- Weights and bins of one axis -----------------------------------------------------------------------------


def linear_weights(points, size, margin):
    """(..., size) weights that interpolate between pixels 0 .. size - 1 at the points (...).

    A point between two pixels takes from both, 1 minus its distance. Outside it takes from the pixel at the border,
    and nothing from `margin` pixels on.

    >>> linear_weights(np.array([0.25, 2.5, 3.5]), 3, margin=1)
    array([[0.75, 0.25, 0.  ],
           [0.  , 0.  , 1.  ],
           [0.  , 0.  , 0.  ]])
    """
    inside = (points >= -margin) & (points <= size - 1 + margin)
    distances = abs(points.clip(0, size - 1)[..., None] - np.arange(size))
    return np.maximum(1 - distances, 0) * inside[..., None]


def align_weights(start, stop, count, size, sampling_ratio):
    """(K, count, size): each of the `count` bins from start to stop (K,) averages its samples, evenly spaced.

    sampling_ratio samples a bin, or, if that is not positive, one for each pixel begun.
    """
    step = (stop - start) / count
    samples = np.full(len(step), sampling_ratio) if sampling_ratio > 0 else np.ceil(step).astype(int)
    weights = np.zeros((len(step), count, size))
    bins, spacing = np.arange(count), step / np.maximum(samples, 1)
    for i in range(samples.max(initial=0)):
        points = start[:, None] + bins * step[:, None] + (i + 0.5) * spacing[:, None]
        weights += linear_weights(points, size, margin=1) * (i < samples)[:, None, None]
    return weights / np.maximum(samples, 1)[:, None, None]


def round_half_away(values):
    """To the nearest whole number, as C rounds: 0.5 to 1 and -0.5 to -1, where NumPy takes the even neighbour.

    >>> round_half_away(np.array([0.5, 1.5, 2.4, -0.5]))
    array([ 1,  2,  2, -1])
    """
    return (np.trunc(2 * values) - np.trunc(values)).astype(int)


def whole_bins(start, length, count, size):
    """First and last + 1 pixel (K, count) of the `count` bins of start .. start + length, cut off at the image.

    Bin i goes from floor(i length / count) to ceil((i + 1) length / count), so neighbours may overlap by a pixel.
    """
    bins = np.arange(count)
    first = start[:, None] + bins * length[:, None] // count
    last = start[:, None] - (-(bins + 1) * length[:, None] // count)
    return first.clip(0, size), last.clip(0, size)


def mean_weights(first, last, size):
    """(K, count, size): each bin averages its pixels first .. last - 1; an empty one has no weights.

    >>> mean_weights(np.array([[0, 1]]), np.array([[1, 3]]), 3)
    array([[[1. , 0. , 0. ],
            [0. , 0.5, 0.5]]])
    """
    pixels = np.arange(size)
    inside = (pixels >= first[..., None]) & (pixels < last[..., None])
    return inside / np.maximum(last - first, 1)[..., None]


# ---- Pooling --------------------------------------------------------------------------------------------------


def weigh(x, images, down, across):
    """y (K, C, PH, PW): y[k] = down[k] x[images[k]] across[k]^T for every channel.

    x (N, C, H, W), images (K,), down (K, PH, H), across (K, PW, W).
    """
    if backend.get_array_module(x) is not np:
        return cuda.weigh(x, images, down, across)
    groups = _groups(x.shape, images, _extent(down), _extent(across), down.shape[1])
    down, across = (a.astype(x.dtype) for a in (down, across))
    maps = _channels_last(x)
    y = np.empty((len(images), down.shape[1], across.shape[1], x.shape[1]), x.dtype)

    def part(start, stop):
        for image, boxes, rows, columns in groups[start:stop]:
            a, b, patch = down[boxes, :, rows], across[boxes, None, :, columns], maps[image, rows, columns]
            lines = a.reshape(-1, len(patch)) @ patch.reshape(len(patch), -1)
            np.matmul(b, lines.reshape(*a.shape[:2], *patch.shape[1:]), out=y[boxes])

    backend.parallel(part, len(groups))
    return _channels_first(y)


def weigh_gradient(gy, shape, images, down, across):
    """gx of the given shape (N, C, H, W): the sum of down[k]^T gy[k] across[k], box after box."""
    if backend.get_array_module(gy) is not np:
        return cuda.weigh_gradient(gy, shape, images, down, across)
    groups = _groups(shape, images, _extent(down), _extent(across), down.shape[1])
    down, across = (a.astype(gy.dtype) for a in (down, across))
    gy = _channels_last(gy)
    gx = np.zeros((shape[0], *shape[2:], shape[1]), gy.dtype)
    for image, boxes, rows, columns in groups:
        a, b, patch = down[boxes, :, rows], across[boxes, None, :, columns], gx[image, rows, columns]
        lines = b.swapaxes(2, 3) @ gy[boxes]
        a = a.reshape(-1, len(patch))
        patch += (a.T @ lines.reshape(len(a), -1)).reshape(patch.shape)
    return _channels_first(gx)


def weigh_by_bin(x, images, down, across):
    """y (K, C, PH, PW) like weigh, but bin (i, j) looks at channels of its own: x (N, C PH PW, H, W)."""
    bins = _by_bin(x, down, across)
    y = backend.get_array_module(x).empty((len(images), *bins.shape[1:4]), x.dtype)
    for i, j in np.ndindex(bins.shape[2:4]):
        y[:, :, i, j] = weigh(bins[:, :, i, j], images, down[:, [i]], across[:, [j]])[:, :, 0, 0]
    return y


def weigh_by_bin_gradient(gy, shape, images, down, across):
    """gx of the given shape (N, C PH PW, H, W)."""
    gx = backend.get_array_module(gy).empty(shape, gy.dtype)
    bins = _by_bin(gx, down, across)
    for i, j in np.ndindex(bins.shape[2:4]):
        one, gy_one = bins[:, :, i, j], gy[:, :, i : i + 1, j : j + 1]
        one[...] = weigh_gradient(gy_one, one.shape, images, down[:, [i]], across[:, [j]])
    return gx


def _by_bin(x, down, across):
    """x (N, C PH PW, H, W) as (N, C, PH, PW, H, W)."""
    bins = down.shape[1], across.shape[1]
    return x.reshape(len(x), x.shape[1] // (bins[0] * bins[1]), *bins, *x.shape[2:])


def largest(x, images, rows, columns):
    """y (K, C, PH, PW), the largest value of each bin, and its place in the image: row * W + column.

    Of equals the first in reading order; an empty bin gives 0 and the place -1. x (N, C, H, W), images (K,), rows
    and columns pairs (first, last + 1) of arrays (K, PH) and (K, PW), as from whole_bins.
    """
    if backend.get_array_module(x) is not np:
        return cuda.largest(x, images, rows, columns)
    maps, (_, channels, h, w) = _channels_last(x), x.shape
    numbers = np.arange(h * w, dtype=np.int32).reshape(h, w, 1)
    extents = [(first.min(axis=1), last.max(axis=1)) for first, last in (rows, columns)]
    groups = _groups(x.shape, images, *extents, h)
    shape = (len(images), rows[0].shape[1], columns[0].shape[1], channels)
    y, places = np.empty(shape, x.dtype), np.empty(shape, np.int32)

    def part(start, stop):
        for image, boxes, inner_rows, inner_columns in groups[start:stop]:
            patch, place = (a[inner_rows, inner_columns].swapaxes(0, 1) for a in (maps[image], numbers))
            best, place = _largest(patch, place, *(ends[boxes] - inner_columns.start for ends in columns))
            best, place = (a.transpose(2, 0, 1, 3) for a in (best, place))  # rows, boxes, PW, channels
            own = np.arange(boxes.stop - boxes.start)[:, None]
            y[boxes], places[boxes] = _largest(best, place, *(ends[boxes] - inner_rows.start for ends in rows), own)

    backend.parallel(part, len(groups))
    empty = (rows[0] >= rows[1])[:, :, None, None] | (columns[0] >= columns[1])[:, None, :, None]
    np.copyto(y, 0, where=empty)
    np.copyto(places, -1, where=empty)
    return _channels_first(y), _channels_first(places)


def largest_gradient(gy, places, shape, images, rows, columns):
    """gx of the given shape: each gy goes to its place. rows and columns as given to `largest`."""
    if backend.get_array_module(gy, places) is not np:
        return cuda.largest_gradient(gy, places, shape, images, rows, columns)
    n, c, h, w = shape
    gy, places = _channels_last(gy), _channels_last(places)
    index = (images[:, None, None, None] * (h * w) + places) * c + np.arange(c)
    gx = np.zeros(n * h * w * c + 1, gy.dtype)  # the last is for bins that are empty
    np.add.at(gx, np.where(places < 0, len(gx) - 1, index).ravel(), gy.ravel())
    return _channels_first(gx[:-1].reshape(n, h, w, c))


def _largest(values, places, first, last, *others):
    """The largest of values[first:last] for every bin, and which of the places it has; the first of equals."""

    def taken(step):
        index = np.minimum(first + step, last - 1).clip(0, len(values) - 1)  # a short bin looks at its end again
        return (index, *others)

    best, place = values[taken(0)], places[taken(0)]
    for step in range(1, (last - first).max(initial=0)):
        value = values[taken(step)]
        place = np.maximum(place, (value > best) * places[taken(step)])  # later places are larger; faster than where
        best = np.maximum(best, value)
    return best, place


def _extent(weights):
    """First and last + 1 pixel (K,) of the weights (K, count, size) that are not zero; size and 0 where all are."""
    used = (weights != 0).any(axis=1)
    some, size = used.any(axis=1), weights.shape[2]
    return np.where(some, used.argmax(axis=1), size), np.where(some, size - used[:, ::-1].argmax(axis=1), 0)


def _groups(shape, images, rows, columns, height):
    """Consecutive boxes of one image: (image, slice of boxes, slices of the rows and columns that they need).

    How many depends on the size of the intermediate results of a box, `height` rows of the image.
    """
    limit = GROUP_VALUES // max(height * shape[1] * shape[3], 1)
    groups, start = [], 0
    for image, run in itertools.groupby(images.tolist()):
        end = start + len(list(run))
        while start < end:
            boxes = slice(start, min(start + max(limit, 1), end))
            groups.append((image, boxes, _hull(rows, boxes, shape[2]), _hull(columns, boxes, shape[3])))
            start = boxes.stop
    return groups


def _hull(extents, boxes, size):
    first = min(int(extents[0][boxes].min()), size - 1)  # one pixel at least, or there is nothing to index
    return slice(first, max(int(extents[1][boxes].max()), first + 1))


def _channels_last(x):
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def _channels_first(x):
    return x.transpose(0, 3, 1, 2)
