"""Activations: relu, leaky relu, sigmoid, tanh, softmax, log softmax."""

import numpy as np

from minidl import backend
from minidl.autograd import Op


class ReLU(Op):
    """y = max(x, 0); gx = gy where x > 0, and 0 at exactly 0.

    >>> import numpy as np
    >>> op = ReLU()
    >>> op.forward(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 2.])
    >>> op.backward(np.ones(3))[0]
    array([0., 0., 1.])
    """

    def forward(self, x):
        self.saved = backend.elementwise(_relu, x)
        return self.saved

    def backward(self, gy):
        return (backend.elementwise(_relu_gradient, gy, self.saved),)


def _relu(x, out):
    xp = backend.get_array_module(x)
    xp.clip(x, 0, xp.inf, out=out)  # with two bounds NumPy's loop is vectorized: a third of the time of maximum(x, 0)


def _relu_gradient(gy, y, out):
    # A product with the mask (0 or 1) is several times faster than np.where.
    backend.get_array_module(gy).multiply(gy, y > 0, out=out)


class LeakyReLU(Op):
    """y = x where x > 0, else slope x"""

    def __init__(self, negative_slope=0.01):
        self.negative_slope = negative_slope

    def forward(self, x):
        self.saved = x
        return backend.elementwise(self._scale, x, x)

    def backward(self, gy):
        return (backend.elementwise(self._scale, gy, self.saved),)

    def _scale(self, values, x, out):
        xp = backend.get_array_module(x)
        xp.multiply(values, xp.where(x > 0, x.dtype.type(1), x.dtype.type(self.negative_slope)), out=out)


class Sigmoid(Op):
    """y = 1 / (1 + e^-x); gx = gy y (1 - y)"""

    def forward(self, x):
        self.saved = backend.elementwise(_sigmoid, x)
        return self.saved

    def backward(self, gy):
        return (backend.elementwise(_sigmoid_gradient, gy, self.saved),)


def _sigmoid(x, out):
    xp = backend.get_array_module(x)
    largest = float(np.floor(np.log(np.finfo(x.dtype).max)))
    xp.clip(x, -largest, xp.inf, out=out)  # or e^-x overflows
    xp.exp(-out, out=out)
    out += 1
    xp.reciprocal(out, out=out)


def _sigmoid_gradient(gy, y, out):
    backend.get_array_module(gy).multiply(gy * y, 1 - y, out=out)


class Tanh(Op):
    """y = tanh x; gx = gy (1 - y^2)"""

    def forward(self, x):
        self.saved = backend.elementwise(backend.get_array_module(x).tanh, x)
        return self.saved

    def backward(self, gy):
        return (backend.elementwise(_tanh_gradient, gy, self.saved),)


def _tanh_gradient(gy, y, out):
    backend.get_array_module(gy).multiply(gy, 1 - y * y, out=out)


class Softmax(Op):
    """y_i = e^x_i / sum_j e^x_j along one axis; gx = y (gy - sum_j gy_j y_j)"""

    def __init__(self, dim=-1):
        self.dim = dim

    def forward(self, x):
        xp = backend.get_array_module(x)
        powers = xp.exp(x - x.max(axis=self.dim, keepdims=True))  # the largest becomes e^0: no overflow
        self.saved = powers / powers.sum(axis=self.dim, keepdims=True)
        return self.saved

    def backward(self, gy):
        y = self.saved
        return (y * (gy - (gy * y).sum(axis=self.dim, keepdims=True)),)


class LogSoftmax(Op):
    """y_i = x_i - log sum_j e^x_j along one axis; gx = gy - e^y sum_j gy_j"""

    def __init__(self, dim=-1):
        self.dim = dim

    def forward(self, x):
        self.saved = log_softmax(x, self.dim)
        return self.saved

    def backward(self, gy):
        y = self.saved
        return (gy - backend.get_array_module(y).exp(y) * gy.sum(axis=self.dim, keepdims=True),)


def log_softmax(x, axis):
    """x - log sum e^x along an axis, of an array."""
    xp = backend.get_array_module(x)
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - xp.log(xp.exp(shifted).sum(axis=axis, keepdims=True))
