"""Padding with a constant, and cropping."""

from minidl import backend
from minidl.autograd import Op
from minidl.kernels.checks import is_whole

from .checks import check_floating


class Pad(Op):
    """x with a margin of `value`, or less a margin where pad is negative; gx is gy without the margin.

    pad: how many values before and after, the last axis first: (left, right, top, bottom) for images (..., H, W).

    >>> import numpy as np
    >>> Pad((1, 0, -1, 2), value=9).forward(np.array([[1.0, 2], [3, 4]]))
    array([[9., 3., 4.],
           [9., 9., 9.],
           [9., 9., 9.]])
    """

    def __init__(self, pad, value=0.0):
        if not isinstance(value, (int, float)):
            raise ValueError(f"pad: value must be a number, got {value!r}: there is constant padding only")
        if not isinstance(pad, (tuple, list)) or len(pad) % 2 or not all(map(is_whole, pad)):
            raise ValueError(f"pad: expected whole numbers (left, right, top, bottom ...), two an axis, got {pad!r}")
        self.margins = list(zip(pad[::2], pad[1::2], strict=True))[::-1]  # in the order of the axes
        self.value = value

    def forward(self, x):
        check_floating("pad", x)
        if len(self.margins) > x.ndim:
            raise ValueError(f"pad: {len(self.margins)} pairs are more than the {x.ndim} axes of x {x.shape}")
        for size, margin in zip(x.shape[x.ndim - len(self.margins) :], self.margins, strict=True):
            if -sum(min(m, 0) for m in margin) > size:
                raise ValueError(f"pad: {margin} crops more than the {size} values that x {x.shape} has there")
        margins = [(0, 0)] * (x.ndim - len(self.margins)) + self.margins
        self.kept = tuple(slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(x.shape, margins, strict=True))
        shape = tuple(n + b + a for n, (b, a) in zip(x.shape, margins, strict=True))
        self.place = tuple(slice(max(b, 0), n - max(a, 0)) for n, (b, a) in zip(shape, margins, strict=True))
        self.saved = x.shape
        y = backend.get_array_module(x).full_like(x, self.value, shape=shape)
        y[self.place] = x[self.kept]
        return y

    def backward(self, gy):
        gx = backend.get_array_module(gy).zeros_like(gy, shape=self.saved)
        gx[self.kept] = gy[self.place]
        return (gx,)
