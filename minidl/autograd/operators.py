"""The operators and methods of Tensor, in NumPy's meaning and PyTorch's names. Importing this completes the class."""

from math import prod

import numpy as np

from minidl.kernels.checks import check_axes

from . import arithmetic, reduction, shape
from .tensor import Tensor, _pauses, as_tensor


def _binary(op, reflected=False):
    def method(self, other):
        if not isinstance(other, (Tensor, int, float)) and not hasattr(other, "dtype"):
            return NotImplemented
        a, b = match_types(self, other)
        return op()(b, a) if reflected else op()(a, b)

    return method


def match_types(a, b):
    """Two operands as tensors, where numbers and integers take the other's floating-point type (or float32).

    So x * 0.1 stays float32 where x is, and is exact where x is float64.
    """
    tensors = [as_tensor(x) for x in (a, b) if not isinstance(x, (int, float))]
    floating = [x.dtype for x in tensors if x.dtype.kind == "f"]
    fraction = floating or isinstance(a, float) or isinstance(b, float)

    def convert(x):
        array = np.asarray(x) if isinstance(x, (int, float)) else as_tensor(x).data
        if array.dtype.kind == "f" and hasattr(x, "dtype"):
            return as_tensor(x)
        array = array.astype(np.result_type(*floating or [np.float32])) if fraction else array
        return Tensor(array).to(tensors[0].device if tensors else "cpu")

    return convert(a), convert(b)


def _comparison(ufunc):
    def method(self, other):
        return Tensor(ufunc(self.data, other.data if isinstance(other, Tensor) else other))

    return method


def _in_place(ufunc):
    def method(self, other):
        if not self.requires_grad or self.creator is not None:
            return NotImplemented  # x += y is x = x + y, except for the leaves, such as weights
        if not _pauses.get():
            raise RuntimeError("a tensor that requires a gradient is changed in place inside `with no_grad():` only")
        ufunc(self.data, other.data if isinstance(other, Tensor) else other, out=self.data, casting="same_kind")
        return self

    return method


def _power(self, exponent):
    if not isinstance(exponent, (int, float)):
        raise TypeError(f"x ** p: p must be a Python number, got {type(exponent).__name__}; write (x.log() * p).exp()")
    return arithmetic.Power(exponent)(self)


def _sizes(sizes):
    """reshape(2, 3) and reshape((2, 3)) mean the same."""
    return tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes


def _plain_index(index):
    """An index as arrays: tensors inside it are unwrapped."""
    if isinstance(index, tuple):
        return tuple(_plain_index(i) for i in index)
    return index.data if isinstance(index, Tensor) else index


def _transpose(self, dim0, dim1):
    for dim in dim0, dim1:
        check_axes(self.shape, (dim,))
    dims = list(range(self.ndim))
    dims[dim0], dims[dim1] = dims[dim1], dims[dim0]
    return shape.Permute(tuple(dims))(self)


def _flatten(self, dim=0):
    check_axes(self.shape or (1,), (dim,))
    return shape.Reshape((*self.shape[:dim], prod(self.shape[dim:])))(self)


def concatenate(tensors, dim=0):
    """Join tensors along an axis they have; they may differ in its length only.

    >>> concatenate([Tensor(np.zeros((8, channels, 28, 28))) for channels in (64, 32)], dim=1).shape
    (8, 96, 28, 28)
    """
    if not (tensors := list(tensors)):
        raise ValueError("there is nothing to join: the list of tensors is empty")
    return shape.Concatenate(dim)(*tensors)


def stack(tensors, dim=0):
    """Join tensors of one shape along a new axis."""
    tensors = [as_tensor(t) for t in tensors]
    if len({t.shape for t in tensors}) > 1:
        raise ValueError(f"stack: all shapes must agree, got {', '.join(str(t.shape) for t in tensors)}")
    dim = dim % (tensors[0].ndim + 1) if tensors else 0
    return concatenate([t[(slice(None),) * dim + (None,)] for t in tensors], dim)


Tensor.__add__ = Tensor.__radd__ = _binary(arithmetic.Add)
Tensor.__sub__, Tensor.__rsub__ = _binary(arithmetic.Subtract), _binary(arithmetic.Subtract, reflected=True)
Tensor.__mul__ = Tensor.__rmul__ = _binary(arithmetic.Multiply)
Tensor.__truediv__, Tensor.__rtruediv__ = _binary(arithmetic.Divide), _binary(arithmetic.Divide, reflected=True)
Tensor.__matmul__, Tensor.__rmatmul__ = _binary(arithmetic.MatMul), _binary(arithmetic.MatMul, reflected=True)
Tensor.__iadd__, Tensor.__isub__ = _in_place(np.add), _in_place(np.subtract)
Tensor.__imul__, Tensor.__itruediv__ = _in_place(np.multiply), _in_place(np.divide)
Tensor.__neg__ = lambda self: self * -1
Tensor.__pow__ = _power

Tensor.__eq__, Tensor.__ne__ = _comparison(np.equal), _comparison(np.not_equal)
Tensor.__lt__, Tensor.__le__ = _comparison(np.less), _comparison(np.less_equal)
Tensor.__gt__, Tensor.__ge__ = _comparison(np.greater), _comparison(np.greater_equal)
Tensor.__hash__ = object.__hash__

Tensor.argmax = lambda self, dim=None: Tensor(self.data.argmax(axis=dim))
Tensor.sum = lambda self, dim=None, keepdim=False: reduction.Sum(dim, keepdim)(self)
Tensor.mean = lambda self, dim=None, keepdim=False: reduction.Mean(dim, keepdim)(self)
Tensor.max = lambda self, dim=None, keepdim=False: reduction.Max(dim, keepdim)(self)
Tensor.min = lambda self, dim=None, keepdim=False: reduction.Min(dim, keepdim)(self)
Tensor.var = lambda self, dim=None, keepdim=False, correction=1: reduction.Var(dim, keepdim, correction)(self)

Tensor.reshape = Tensor.view = lambda self, *sizes: shape.Reshape(_sizes(sizes))(self)
Tensor.flatten = _flatten
Tensor.permute = lambda self, *dims: shape.Permute(_sizes(dims))(self)
Tensor.transpose = _transpose
Tensor.T = property(lambda self: shape.Permute(tuple(range(self.ndim))[::-1])(self))
Tensor.__getitem__ = lambda self, index: shape.GetItem(_plain_index(index))(self)
