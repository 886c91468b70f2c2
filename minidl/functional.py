"""The face over the ops: functions on tensors, in PyTorch's names and order of arguments.

Usually imported as `from minidl import functional as F`.
"""

import numpy as np

from minidl import ops
from minidl.autograd import Tensor
from minidl.autograd.operators import match_types


def _array(x):
    """Targets, weights and running statistics as arrays: they take no part in the graph."""
    if isinstance(x, Tensor):
        return x.data
    return x if x is None or hasattr(x, "dtype") else np.asarray(x)


def linear(x, w, b=None):
    """y = x w^T + b. x (..., I), w (O, I), b (O,)."""
    return ops.Linear()(x, w, b)


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    """Slide the kernels w (O, C / groups, kh, kw) over the images x (N, C, H, W); see ops.Conv2d.

    >>> import minidl
    >>> conv2d(minidl.randn(8, 3, 32, 32), minidl.randn(16, 3, 5, 5), padding=2).shape
    (8, 16, 32, 32)
    """
    return ops.Conv2d(stride, padding, dilation, groups)(x, w, b)


def max_pool2d(x, kernel_size, stride=None, padding=0):
    """The largest value of each window; stride defaults to kernel_size."""
    return ops.MaxPool2d(kernel_size, stride, padding)(x)


def avg_pool2d(x, kernel_size, stride=None, padding=0):
    """The mean of each window; stride defaults to kernel_size."""
    return ops.AvgPool2d(kernel_size, stride, padding)(x)


def adaptive_avg_pool2d(x, output_size):
    """The mean over output_size = (OH, OW) bins that cover the image; 1 averages the whole image."""
    return ops.AdaptiveAvgPool2d(output_size)(x)


def batch_norm(x, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    """Normalize each channel to mean 0 and variance 1, then scale and shift; see ops.BatchNorm."""
    return ops.BatchNorm(_array(running_mean), _array(running_var), training, momentum, eps)(x, weight, bias)


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


def relu(x):
    """max(x, 0)"""
    return ops.ReLU()(x)


def leaky_relu(x, negative_slope=0.01):
    """x where x > 0, else negative_slope x"""
    return ops.LeakyReLU(negative_slope)(x)


def prelu(x, weight):
    """x where x > 0, else weight x; weight (1,), or (C,) for x (N, C, ...)."""
    return ops.PReLU()(x, weight)


def relu6(x):
    """min(max(x, 0), 6)"""
    return ops.ReLU6()(x)


def maxout(x, pieces, dim=1):
    """The largest of each group of `pieces` channels that follow each other; see ops.Maxout."""
    return ops.Maxout(pieces, dim)(x)


def elu(x, alpha=1.0):
    """x where x > 0, else alpha (e^x - 1)"""
    return ops.ELU(alpha)(x)


def selu(x):
    """elu scaled so that mean 0 and variance 1 are kept from layer to layer; see ops.SELU."""
    return ops.SELU()(x)


def gelu(x, approximate="none"):
    """x Phi(x), Phi the cumulative normal distribution, or with approximate="tanh" nearly so; see ops.GELU."""
    return ops.GELU(approximate)(x)


def silu(x):
    """x sigmoid(x)"""
    return ops.SiLU()(x)


def softplus(x, beta=1.0, threshold=20.0):
    """log(1 + e^(beta x)) / beta, and x where beta x > threshold"""
    return ops.Softplus(beta, threshold)(x)


def sigmoid(x):
    """1 / (1 + e^-x)"""
    return ops.Sigmoid()(x)


def tanh(x):
    """(e^x - e^-x) / (e^x + e^-x)"""
    return ops.Tanh()(x)


def softmax(x, dim=-1):
    """Probabilities e^x / sum e^x along `dim`"""
    return ops.Softmax(dim)(x)


def log_softmax(x, dim=-1):
    """log softmax(x), computed without overflow"""
    return ops.LogSoftmax(dim)(x)


def cross_entropy(logits, targets, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """The mean of -log softmax(logits)[target]; see ops.CrossEntropy.

    logits (N, K, ...), targets (N, ...): class numbers, a Tensor or an array.
    """
    return ops.CrossEntropy(_array(targets), _array(weight), ignore_index, label_smoothing, reduction)(logits)


def mse_loss(x, target, reduction="mean"):
    """mean (x - target)^2; the shapes must agree."""
    x, target = match_types(x, target)  # integers take the type of x
    return ops.MSE(reduction)(x, target)


def flatten(x, start_dim=1):
    """All axes from start_dim on made one: images (N, C, H, W) become rows (N, C * H * W)."""
    return x.flatten(start_dim)
