"""New tensors: from numbers, zeros, ones, random numbers."""

import numpy as np

from minidl import backend, random
from minidl.autograd import Tensor


def _shape(sizes):
    return tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes


def _new(array, device, requires_grad):
    return Tensor(backend.to_device(array, device), requires_grad)


def tensor(data, dtype=None, device="cpu", requires_grad=False):
    """A new tensor from numbers, lists or an array, which is copied. Python's floats become float32.

    >>> tensor([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    array = Tensor(data).data
    return _new(array.astype(array.dtype if dtype is None else dtype), device, requires_grad)


def zeros(*shape, dtype=np.float32, device="cpu", requires_grad=False):
    """A tensor of zeros: zeros(2, 3) or zeros((2, 3))."""
    return _new(np.zeros(_shape(shape), dtype), device, requires_grad)


def ones(*shape, dtype=np.float32, device="cpu", requires_grad=False):
    """A tensor of ones."""
    return _new(np.ones(_shape(shape), dtype), device, requires_grad)


def randn(*shape, dtype=np.float32, device="cpu", requires_grad=False):
    """Normal random numbers, mean 0 and standard deviation 1, from the generator that manual_seed seeds."""
    return _new(random.generator().standard_normal(_shape(shape), dtype), device, requires_grad)


def rand(*shape, dtype=np.float32, device="cpu", requires_grad=False):
    """Uniform random numbers from 0 to 1, 1 excluded, from the generator that manual_seed seeds."""
    return _new(random.generator().random(_shape(shape), dtype), device, requires_grad)
