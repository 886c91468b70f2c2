"""Smooth activations: elu, selu, gelu, silu, softplus. Each is a function and its slope."""

from math import pi, sqrt

import numpy as np

from minidl import backend
from minidl.autograd import Op
from minidl.kernels.normal import normal_cdf, normal_density

from .activation import sigmoid
from .checks import check_floating

# What the many steps of one function keep on the way should stay in the cache: that halves the time of gelu.
BLOCK_BYTES = 1 << 18


class Pointwise(Op):
    """y = f(x), element by element; gx = gy f'(x). Subclasses write f(x) and f'(x) to out: `value` and `slope`."""

    def value(self, x, out):
        raise NotImplementedError(f"{type(self).__name__} must define value(self, x, out)")

    def slope(self, x, out):
        raise NotImplementedError(f"{type(self).__name__} must define slope(self, x, out)")

    def forward(self, x):
        check_floating(type(self).__name__.lower(), x)
        self.saved = x
        return backend.elementwise(_in_blocks(self.value), x)

    def backward(self, gy):
        return (backend.elementwise(_in_blocks(self._gradient), gy, self.saved),)

    def _gradient(self, gy, x, out):
        self.slope(x, out)
        out *= gy


def _in_blocks(function):
    """The function, called on one block after the other of arrays of one shape."""

    def blocks(*arrays, out):
        if out.nbytes <= BLOCK_BYTES or backend.get_array_module(out) is not np:
            return function(*arrays, out=out)
        axis = int(np.argmax(out.strides))  # the outermost in memory
        step = max(1, BLOCK_BYTES * out.shape[axis] // out.nbytes)
        *arrays, out = (a.swapaxes(0, axis) for a in (*arrays, out))
        for i in range(0, len(out), step):
            function(*(a[i : i + step] for a in arrays), out=out[i : i + step])

    return blocks


class ELU(Pointwise):
    """y = x where x > 0, else alpha (e^x - 1); slope 1, else alpha e^x, which is alpha at 0 (Clevert et al. 2016).

    >>> import numpy as np
    >>> ELU().forward(np.array([-1.0, 0.0, 2.0])).round(3)
    array([-0.632,  0.   ,  2.   ])
    """

    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def value(self, x, out):
        xp = backend.get_array_module(x)
        xp.clip(x, -xp.inf, 0, out=out)
        # e^x - 1 = 2 t / (1 - t) with t = tanh(x / 2): as accurate as expm1, and in float32 three times as fast.
        out *= 0.5
        xp.tanh(out, out=out)
        out /= 0.5 - 0.5 * out
        out *= self.alpha
        out += xp.clip(x, 0, xp.inf)

    def slope(self, x, out):
        xp = backend.get_array_module(x)
        xp.clip(x, -xp.inf, 0, out=out)
        xp.exp(out, out=out)
        out *= self.alpha
        positive = x > 0
        out *= ~positive
        out += positive


class SELU(ELU):
    """y = scale elu(x) with the alpha and scale that keep mean 0 and variance 1 from layer to layer.

    Klambauer et al. 2017, equation 14: for weights of mean 0 and variance 1 / fan_in. At 0 the slope is alpha scale.
    """

    ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805

    def __init__(self):
        super().__init__(self.ALPHA)

    def value(self, x, out):
        super().value(x, out)
        out *= self.SCALE

    def slope(self, x, out):
        super().slope(x, out)
        out *= self.SCALE


class SiLU(Pointwise):
    """y = x s(x), s the sigmoid; slope s (1 + x (1 - s)). Also called swish (Ramachandran et al. 2017)."""

    def value(self, x, out):
        sigmoid(x, out)
        out *= x

    def slope(self, x, out):
        sigmoid(x, out)
        out *= 1 + x * (1 - out)


class GELU(Pointwise):
    """y = x Phi(x), Phi the cumulative normal distribution (Hendrycks and Gimpel 2016).

    approximate="none": Phi itself; slope Phi(x) + x phi(x), with the normal density phi = Phi'.
    approximate="tanh": Phi taken as (1 + tanh u) / 2 = sigmoid(2 u), with u = sqrt(2 / pi) (x + 0.044715 x^3).

    >>> import numpy as np
    >>> GELU().forward(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.1587,  0.    ,  0.8413])
    """

    def __init__(self, approximate="none"):
        if approximate not in ("none", "tanh"):
            raise ValueError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")
        self.approximate = approximate

    def value(self, x, out):
        if self.approximate == "none":
            out[...] = normal_cdf(x)
        else:
            sigmoid(2 * sqrt(2 / pi) * (x + 0.044715 * x * x * x), out)
        out *= x

    def slope(self, x, out):
        if self.approximate == "none":
            out[...] = normal_cdf(x)
            out += x * normal_density(x)
        else:
            squares = x * x
            sigmoid(2 * sqrt(2 / pi) * x * (1 + 0.044715 * squares), out)
            out *= 1 + (1 - out) * (2 * sqrt(2 / pi)) * x * (1 + 3 * 0.044715 * squares)


class Softplus(Pointwise):
    """y = log(1 + e^(beta x)) / beta, a smooth relu; slope sigmoid(beta x).

    Where beta x > threshold, y = x with slope 1: there the two differ by less than e^-threshold / beta.
    """

    def __init__(self, beta=1.0, threshold=20.0):
        if not beta > 0:
            raise ValueError(f"softplus: beta must be greater than 0, got {beta}")
        self.beta, self.threshold = beta, threshold

    def value(self, x, out):
        xp = backend.get_array_module(x)
        scaled = x * self.beta
        log_1_plus_exp(scaled, out)
        out += xp.clip(scaled, 0, xp.inf)
        out /= self.beta
        xp.copyto(out, x, where=scaled > self.threshold)

    def slope(self, x, out):
        scaled = x * self.beta
        sigmoid(scaled, out)
        backend.get_array_module(x).copyto(out, 1, where=scaled > self.threshold)


def log_1_plus_exp(x, out):
    """log(1 + e^-|x|): softplus(x) = max(x, 0) + it, and -log sigmoid(x) = max(-x, 0) + it, without overflow."""
    xp = backend.get_array_module(x)
    e = xp.exp(-abs(x))
    u = 1 + e
    xp.log(u, out=out)
    out -= (u - 1 - e) / u  # what rounding took from u: as exact as log1p, in a third of its time on the CPU
