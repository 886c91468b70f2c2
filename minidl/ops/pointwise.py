"""Functions element by element: exp, log, sqrt, abs, clip, where; each is a method of Tensor as well."""

import numpy as np

from minidl import backend
from minidl.autograd import Op, Tensor, as_tensor
from minidl.autograd.arithmetic import unbroadcast
from minidl.autograd.operators import match_types
from minidl.kernels.checks import check_broadcast

from .checks import check_floating


class Exp(Op):
    """y = e^x; gx = gy y"""

    def forward(self, x):
        check_floating("exp", x)
        self.saved = backend.elementwise(backend.get_array_module(x).exp, x)
        return self.saved

    def backward(self, gy):
        return (gy * self.saved,)


class Log(Op):
    """y = log x; gx = gy / x"""

    def forward(self, x):
        check_floating("log", x)
        self.saved = x
        return backend.get_array_module(x).log(x)

    def backward(self, gy):
        return (gy / self.saved,)


class Sqrt(Op):
    """y = sqrt(x); gx = gy / (2 y)"""

    def forward(self, x):
        check_floating("sqrt", x)
        self.saved = backend.get_array_module(x).sqrt(x)
        return self.saved

    def backward(self, gy):
        return (gy / (2 * self.saved),)


class Abs(Op):
    """y = |x|; gx = gy sign(x), 0 at 0"""

    def forward(self, x):
        self.saved = x
        return abs(x)

    def backward(self, gy):
        return (gy * backend.get_array_module(gy).sign(self.saved),)


class Clip(Op):
    """y = min(max(x, low), high); the gradient passes where low <= x <= high"""

    def __init__(self, low=None, high=None):
        if low is None and high is None:
            raise ValueError("clip: give a lower bound, an upper bound or both")
        self.low, self.high = low, high

    def forward(self, x):
        self.saved = x
        return x.clip(self.low, self.high)

    def backward(self, gy):
        x, inside = self.saved, True
        if self.low is not None:
            inside = inside & (x >= self.low)
        if self.high is not None:
            inside = inside & (x <= self.high)
        return (gy * inside,)


class Where(Op):
    """y = a where the condition holds, else b"""

    def __init__(self, condition):
        self.condition = condition

    def forward(self, a, b):
        check_broadcast("where", self.condition, a, b)
        self.saved = a.shape, b.shape
        return backend.get_array_module(a, b, self.condition).where(self.condition, a, b)

    def backward(self, gy):
        a_shape, b_shape = self.saved
        return unbroadcast(gy * self.condition, a_shape), unbroadcast(gy * ~self.condition, b_shape)


def where(condition, a, b):
    """Elements of a where the condition (a boolean tensor or array) holds, else of b.

    >>> where(Tensor([True, False]), Tensor([1.0, 2.0]), 0.0)
    tensor([1., 0.])
    """
    condition = np.asarray(condition) if isinstance(condition, (bool, list)) else as_tensor(condition).data
    if condition.dtype != bool:
        raise TypeError(f"where: the condition must be boolean, got {condition.dtype}; write x != 0, say")
    return Where(condition)(*match_types(a, b))


def exp(self):
    """e^x of each value."""
    return Exp()(self)


def log(self):
    """The natural logarithm of each value."""
    return Log()(self)


def sqrt(self):
    """The square root of each value."""
    return Sqrt()(self)


def absolute(self):
    """Each value without its sign."""
    return Abs()(self)


def clip(self, min=None, max=None):
    """Each value, or the bound that it lies beyond."""
    return Clip(min, max)(self)


Tensor.exp, Tensor.log, Tensor.sqrt = exp, log, sqrt
Tensor.abs = Tensor.__abs__ = absolute
Tensor.clip = Tensor.clamp = clip
