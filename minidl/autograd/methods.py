"""The methods of Tensor, in PyTorch's names and with its defaults. Importing this gives them to the class.

`dim` is an axis, several, or None for all of them; a negative one counts from the last.
"""

from math import prod

import numpy as np

from minidl.kernels.checks import check_axes

from . import reduction, shape
from .tensor import Tensor


def sum(self, dim=None, keepdim=False):
    """The sum along `dim`, which stays with length 1 if keepdim."""
    return reduction.Sum(dim, keepdim)(self)


def mean(self, dim=None, keepdim=False):
    """The mean along `dim`, which stays with length 1 if keepdim."""
    return reduction.Mean(dim, keepdim)(self)


def var(self, dim=None, keepdim=False, correction=1):
    """The variance along `dim`: the sum of (x - mean)^2, divided by n - correction."""
    return reduction.Var(dim, keepdim, correction)(self)


def std(self, dim=None, keepdim=False, correction=1):
    """The standard deviation along `dim`, the root of `var`."""
    return var(self, dim, keepdim, correction) ** 0.5


def max(self, dim=None, keepdim=False):
    """The largest value along `dim`; the place of it is `argmax`. Equal ones share the gradient."""
    return reduction.Max(dim, keepdim)(self)


def min(self, dim=None, keepdim=False):
    """The smallest value along `dim`; the place of it is `argmin`. Equal ones share the gradient."""
    return reduction.Min(dim, keepdim)(self)


def argmax(self, dim=None):
    """Where the largest value along the axis `dim` stands, the first of equal ones; None counts through the tensor."""
    check_axes(self.shape, dim)
    return Tensor(self.data.argmax(axis=dim))


def argmin(self, dim=None):
    """Where the smallest value along the axis `dim` stands, the first of equal ones; None counts through the tensor."""
    check_axes(self.shape, dim)
    return Tensor(self.data.argmin(axis=dim))


def any(self, dim=None, keepdim=False):
    """Whether any value along `dim` is true, or not 0; a boolean tensor."""
    check_axes(self.shape, dim)
    return Tensor(self.data.any(axis=dim, keepdims=keepdim))


def all(self, dim=None, keepdim=False):
    """Whether all values along `dim` are true, or not 0; a boolean tensor."""
    check_axes(self.shape, dim)
    return Tensor(self.data.all(axis=dim, keepdims=keepdim))


def reshape(self, *sizes):
    """The same values in another shape, reshape(2, 3) or reshape((2, 3)); one size may be -1, for what is left."""
    return shape.Reshape(_one_tuple(sizes))(self)


def flatten(self, dim=0):
    """The axes from `dim` on as a single one: flatten(1) makes rows of images."""
    check_axes(self.shape or (1,), (dim,))
    return shape.Reshape((*self.shape[:dim], prod(self.shape[dim:])))(self)


def squeeze(self, dim=None):
    """Without the axis `dim` (or those several) if its length is 1; without all of length 1 by default."""
    check_axes(self.shape, dim)
    dims = range(self.ndim) if dim is None else dim if isinstance(dim, tuple) else (dim,)
    gone = {d % self.ndim for d in dims}
    return shape.Reshape(tuple(n for i, n in enumerate(self.shape) if n != 1 or i not in gone))(self)


def unsqueeze(self, dim):
    """With a new axis of length 1 at `dim`: x.unsqueeze(0) is a batch of one."""
    check_axes((*self.shape, 1), dim)
    at = dim % (self.ndim + 1)
    return shape.Reshape((*self.shape[:at], 1, *self.shape[at:]))(self)


def permute(self, *dims):
    """The axes in another order: images.permute(0, 2, 3, 1) is (N, H, W, C)."""
    return shape.Permute(_one_tuple(dims))(self)


def transpose(self, dim0, dim1):
    """Two axes exchanged."""
    check_axes(self.shape, dim0)
    check_axes(self.shape, dim1)
    dims = list(range(self.ndim))
    dims[dim0], dims[dim1] = dims[dim1], dims[dim0]
    return shape.Permute(tuple(dims))(self)


def float(self):
    """As float32: of booleans, (predictions == labels).float().mean() is the accuracy."""
    return shape.Cast(np.float32)(self)


def double(self):
    """As float64, in which gradients can be checked."""
    return shape.Cast(np.float64)(self)


def long(self):
    """As int64, without a gradient: the type of labels and indices."""
    return Tensor(self.data.astype(np.int64))


def __getitem__(self, index):
    """x[index], as in NumPy: integers, slices, None, integer or boolean arrays or tensors."""
    return shape.GetItem(_plain_index(index))(self)


def _one_tuple(numbers):
    """f(2, 3) and f((2, 3)) mean the same."""
    return tuple(numbers[0]) if len(numbers) == 1 and isinstance(numbers[0], (tuple, list)) else numbers


def _plain_index(index):
    """An index as arrays: tensors inside it are unwrapped."""
    if isinstance(index, tuple):
        return tuple(_plain_index(i) for i in index)
    return index.data if isinstance(index, Tensor) else index


for method in (
    sum, mean, var, std, max, min, argmax, argmin, any, all, reshape, flatten, squeeze, unsqueeze, permute,
    transpose, float, double, long, __getitem__,
):  # fmt: skip
    setattr(Tensor, method.__name__, method)
Tensor.view = reshape
Tensor.T = property(lambda self: permute(self, tuple(range(self.ndim))[::-1]), doc="The axes in reverse order.")
