"""Activations: the relu family (straight pieces), maxout, sigmoid, tanh, softmax, log softmax."""

import numpy as np

from minidl import backend
from minidl.autograd import Op
from minidl.autograd.arithmetic import unbroadcast
from minidl.kernels.checks import check_axes, is_whole

from .checks import check_floating


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
        check_floating("relu", x)
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


class ReLU6(Op):
    """y = min(max(x, 0), 6); gx = gy where 0 < x < 6, and 0 at exactly 0 and 6 (Krizhevsky 2010).

    >>> import numpy as np
    >>> ReLU6().forward(np.array([-1.0, 2.0, 7.0]))
    array([0., 2., 6.])
    """

    def forward(self, x):
        check_floating("relu6", x)
        self.saved = backend.elementwise(_relu6, x)
        return self.saved

    def backward(self, gy):
        return (backend.elementwise(_relu6_gradient, gy, self.saved),)


def _relu6(x, out):
    backend.get_array_module(x).clip(x, 0, 6, out=out)


def _relu6_gradient(gy, y, out):
    backend.get_array_module(gy).multiply(gy, (y > 0) & (y < 6), out=out)


class LeakyReLU(Op):
    """y = x where x > 0, else slope x"""

    def __init__(self, negative_slope=0.01):
        self.negative_slope = negative_slope

    def forward(self, x):
        check_floating("leaky_relu", x)
        self.saved = x
        return backend.elementwise(_bend, x, self.negative_slope)

    def backward(self, gy):
        return (backend.elementwise(_bend_gradient, gy, self.saved, self.negative_slope),)


def _bend(x, slope, out):
    xp = backend.get_array_module(x)
    xp.clip(x, -xp.inf, 0, out=out)
    out *= slope
    out += xp.clip(x, 0, xp.inf)


def _bend_gradient(gy, x, slope, out):
    positive = x > 0  # products with masks, as in relu
    backend.get_array_module(gy).multiply(gy, ~positive, out=out)
    out *= slope
    out += gy * positive


class PReLU(Op):
    """Leaky relu whose slope is learned: y = x where x > 0, else w x (He et al. 2015, section 2.1).

    x (N, C, ...), w (1,) for one slope, or (C,) for one a channel. gx = gy where x > 0, else w gy (so w gy at
    exactly 0), and gw = sum gy min(x, 0), over everything that shares the slope.

    >>> import numpy as np
    >>> op = PReLU()
    >>> op.forward(np.array([[-2.0, 3.0]]), np.array([0.5]))
    array([[-1.,  3.]])
    >>> op.backward(np.ones((1, 2)))
    (array([[0.5, 1. ]]), array([-2.]))
    """

    def forward(self, x, w):
        check_floating("prelu", x, w=w)
        if w.size != 1 and (x.ndim < 2 or w.shape != x.shape[1:2]):
            raise ValueError(
                f"prelu: w must have one value, or one a channel of x (N, C, ...), got w {w.shape} for x {x.shape}"
            )
        self.saved = x, w
        return backend.elementwise(_bend, x, _along_channels(w, x))

    def backward(self, gy):
        x, w = self.saved
        slope = _along_channels(w, x)
        gx = backend.elementwise(_bend_gradient, gy, x, slope) if self.needs[0] else None
        gw = None
        if self.needs[1]:
            gw = unbroadcast(backend.elementwise(_times_negative, gy, x), slope.shape).reshape(w.shape)
        return gx, gw


def _along_channels(w, x):
    """w with as many axes as x, so that its values meet the channels."""
    return w.reshape([w.size if axis == 1 else 1 for axis in range(x.ndim)])


def _times_negative(gy, x, out):
    xp = backend.get_array_module(gy)
    xp.clip(x, -xp.inf, 0, out=out)
    out *= gy


class Maxout(Op):
    """y = the largest of each group of `pieces` channels that follow each other (Goodfellow et al. 2013).

    x (N, pieces C, ...) gives (N, C, ...): y_c = max of x_i for i from pieces c to pieces c + pieces - 1, along axis
    `dim`. After a linear layer or a convolution this is an activation that is learned: the maximum of several linear
    functions, so any convex one. gy goes to the largest, the first of them where several are equal.

    >>> import numpy as np
    >>> op = Maxout(2)
    >>> op.forward(np.array([[1.0, 5.0, 4.0, 3.0]]))
    array([[5., 4.]])
    >>> op.backward(np.ones((1, 2)))[0]
    array([[0., 1., 1., 0.]])
    """

    def __init__(self, pieces, dim=1):
        if not is_whole(pieces) or pieces < 1:
            raise ValueError(f"maxout: pieces must be a whole number from 1, got {pieces!r}")
        self.pieces, self.dim = pieces, dim

    def forward(self, x):
        check_floating("maxout", x)
        check_axes(x.shape, (self.dim,))
        if x.shape[self.dim] % self.pieces:
            raise ValueError(
                f"maxout: {x.shape[self.dim]} channels do not divide into groups of {self.pieces} "
                f"(x {x.shape}, axis {self.dim})"
            )
        first, *others = self._split(x)
        y = first.copy(order="K")
        for piece in others:
            backend.elementwise(backend.get_array_module(x).maximum, y, piece, out=y)
        self.saved = x, y
        return y

    def backward(self, gy):
        x, y = self.saved
        xp = backend.get_array_module(x)
        gx = xp.empty_like(x)
        free = xp.ones_like(y, bool)  # not given away yet
        for piece, g in zip(self._split(x), self._split(gx), strict=True):
            hit = free & (piece == y)
            free ^= hit
            backend.elementwise(xp.multiply, gy, hit, out=g)
        return (gx,)

    def _split(self, x):
        """The first, second ... channel of every group: views of the shape of y."""
        axis = self.dim % x.ndim
        return [x[(slice(None),) * axis + (slice(i, None, self.pieces),)] for i in range(self.pieces)]


class Sigmoid(Op):
    """y = 1 / (1 + e^-x); gx = gy y (1 - y)"""

    def forward(self, x):
        check_floating("sigmoid", x)
        self.saved = backend.elementwise(sigmoid, x)
        return self.saved

    def backward(self, gy):
        return (backend.elementwise(_sigmoid_gradient, gy, self.saved),)


def sigmoid(x, out):
    """1 / (1 + e^-x) of an array, written to out."""
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
        check_floating("tanh", x)
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
        _check_softmax("softmax", x, self.dim)
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
        _check_softmax("log_softmax", x, self.dim)
        self.saved = log_softmax(x, self.dim)
        return self.saved

    def backward(self, gy):
        y = self.saved
        return (gy - backend.get_array_module(y).exp(y) * gy.sum(axis=self.dim, keepdims=True),)


def _check_softmax(op, x, dim):
    check_floating(op, x)
    check_axes(x.shape, (dim,))


def log_softmax(x, axis):
    """x - log sum e^x along an axis, of an array."""
    xp = backend.get_array_module(x)
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - xp.log(xp.exp(shifted).sum(axis=axis, keepdims=True))
