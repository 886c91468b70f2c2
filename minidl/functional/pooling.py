"""Pooling to smaller images."""

from minidl import ops
from minidl.autograd import Tensor, concatenate

from .arrays import as_array


def max_pool2d(x, kernel_size, stride=None, padding=0, *, ceil_mode=False, return_indices=False):
    """The largest value of each window; stride defaults to kernel_size. The last two by name: there is no dilation.

    return_indices: give (y, indices), where each maximum stands in x as row * W + column, for max_unpool2d.

    >>> x = Tensor([[[[1.0, 2.0], [3.0, 0.0]]]])
    >>> max_pool2d(x, 2, return_indices=True)
    (tensor([[[[3.]]]]), tensor([[[[2]]]]))
    """
    op = ops.MaxPool2d(kernel_size, stride, padding, ceil_mode)
    y = op(x)
    return (y, Tensor(op.positions(as_array(x), y.data))) if return_indices else y


def avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False):
    """The mean of each window, padding counted as zeros; stride defaults to kernel_size."""
    return ops.AvgPool2d(kernel_size, stride, padding, ceil_mode)(x)


def adaptive_max_pool2d(x, output_size):
    """The largest value of output_size = (OH, OW) bins that cover the image; 1 takes that of the whole image."""
    return ops.AdaptiveMaxPool2d(output_size)(x)


def adaptive_avg_pool2d(x, output_size):
    """The mean over output_size = (OH, OW) bins that cover the image; 1 averages the whole image."""
    return ops.AdaptiveAvgPool2d(output_size)(x)


def global_avg_pool2d(x):
    """The mean of each channel's whole image: (N, C, H, W) becomes (N, C), ready for a linear layer."""
    return adaptive_avg_pool2d(x, 1).flatten(1)


def global_max_pool2d(x):
    """The largest value of each channel's whole image: (N, C, H, W) becomes (N, C)."""
    return adaptive_max_pool2d(x, 1).flatten(1)


def spatial_pyramid_pool(x, levels=(1, 2, 4)):
    """Max pooling into 1, 2 x 2, 4 x 4 ... bins, all in one row: the same length for images of any size.

    (N, C, H, W) becomes (N, C * sum of level^2), a level after the other, within it channel by channel. Source: He et
    al. 2014 (SPP-net), section 2.2.

    >>> import minidl
    >>> [spatial_pyramid_pool(minidl.zeros(2, 256, 13, width)).shape for width in (13, 10)]
    [(2, 5376), (2, 5376)]
    """
    if not isinstance(levels, (tuple, list)) or not levels:
        raise ValueError(f"spatial_pyramid_pool: levels must be several numbers of bins, as (1, 2, 4), got {levels!r}")
    return concatenate([adaptive_max_pool2d(x, level).flatten(1) for level in levels], 1)
