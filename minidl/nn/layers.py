"""Layers with weights (Linear, BatchNorm) and the small ones without (Flatten, Identity)."""

import mmap
from math import prod, sqrt

import numpy as np

from minidl import functional as F
from minidl import random

from . import init
from .module import Module, Parameter


def _blank(shape):
    """Zeros for weights; inside undrawn(), where the system has them, pages that take no memory until written."""
    size = 4 * prod(shape)
    if random.drawing() or size < 1 << 20 or not hasattr(mmap, "MAP_PRIVATE"):
        return np.zeros(shape, np.float32)
    pages = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return np.frombuffer(pages, np.float32).reshape(shape)


def start_weights(module, shape, biases):
    """PyTorch's start: uniform with variance 1 / (3 fan_in), for weights and biases alike; biases 0 for none."""
    module.weight = init.he_uniform_(Parameter(_blank(shape)), nonlinearity="linear")
    if random.drawing():
        module.weight.data /= sqrt(3)
    bound = 1 / sqrt(max(init.fans(shape)[0], 1))
    module.bias = init.uniform_(Parameter(np.zeros(biases, np.float32)), -bound, bound) if biases else None


class Linear(Module):
    """y = x weight^T + bias. x (..., in_features), weight (out_features, in_features); see functional.linear."""

    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        start_weights(self, (out_features, in_features), out_features if bias else 0)

    def forward(self, x):
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self):
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


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
