"""Normalization, and dropout in its forms."""

from minidl import ops

from .arrays import as_array


def batch_norm(x, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    """Normalize each channel to mean 0 and variance 1, then scale and shift; see ops.BatchNorm."""
    return ops.BatchNorm(as_array(running_mean), as_array(running_var), training, momentum, eps)(x, weight, bias)


def layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    """Normalize over the last axes, those of normalized_shape, of each image by itself; see ops.LayerNorm."""
    return ops.LayerNorm(normalized_shape, eps)(x, weight, bias)


def group_norm(x, num_groups, weight=None, bias=None, eps=1e-5):
    """Normalize over groups of channels of each image by itself; see ops.GroupNorm."""
    return ops.GroupNorm(num_groups, eps)(x, weight, bias)


def local_response_norm(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """x / (k + alpha * mean of x^2 over `size` neighbouring channels)^beta; see ops.LocalResponseNorm."""
    return ops.LocalResponseNorm(size, alpha, beta, k)(x)


def dropout(x, p=0.5, training=True):
    """Set each element to 0 with probability p and scale the others by 1 / (1 - p); nothing outside training."""
    return ops.Dropout(p)(x) if training and p else x


def dropout2d(x, p=0.5, training=True):
    """dropout of whole channels of images (N, C, H, W)."""
    return ops.Dropout2d(p)(x) if training and p else x


def stochastic_depth(x, p, mode="row", training=True):
    """dropout of each whole image (mode "row") or of the whole batch ("batch"): x is what a residual branch adds."""
    return ops.StochasticDepth(p, mode)(x) if training and p else x
