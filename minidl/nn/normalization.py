"""Normalization of each image by itself, as modules; batch norm is in layers.py."""

import numpy as np

from minidl import functional as F
from minidl import ops

from .module import Module, Parameter


def _new_weights(module, shape, affine):
    """weight 1 and bias 0, or None where they are not wanted."""
    module.weight = Parameter(np.ones(shape, np.float32)) if affine else None
    module.bias = Parameter(np.zeros(shape, np.float32)) if affine else None


class LayerNorm(Module):
    """Normalize over the last axes, those of normalized_shape, of each image by itself; see functional.layer_norm."""

    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True):
        super().__init__()
        self.normalized_shape, self.eps = ops.LayerNorm(normalized_shape).shape, eps
        self.elementwise_affine = elementwise_affine
        _new_weights(self, self.normalized_shape, elementwise_affine)

    def forward(self, x):
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Module):
    """Normalize over groups of channels of each image by itself; see functional.group_norm."""

    def __init__(self, num_groups, num_channels, eps=1e-5, affine=True):
        super().__init__()
        if num_groups < 1 or num_channels % num_groups:
            raise ValueError(f"GroupNorm: {num_channels} channels do not divide into {num_groups} groups")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        _new_weights(self, num_channels, affine)

    def forward(self, x):
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"


class LocalResponseNorm(Module):
    """Divide by a power of the mean square of neighbouring channels (AlexNet); see functional.local_response_norm."""

    def __init__(self, size, alpha=1e-4, beta=0.75, k=1.0):
        super().__init__()
        ops.LocalResponseNorm(size)
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x):
        return F.local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self):
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
