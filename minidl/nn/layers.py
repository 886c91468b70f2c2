"""Layers with weights (Linear, Conv2d, BatchNorm) and the small ones without (Flatten, Identity)."""

from math import sqrt

import numpy as np

from minidl import functional as F
from minidl.kernels.layout import pair

from . import init
from .module import Module, Parameter


def _new_weights(module, shape, bias):
    """PyTorch's start: uniform with variance 1 / (3 fan_in), for weights and biases alike."""
    module.weight = init.he_uniform_(Parameter(np.empty(shape, np.float32)), nonlinearity="linear")
    module.weight.data /= sqrt(3)
    bound = 1 / sqrt(max(init.fans(shape)[0], 1))
    module.bias = init.uniform_(Parameter(np.empty(shape[0], np.float32)), -bound, bound) if bias else None


class Linear(Module):
    """y = x weight^T + bias. x (..., in_features), weight (out_features, in_features); see functional.linear."""

    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        _new_weights(self, (out_features, in_features), bias)

    def forward(self, x):
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self):
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Conv2d(Module):
    """Slide out_channels kernels over images (N, in_channels, H, W); see functional.conv2d.

    >>> import minidl
    >>> Conv2d(3, 16, kernel_size=3, padding=1)(minidl.zeros(8, 3, 32, 32)).shape
    (8, 16, 32, 32)
    """

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True):
        super().__init__()
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"Conv2d: {in_channels} input and {out_channels} output channels must both divide into {groups} groups"
            )
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, pair(kernel_size)
        self.stride, self.padding, self.dilation, self.groups = pair(stride), pair(padding), pair(dilation), groups
        _new_weights(self, (out_channels, in_channels // groups, *self.kernel_size), bias)

    def forward(self, x):
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self):
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        for name, usual in (("stride", (1, 1)), ("padding", (0, 0)), ("dilation", (1, 1)), ("groups", 1)):
            if getattr(self, name) != usual:
                text += f", {name}={getattr(self, name)}"
        return text + ("" if self.bias is not None else ", bias=False")


class _BatchNorm(Module):
    ndim, expected = None, None

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.weight = Parameter(np.ones(num_features, np.float32))
        self.bias = Parameter(np.zeros(num_features, np.float32))
        self.register_buffer("running_mean", np.zeros(num_features, np.float32))
        self.register_buffer("running_var", np.ones(num_features, np.float32))
        self.register_buffer("num_batches_tracked", np.zeros((), np.int64))

    def forward(self, x):
        if len(x.shape) != self.ndim:
            raise ValueError(f"{type(self).__name__}: expected x {self.expected}, got shape {x.shape}")
        if self.training:
            self.num_batches_tracked += 1
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, self.training, self.momentum, self.eps
        )

    def extra_repr(self):
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"


class BatchNorm1d(_BatchNorm):
    """Batch norm for rows of features (N, C); see functional.batch_norm."""

    ndim, expected = 2, "(N, C)"


class BatchNorm2d(_BatchNorm):
    """Batch norm for images (N, C, H, W), one mean and variance a channel; see functional.batch_norm."""

    ndim, expected = 4, "(N, C, H, W)"


class Flatten(Module):
    """Images (N, C, H, W) become rows (N, C * H * W)."""

    def __init__(self, start_dim=1):
        super().__init__()
        self.start_dim = start_dim

    def forward(self, x):
        return F.flatten(x, self.start_dim)


class Identity(Module):
    """y = x"""

    def forward(self, x):
        return x
