"""The operators of Tensor, in NumPy's meaning, and what joins tensors. Importing this gives the class its operators."""

import numpy as np

from . import arithmetic, shape
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


def _without_gradient(ufunc):
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

Tensor.__eq__, Tensor.__ne__ = _without_gradient(np.equal), _without_gradient(np.not_equal)
Tensor.__lt__, Tensor.__le__ = _without_gradient(np.less), _without_gradient(np.less_equal)
Tensor.__gt__, Tensor.__ge__ = _without_gradient(np.greater), _without_gradient(np.greater_equal)
Tensor.__hash__ = object.__hash__
Tensor.__and__, Tensor.__or__ = _without_gradient(np.bitwise_and), _without_gradient(np.bitwise_or)
Tensor.__invert__ = lambda self: Tensor(~self.data)
