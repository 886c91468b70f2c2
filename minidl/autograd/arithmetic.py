"""Ops of arithmetic: element by element, with broadcasting, and the matrix product."""

import numpy as np

from minidl import backend
from minidl.kernels import matrix
from minidl.kernels.checks import check_broadcast

from .tensor import Op


def unbroadcast(gradient, shape):
    """Sum a gradient over the axes that broadcasting added or stretched, back to `shape`."""
    if gradient.shape == shape:
        return gradient
    added = gradient.ndim - len(shape)
    stretched = tuple(i + added for i, n in enumerate(shape) if n == 1 and gradient.shape[i + added] != 1)
    return gradient.sum(axis=(*range(added), *stretched), keepdims=True).reshape(shape)


class Add(Op):
    """y = a + b"""

    def forward(self, a, b):
        check_broadcast("+", a, b)
        self.saved = a.shape, b.shape
        return backend.elementwise(np.add, a, b)

    def backward(self, gy):
        a_shape, b_shape = self.saved
        return unbroadcast(gy, a_shape), unbroadcast(gy, b_shape)


class Subtract(Op):
    """y = a - b"""

    def forward(self, a, b):
        check_broadcast("-", a, b)
        self.saved = a.shape, b.shape
        return backend.elementwise(np.subtract, a, b)

    def backward(self, gy):
        a_shape, b_shape = self.saved
        return unbroadcast(gy, a_shape), -unbroadcast(gy, b_shape) if self.needs[1] else None


class Multiply(Op):
    """y = a b, element by element; ga = gy b, gb = gy a"""

    def forward(self, a, b):
        check_broadcast("*", a, b)
        self.saved = a, b
        return backend.elementwise(np.multiply, a, b)

    def backward(self, gy):
        a, b = self.saved
        ga = unbroadcast(backend.elementwise(np.multiply, gy, b), a.shape) if self.needs[0] else None
        gb = unbroadcast(backend.elementwise(np.multiply, gy, a), b.shape) if self.needs[1] else None
        return ga, gb


class Divide(Op):
    """y = a / b; ga = gy / b, gb = -gy a / b^2"""

    def forward(self, a, b):
        check_broadcast("/", a, b)
        self.saved = a, b
        y = a / b
        return y if "f" in a.dtype.kind + b.dtype.kind else y.astype(np.float32)  # NumPy takes integers to float64

    def backward(self, gy):
        a, b = self.saved
        ga = unbroadcast(gy / b, a.shape) if self.needs[0] else None
        gb = unbroadcast(-gy * a / (b * b), b.shape) if self.needs[1] else None
        return ga, gb


class Power(Op):
    """y = x^p for a constant p; gx = gy p x^(p - 1)"""

    def __init__(self, exponent):
        self.exponent = exponent

    def forward(self, x):
        self.saved = x
        return x**self.exponent

    def backward(self, gy):
        return (gy * self.exponent * self.saved ** (self.exponent - 1),) if self.exponent else (gy * 0,)


class MatMul(Op):
    """y = a @ b with NumPy's rules for vectors and stacks of matrices; ga = gy b^T, gb = a^T gy"""

    def forward(self, a, b):
        self.saved = a, b
        if a.ndim and b.ndim and a.shape[-1] == b.shape[-2 if b.ndim > 1 else 0]:
            return matrix.product(a, b)
        raise ValueError(f"matmul: columns of the left and rows of the right must agree, got {a.shape} and {b.shape}")

    def backward(self, gy):
        a, b = self.saved
        # A vector is a matrix of one row (on the left) or one column (on the right).
        a2, b2 = a if a.ndim > 1 else a[None], b if b.ndim > 1 else b[:, None]
        gy2 = gy[..., None] if b.ndim == 1 else gy
        gy2 = gy2[..., None, :] if a.ndim == 1 else gy2
        ga = gb = None
        if self.needs[0]:
            ga = unbroadcast(matrix.product(gy2, b2.swapaxes(-1, -2)), a2.shape).reshape(a.shape)
        if self.needs[1]:
            gb = unbroadcast(matrix.product(a2.swapaxes(-1, -2), gy2), b2.shape).reshape(b.shape)
        return ga, gb
