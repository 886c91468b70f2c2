"""Sums over channels and scaling on a GPU, with the arguments of kernels/channels.py."""

from minidl import backend

from .launch import for_each, for_each_block, new_planes, planes


def channel_moments(x):
    """The mean and the biased variance of each channel: two arrays (C,)."""
    mean, variance = _two(x)
    for_each_block("channels", "channel_moments", len(mean), *planes(x), mean, variance, *_counts(x))
    return mean, variance


def channel_products(gy, x):
    """The sums of gy and of gy * x over each channel: two arrays (C,)."""
    sums, products = _two(x)
    args = *planes(gy), *planes(x), sums, products, *_counts(x)
    for_each_block("channels", "channel_products", len(sums), *args)
    return sums, products


def channel_affine(x, scale, shift, gy, gy_scale):
    """x * scale + shift, or, with gy, (x * scale + shift + gy) * gy_scale."""
    y = new_planes(x, x.shape)
    scale, shift = scale.astype(x.dtype, copy=False), shift.astype(x.dtype, copy=False)
    more = () if gy is None else (*planes(gy), gy_scale.astype(x.dtype, copy=False))
    n, hw = _counts(x)
    kernel = "channel_affine" if gy is None else "channel_affine_gradient"
    for_each("channels", kernel, y.size, *planes(x), scale, shift, *more, y, n, x.shape[1], hw)
    return y


def _two(x):
    return backend.get_array_module(x).zeros((2, x.shape[1]), x.dtype)


def _counts(x):
    return x.shape[0], x.shape[2] * x.shape[3]
