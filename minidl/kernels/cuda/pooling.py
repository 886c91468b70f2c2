"""Pooling and unpooling on a GPU, with the arguments of kernels/pooling.py and kernels/resampling.py."""

import numpy as np

from minidl import backend

from .launch import for_each, new_planes, planes


def pool(kernel, x, window, dtype=None):
    """max_pool, max_positions or sum_pool of x."""
    y = new_planes(x, (*x.shape[:2], *window.outputs(x.shape)), dtype)
    for_each("pooling", kernel, y.size, *planes(x), y, *_sizes(x.shape, y.shape, window))
    return y


def spread(gy, positions, shape, window):
    """gx of the given shape: each gy all over its window, or at its position where these are given."""
    gx = new_planes(gy, shape)
    positions = np.uintp(0) if positions is None else _in_order(positions)  # a null pointer
    for_each("pooling", "spread", gx.size, *planes(gy), positions, gx, *_sizes(shape, gy.shape, window))
    return gx


def scatter(x, positions, size):
    """Images of zeros (N, C, *size), where each x stands at its position; the last of several."""
    y = new_planes(x, (*x.shape[:2], *size))
    owner = new_planes(x, y.shape, np.int32)
    owner.fill(-1)
    for_each("pooling", "claim", x.size, _in_order(positions), owner, *x.shape[:2], *x.shape[2:], *size)
    for_each("pooling", "scatter", y.size, *planes(x), owner, y, *x.shape[:2], *size)
    return y


def gather(gy, positions):
    """The values of gy at the positions."""
    gx = new_planes(gy, positions.shape)
    for_each("pooling", "gather", gx.size, *planes(gy), _in_order(positions), gx, *positions.shape)
    return gx


def _sizes(shape, outputs, window):
    return *shape, *outputs[2:], *window.kernel, *window.stride, *window.padding


def _in_order(positions):
    """positions (N, C, H, W) as int64 in the memory order (C, N, H, W)."""
    xp = backend.get_array_module(positions)
    return xp.ascontiguousarray(positions.swapaxes(0, 1).astype(np.int64, copy=False))
