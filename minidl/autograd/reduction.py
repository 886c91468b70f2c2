"""Ops that reduce: sum, mean, max, min, var. `dim` is an axis, several, or None for all of them."""

from math import prod

from minidl import backend
from minidl.kernels.checks import check_axes

from .tensor import Op


class Reduction(Op):
    """What all reductions share: which axes go, and how a gradient comes back to the full shape."""

    def __init__(self, dim=None, keepdim=False):
        self.dim = tuple(dim) if isinstance(dim, list) else dim
        self.keepdim = keepdim

    def stretch(self, gy, shape):
        """gy with the reduced axes back in place, as long as they were; a view."""
        xp = backend.get_array_module(gy)
        if not self.keepdim:
            dims = range(len(shape)) if self.dim is None else self.dim
            gy = xp.expand_dims(gy, dims if isinstance(dims, int) else tuple(dims))
        return xp.broadcast_to(gy, shape)


def count(shape, dim):
    """How many values each result of a reduction over `dim` is made of."""
    check_axes(shape, dim)
    dims = range(len(shape)) if dim is None else (dim,) if isinstance(dim, int) else dim
    return prod(shape[d] for d in dims)


class Sum(Reduction):
    """y = sum x; every summand receives the gradient of the sum"""

    def forward(self, x):
        check_axes(x.shape, self.dim)
        self.saved = x.shape
        return backend.get_array_module(x).asarray(x.sum(axis=self.dim, keepdims=self.keepdim))

    def backward(self, gy):
        return (self.stretch(gy, self.saved),)


class Mean(Reduction):
    """y = sum x / n"""

    def forward(self, x):
        self.saved = x.shape
        if not count(x.shape, self.dim):
            raise ValueError(f"mean of no values: shape {x.shape}, dim {self.dim}")
        return backend.get_array_module(x).asarray(x.mean(axis=self.dim, keepdims=self.keepdim))

    def backward(self, gy):
        return (self.stretch(gy / count(self.saved, self.dim), self.saved),)


class Max(Reduction):
    """y = max x. Where several values are the largest, they share the gradient equally (as PyTorch's amax)."""

    extreme = "max"

    def forward(self, x):
        if not count(x.shape, self.dim):
            raise ValueError(f"{self.extreme} of no values: shape {x.shape}, dim {self.dim}")
        y = getattr(x, self.extreme)(axis=self.dim, keepdims=True)
        self.saved = x, y
        return y if self.keepdim else backend.get_array_module(x).asarray(y.squeeze(self.dim))

    def backward(self, gy):
        x, y = self.saved
        winners = x == y
        return (self.stretch(gy, x.shape) * (winners / winners.sum(axis=self.dim, keepdims=True)).astype(x.dtype),)


class Min(Max):
    """y = min x, with the gradient of Max"""

    extreme = "min"


class Var(Reduction):
    """y = sum (x - mean)^2 / (n - correction); gx = gy 2 (x - mean) / (n - correction)"""

    def __init__(self, dim=None, keepdim=False, correction=1):
        super().__init__(dim, keepdim)
        self.correction = correction

    def forward(self, x):
        self.saved = x
        if count(x.shape, self.dim) <= self.correction:
            raise ValueError(f"var needs more than {self.correction} value(s): shape {x.shape}, dim {self.dim}")
        return backend.get_array_module(x).asarray(x.var(axis=self.dim, keepdims=self.keepdim, ddof=self.correction))

    def backward(self, gy):
        x = self.saved
        scale = 2 / (count(x.shape, self.dim) - self.correction)
        return (self.stretch(gy, x.shape) * (x - x.mean(axis=self.dim, keepdims=True)) * scale,)
