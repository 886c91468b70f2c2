"""Convolution as a matrix product, and its two gradients: on the CPU by rows (lowering.py), on a GPU the plain way."""

from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minidl import backend

from . import winograd
from .layout import as_images, as_rows
from .lowering import (
    SHORT_ROW,
    as_matrix,
    lower_blocks,
    lowered_bytes,
    meeting,
    multiply,
    row_blocks,
    scratch,
    split_channels,
)
from .matrix import product, sum_of_products
from .windows import col2im, im2col


def conv2d(x, w, b, geometry):
    """y[n, o] = b[o] + sum over c of w[o, c] correlated with x[n, c].

    x (N, C, H, W), w (O, C / groups, kh, kw), b (O,) or None; gives y (N, O, OH, OW). Where rows are short and few, as
    in a single image's small maps, it goes the plain way, and y keeps the order that this gives, (O, N, OH, OW).
    """
    if backend.get_array_module(x, w, b) is not np:
        return plain_conv2d(x, w, b, geometry)
    groups = geometry.groups
    n, outputs = x.shape[0], w.shape[0]
    oh, ow = geometry.outputs(x.shape)
    short = n * ow < SHORT_ROW and n * oh * ow <= SHORT_ROW**2
    halved = winograd.pays((n, outputs, oh, ow), w.shape, geometry)
    if short and not halved:
        return plain_conv2d(x, w, b, geometry)
    dtype = np.result_type(x, w, *() if b is None else (b,))
    y = np.empty((outputs, n, oh, ow), dtype).transpose(2, 0, 3, 1) if short else np.empty((oh, outputs, ow, n), dtype)
    bias = None if b is None else np.repeat(b, ow * n).reshape(outputs, ow, n)  # as channels._whole_rows
    if halved:
        winograd.slide(x.transpose(2, 1, 3, 0), w, y, geometry, bias)
        return as_images(y)
    rows = as_rows(x)
    products, weights = split_channels(y, groups), as_matrix(w, groups)
    blocks = row_blocks(oh, lowered_bytes(rows, geometry))

    def part(first, last):
        for _, start, stop, windows in lower_blocks(rows, blocks, first, last, ow, geometry):
            multiply(weights, windows, products[:, start:stop])
            if b is not None:
                y[start:stop] += bias

    backend.parallel(part, len(blocks))
    return as_images(y)


def conv2d_gradients(x, w, gy, geometry, needs=(True, True)):
    """The gradients (gx, gw) of conv2d; None for one that is not needed."""
    if (
        needs == (True, True)
        and backend.get_array_module(x, w, gy) is np
        and _turns_around(x.shape, gy.shape, geometry)
    ):
        return _gradients_turned_around(x, w, gy, geometry)
    gx = conv2d_input_gradient(gy, w, x.shape, geometry) if needs[0] else None
    return gx, conv2d_weight_gradient(x, gy, w.shape, geometry) if needs[1] else None


def conv2d_weight_gradient(x, gy, shape, geometry):
    """gw, of the given shape: gy times the windows of x, transposed (lowered again rather than kept since forward).

    Each block of rows gives a sum of its own and these are added in order, so threads do not change the result.
    """
    if backend.get_array_module(x, gy) is not np:
        return plain_weight_gradient(x, gy, shape, geometry)
    groups, (kh, kw) = geometry.groups, geometry.kernel
    outputs, channels = shape[:2]
    rows, gy_rows = as_rows(x), as_rows(gy)
    oh, _, ow, _ = gy_rows.shape
    gradients = split_channels(gy_rows, groups)
    blocks = row_blocks(oh, lowered_bytes(rows, geometry))
    sums = np.empty((len(blocks), groups, kh * kw * channels, outputs // groups), np.result_type(x, gy))

    def part(first, last):
        for i, start, stop, windows in lower_blocks(rows, blocks, first, last, ow, geometry):
            sum_of_products(windows, gradients[:, start:stop].swapaxes(2, 3), sums[i])

    backend.parallel(part, len(blocks))
    gw = sums.sum(axis=0).reshape(groups, kh, kw, channels, outputs // groups)
    return gw.transpose(0, 4, 3, 1, 2).reshape(shape)


def conv2d_input_gradient(gy, w, shape, geometry):
    """gx, of the given shape: the transposed convolution matrix times gy, which is also a transposed convolution.

    Input row h met the output rows oh = (h + padding - i dilation) / stride, for those kernel rows i that make this
    whole. These rows of gy are read as one matrix, again a view; its product with the transposed weights gives the
    kw horizontal taps of row h, which are added where they belong. Rows with the same remainder of (h + padding) /
    stride have the same i, so they make one batched product (at stride 1 all of them do).
    """
    if backend.get_array_module(w, gy) is not np:
        return plain_input_gradient(gy, w, shape, geometry)
    (kh, kw), (sh, sw), (ph, pw), (dh, dw), groups = geometry
    n, c, height, width = shape
    outputs, (oh, ow) = w.shape[0] // groups, gy.shape[2:]
    reach = dh * (kh - 1) // sh + 1  # rows of zeros above and below gy, so that every window is whole
    padded = np.zeros((groups, oh + 2 * reach, outputs, ow, n), np.result_type(gy, w))
    padded[:, reach : reach + oh] = split_channels(as_rows(gy), groups, keep_width=True)
    group, row, channel, _, item = padded.strides
    kernels = w.reshape(groups, outputs, c // groups, kh, kw).transpose(0, 4, 2, 3, 1)
    gx = np.zeros((height, c, width, n), padded.dtype)
    by_group = split_channels(gx, groups, keep_width=True)

    def add_rows(first_row, meets, met, start, stop):
        step = (meets[0] - meets[1]) * dh // sh * row if len(meets) > 1 else 0
        size = (groups, stop - start, len(meets), outputs, ow * n)
        windows = as_strided(padded[:, met + start :], size, (group, row, step, channel, item))
        weights = kernels[:, :, :, meets].reshape(groups, 1, kw * c // groups, len(meets) * outputs)
        taps = scratch((*size[:2], kw * c // groups, ow * n), padded.dtype)
        multiply(weights, windows.reshape(*size[:2], len(meets) * outputs, ow * n), taps)
        taps = taps.reshape(*size[:2], kw, c // groups, ow, n)
        target = by_group[:, first_row + start * sh : first_row + (stop - 1) * sh + 1 : sh]
        for j in range(kw):
            columns, inside = meeting(j * dw - pw, sw, width, ow)
            target[..., inside, :] += taps[:, :, j, :, columns]

    tasks = []
    for remainder in range(sh):
        first_row = (remainder - ph) % sh
        meets = [i for i in reversed(range(kh)) if (remainder - i * dh) % sh == 0]
        if meets:
            met = (first_row + ph - meets[0] * dh) // sh + reach
            blocks = row_blocks(len(range(first_row, height, sh)), kw * c * ow * n * gx.itemsize)
            tasks += [(first_row, meets, met, *block) for block in blocks]

    backend.parallel(lambda first, last: [add_rows(*task) for task in tasks[first:last]], len(tasks))
    return as_images(gx)


def _turns_around(x_shape, gy_shape, geometry):
    """Whether gx is best computed as a convolution of gy: at stride 1, unless much of what that reads is padding."""
    little_padding = x_shape[2] * x_shape[3] <= 1.5 * gy_shape[2] * gy_shape[3]
    return geometry.stride == (1, 1) and little_padding and min(_padding_backwards(geometry)) >= 0


def _padding_backwards(geometry):
    return tuple(d * (k - 1) - p for k, p, d in zip(geometry.kernel, geometry.padding, geometry.dilation, strict=True))


def _gradients_turned_around(x, w, gy, geometry):
    """gx as the convolution of gy with the kernel turned around; the windows of gy, lowered once, give gw as well."""
    groups, (kh, kw) = geometry.groups, geometry.kernel
    n, c, height, width = x.shape
    outputs = w.shape[0] // groups
    turned = _turn_around(w, groups)
    backwards = geometry._replace(padding=_padding_backwards(geometry))
    gy_rows = as_rows(gy)
    gx = np.empty((height, c, width, n), np.result_type(w, gy))
    if winograd.pays(x.shape, turned.shape, backwards):
        gw = winograd.slide(gy_rows, turned, gx, backwards, gy=as_rows(x))
        return as_images(gx), _turn_around(gw, groups)
    weights = as_matrix(turned, groups)
    products, inputs = split_channels(gx, groups), split_channels(as_rows(x), groups)
    blocks = row_blocks(height, lowered_bytes(gy_rows, backwards))
    sums = np.empty((len(blocks), groups, kh * kw * outputs, c // groups), gx.dtype)

    def part(first, last):
        for i, start, stop, windows in lower_blocks(gy_rows, blocks, first, last, width, backwards):
            multiply(weights, windows, products[:, start:stop])
            sum_of_products(windows, inputs[:, start:stop].swapaxes(2, 3), sums[i])

    backend.parallel(part, len(blocks))
    gw = sums.sum(axis=0).reshape(groups, kh, kw, outputs, c // groups).transpose(0, 4, 3, 1, 2)
    return as_images(gx), _turn_around(gw.reshape(turned.shape), groups)


def _turn_around(w, groups):
    """Weights (O, C / groups, kh, kw) as (C, O / groups, kh, kw), kernels turned by 180 degrees; its own inverse."""
    outputs, channels, kh, kw = w.shape
    turned = w[:, :, ::-1, ::-1].reshape(groups, outputs // groups, channels, kh, kw).swapaxes(1, 2)
    return turned.reshape(groups * channels, outputs // groups, kh, kw)


# ---- The plain way, on a GPU and where rows are short and few: one 2-D matrix product a group ------------------------


def plain_conv2d(x, w, b, geometry):
    xp = backend.get_array_module(x, w, b)
    n, (oh, ow) = x.shape[0], geometry.outputs(x.shape)
    weights = w.reshape(geometry.groups, -1, w[0].size)
    columns = im2col(x, *geometry[:4]).reshape(geometry.groups, w[0].size, n * oh * ow)
    if geometry.groups == 1:
        y = product(weights[0], columns[0])
    elif xp is np:
        y = np.empty((*weights.shape[:2], columns.shape[2]), np.result_type(weights, columns))

        def part(start, stop):  # many small products in one call
            np.matmul(weights[start:stop], columns[start:stop], out=y[start:stop])

        backend.parallel(part, len(y), alone=columns.nbytes < backend.SHARE_BYTES)
    else:
        y = xp.concatenate([product(wg, cg) for wg, cg in zip(weights, columns, strict=True)])
    y = y.reshape(len(w), n, oh, ow).swapaxes(0, 1)
    return y if b is None else y + b[:, None, None]


def plain_weight_gradient(x, gy, shape, geometry):
    xp = backend.get_array_module(x, gy)
    outputs, size = shape[0] // geometry.groups, gy.size // shape[0]
    gradients = gy.swapaxes(0, 1).reshape(geometry.groups, outputs, size)
    columns = im2col(x, *geometry[:4]).reshape(geometry.groups, -1 if size else prod(shape[1:]), size)
    return xp.stack([gg @ cg.T for gg, cg in zip(gradients, columns, strict=True)]).reshape(shape)


def plain_input_gradient(gy, w, shape, geometry):
    xp = backend.get_array_module(gy, w)
    gradients = gy.swapaxes(0, 1).reshape(geometry.groups, w.shape[0] // geometry.groups, -1)
    weights = w.reshape(*gradients.shape[:2], -1)
    columns = xp.concatenate([wg.T @ gg for wg, gg in zip(weights, gradients, strict=True)])
    return col2im(columns, shape, *geometry[:4])
