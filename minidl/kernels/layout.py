"""How images lie in memory: shape (N, C, H, W), memory (H, C, W, N).

Rows of the image are outermost and the batch is innermost. A row is then a matrix (C, W * N) in one piece: what
convolution multiplies, what batch norm sums, and what threads share out. NumPy hides all of it behind strides. Where
rows are very short, as those of a single image's small maps are, convolution gives the order (C, N, H, W) instead.
"""

import numpy as np

from minidl import backend

from .checks import is_whole


def as_rows(x):
    """x (N, C, H, W) as a contiguous array (H, C, W, N): a view where it lies so in memory, else a copy."""
    return backend.get_array_module(x).ascontiguousarray(x.transpose(2, 1, 3, 0))


def as_images(rows):
    """The inverse of as_rows: rows (H, C, W, N) seen as images (N, C, H, W)."""
    return rows.transpose(3, 1, 0, 2)


def as_items(a):
    """An array (..., N) whose last axis lies in one piece, seen as (...) of N numbers each.

    To copy scattered batches: an item is moved as a whole, and NumPy's loops run over the axis before. With two images
    that is up to thirty times as fast, from 64 on it makes no difference.
    """
    return a.view(np.dtype((np.void, a.shape[-1] * a.itemsize)))[..., 0] if a.size else a[..., 0:0]


def by_rows(part, rows):
    """Call `part(start, stop)` so that every row is worked on: by all threads if the rows are large."""
    small = rows.nbytes < backend.SHARE_BYTES or backend.get_array_module(rows) is not np
    backend.parallel(part, len(rows), alone=small)


def pair(value):
    """A size for height and width: 3 means (3, 3).

    >>> pair(3), pair((1, 2))
    ((3, 3), (1, 2))
    """
    return _sizes(value, 2, "a pair (height, width)")


def single(value):
    """A size for the one axis of a sequence: 3 means (3,)."""
    return _sizes(value, 1, "a tuple of one")


def _sizes(value, count, meaning):
    if is_whole(value):
        return (int(value),) * count
    if isinstance(value, (tuple, list)) and len(value) == count and all(map(is_whole, value)):
        return tuple(map(int, value))
    raise ValueError(f"expected a whole number or {meaning}, got {value!r}")
