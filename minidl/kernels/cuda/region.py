"""Regions of interest on a GPU, with the arguments of kernels/region.py."""

import numpy as np

from minidl import backend

from .launch import for_each, new_planes, planes


def weigh(x, images, down, across):
    """y (K, C, PH, PW): y[k] = down[k] x[images[k]] across[k]^T for every channel."""
    to = _sender(x)
    y = new_planes(x, (len(images), x.shape[1], down.shape[1], across.shape[1]))
    axes = *_weighted(to, down), *_weighted(to, across)
    for_each("region", "weigh", y.size, *planes(x), to(images), *axes, y, *y.shape, *x.shape[2:])
    return y


def weigh_gradient(gy, shape, images, down, across):
    """gx of the given shape (N, C, H, W)."""
    to = _sender(gy)
    gx = new_planes(gy, shape)
    axes = *_weighted(to, down), *_weighted(to, across)
    sizes = len(images), *gy.shape[2:], *shape
    for_each("region", "weigh_gradient", gx.size, *planes(gy), to(images), *axes, gx, *sizes)
    return gx


def largest(x, images, rows, columns):
    """y (K, C, PH, PW), the largest value of each bin, and its place, -1 for an empty bin."""
    to = _sender(x)
    y = new_planes(x, (len(images), x.shape[1], rows[0].shape[1], columns[0].shape[1]))
    places = new_planes(x, y.shape, np.int32)
    axes = *_axis(to, *rows), *_axis(to, *columns)
    for_each("region", "largest", y.size, *planes(x), to(images), *axes, y, places, *y.shape, x.shape[3])
    return y, places


def largest_gradient(gy, places, shape, images, rows, columns):
    """gx of the given shape: each gy goes to its place."""
    to = _sender(gy)
    gx = new_planes(gy, shape)
    axes = *_axis(to, *rows), *_axis(to, *columns)
    sizes = len(images), *gy.shape[2:], *shape
    for_each("region", "largest_gradient", gx.size, *planes(gy), to(images), *axes, places, gx, *sizes)
    return gx


def _sender(x):
    """What brings an array of the host to where x is: whole numbers as int32, others in the type of x."""
    xp = backend.get_array_module(x)
    return lambda a: xp.asarray(np.ascontiguousarray(a, np.int32 if a.dtype.kind in "iu" else x.dtype))


def _weighted(to, weights):
    """Weights (K, count, size), and which lines they take from."""
    used, size = weights != 0, weights.shape[2]
    some = used.any(axis=2)
    first = np.where(some, used.argmax(axis=2), size)
    last = np.where(some, size - used[:, :, ::-1].argmax(axis=2), 0)
    return to(weights), *_axis(to, first, last)


def _axis(to, first, last):
    """First and last + 1 line of each bin, (K, count) each: as ends (K, count, 2) and hull (K, 2)."""
    hull = first.min(axis=1, initial=np.iinfo(np.int32).max), last.max(axis=1, initial=0)
    return to(np.stack([first, last], axis=2)), to(np.stack(hull, axis=1))
