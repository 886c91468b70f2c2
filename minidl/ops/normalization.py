"""Normalization to mean 0 and variance 1: over the batch, and over each image by itself (layer and group norm)."""

import math

from minidl import backend
from minidl.autograd import Op
from minidl.autograd.arithmetic import unbroadcast
from minidl.kernels.channels import channel_affine, channel_moments, channel_products
from minidl.kernels.checks import is_whole

from .checks import check_floating


class BatchNorm(Op):
    """y = w (x - mean) / sqrt(var + eps) + b, with the mean and variance of each channel (Ioffe and Szegedy 2015).

    x (N, C, H, W) or (N, C); w, b (C,) or None. In training, mean and (biased) variance are those of the batch, and the
    running ones, if given, move towards them in place by `momentum`, the variance unbiased; else the running ones are
    used. With xhat = (x - mean) / sqrt(var + eps) and n values a channel, in training

        gw = sum gy xhat,  gb = sum gy,  gx = w / sqrt(var + eps) (gy - gb / n - xhat gw / n)

    The last two terms are there because mean and variance depend on x as well; without training they fall away.
    """

    def __init__(self, running_mean=None, running_var=None, training=True, momentum=0.1, eps=1e-5):
        self.running_mean, self.running_var = running_mean, running_var
        self.training, self.momentum, self.eps = training, momentum, eps
        if not training and running_mean is None:
            raise ValueError("batch_norm: outside training, running_mean and running_var must be given")
        if (running_mean is None) != (running_var is None):
            raise ValueError("batch_norm: give running_mean and running_var, or neither of them")
        if not eps >= 0:
            raise ValueError(f"batch_norm: eps must be at least 0, got {eps}")

    def forward(self, x, w=None, b=None):
        self._check(x, w, b)
        xp = backend.get_array_module(x, w, b)
        images = x if x.ndim == 4 else x[:, :, None, None]
        if self.training:
            values, shift, mean, variance = channel_moments(images)
            self._update_running(mean, variance, x.size // x.shape[1])
        else:
            values, shift, mean, variance = images, 0, self.running_mean, self.running_var
        self.inverse_std = (1 / xp.sqrt(variance + self.eps)).astype(x.dtype)
        self.mean = (mean - shift).astype(x.dtype)  # of the values that are kept: x, or x less a shift
        self.saved = values, w, b is not None
        scale = self.inverse_std if w is None else w * self.inverse_std
        offset = -self.mean * scale if b is None else b - self.mean * scale
        return channel_affine(values, scale, offset).reshape(x.shape)

    def backward(self, gy):
        values, w, biased = self.saved
        gy_images = gy if gy.ndim == 4 else gy[:, :, None, None]
        gb, products = channel_products(gy_images, values)
        gw = (products - self.mean * gb) * self.inverse_std
        gx = None
        if self.needs[0]:
            scale = self.inverse_std if w is None else w * self.inverse_std
            n = gy.size // gy.shape[1]
            if self.training:
                slope = -self.inverse_std * gw / n
                gx = channel_affine(values, slope, -gb / n - self.mean * slope, gy_images, scale)
            else:
                gx = channel_affine(gy_images, scale, 0 * scale)
            gx = gx.reshape(gy.shape)
        return (gx, None if w is None else gw, gb if biased else None)[: len(self.needs)]

    def _update_running(self, mean, variance, n):
        if self.running_mean is None:
            return
        self.running_mean += self.momentum * (mean - self.running_mean)
        self.running_var += self.momentum * (variance * (n / (n - 1)) - self.running_var)

    def _check(self, x, w, b):
        if x.ndim not in (2, 4) or 0 in x.shape[1:]:
            hint = "; one image is a batch of one, x[None]" if x.ndim == 3 else ""
            raise ValueError(f"batch_norm: expected x (N, C, H, W) or (N, C), got shape {x.shape}{hint}")
        vectors = {"w": w, "b": b, "running_mean": self.running_mean, "running_var": self.running_var}
        check_floating("batch_norm", x, **vectors)
        n = x.size // x.shape[1]
        if self.training and n < 2:
            raise ValueError(
                f"batch_norm: a variance needs two values a channel, x {x.shape} has {n}: use a larger batch, or "
                "evaluate (net.eval())"
            )
        for name, values in vectors.items():
            if values is not None and values.shape != (x.shape[1],):
                expected = f"{name} must have shape ({x.shape[1]},), got {values.shape}"
                raise ValueError(f"batch_norm: {expected}, for x {x.shape} has {x.shape[1]} channels")


class SampleNorm(Op):
    """What layer and group norm share: y = w xhat + b, xhat = (x - mean) / sqrt(var + eps) over axes of each image.

    Subclasses give, for x, a view of it, the axes of that view to normalize over, and the shape in which w and b meet
    the view. With n values over these axes, and g = gy w,

        gw = sum gy xhat,  gb = sum gy,  gx = (g - sum g / n - xhat sum(g xhat) / n) / sqrt(var + eps)
    """

    def plan(self, x, w, b):
        """(view of x, axes, shape of w and b there)"""
        raise NotImplementedError(f"{type(self).__name__} must define plan(self, x, w, b)")

    def forward(self, x, w=None, b=None):
        values, axes, shape = self.plan(x, w, b)
        xp = backend.get_array_module(x, w, b)
        # The outermost axis in memory is summed first: whole rows are added, which is quick and rounds little.
        self.axes = sorted(axes, key=lambda axis: -abs(values.strides[axis]))
        xhat = backend.elementwise(xp.subtract, values, self._rows(self._mean(values), values))
        variance = self._mean(backend.elementwise(xp.multiply, xhat, xhat))
        self.inverse_std = self._rows(1 / xp.sqrt(variance + self.eps), values)
        backend.elementwise(xp.multiply, xhat, self.inverse_std, out=xhat)
        self.saved = xhat, w, b, shape
        y = xhat if w is None else backend.elementwise(xp.multiply, xhat, w.reshape(shape))
        if b is not None:
            y = backend.elementwise(xp.add, y, b.reshape(shape), out=None if y is xhat else y)
        return y.reshape(x.shape)

    def backward(self, gy):
        xhat, w, b, shape = self.saved
        xp = backend.get_array_module(gy)
        g = gy.reshape(xhat.shape)
        needs_gw = w is not None and self.needs[1]
        gb = unbroadcast(g, shape).reshape(b.shape) if b is not None and self.needs[2] else None
        gw = unbroadcast(backend.elementwise(xp.multiply, g, xhat), shape).reshape(w.shape) if needs_gw else None
        gx = None
        if self.needs[0]:
            g = g if w is None else backend.elementwise(xp.multiply, g, w.reshape(shape))
            products = self._mean(backend.elementwise(xp.multiply, g, xhat))
            gx = backend.elementwise(xp.multiply, xhat, self._rows(-products, xhat))
            gx = backend.elementwise(xp.add, gx, g, out=gx)
            gx = backend.elementwise(xp.subtract, gx, self._rows(self._mean(g), xhat), out=gx)
            gx = backend.elementwise(xp.multiply, gx, self.inverse_std, out=gx).reshape(gy.shape)
        return (gx, gw, gb)[: len(self.needs)]

    def _mean(self, values):
        n = math.prod(values.shape[axis] for axis in self.axes)
        total = values.sum(axis=self.axes[0], keepdims=True)
        return (total.sum(axis=tuple(self.axes[1:]), keepdims=True) if len(self.axes) > 1 else total) / n

    def _rows(self, numbers, values):
        """Numbers written out along all axes but the outermost: NumPy's loops are short where it stretches them."""
        first = values[(slice(None),) * self.axes[0] + (slice(1),)]
        rows = backend.get_array_module(values).empty_like(first)
        rows[...] = numbers
        return rows

    def _check(self, name, x, w, b, shape, meaning):
        check_floating(name, x, w=w, b=b)
        for letter, vector in (("w", w), ("b", b)):
            if vector is not None and vector.shape != shape:
                expected = f"{letter} must have shape {shape}, {meaning}"
                raise ValueError(f"{name}: {expected}, got {vector.shape} (x {x.shape})")


class LayerNorm(SampleNorm):
    """Normalize over the last axes, those of `normalized_shape`, for each image by itself (Ba et al. 2016).

    x (..., *normalized_shape); w, b of the normalized shape, or None. The gradient is in SampleNorm.

    >>> import numpy as np
    >>> LayerNorm(4).forward(np.array([[1.0, 2, 3, 4], [10, 20, 30, 40]])).round(2)
    array([[-1.34, -0.45,  0.45,  1.34],
           [-1.34, -0.45,  0.45,  1.34]])
    """

    def __init__(self, normalized_shape, eps=1e-5):
        shape = normalized_shape if isinstance(normalized_shape, (tuple, list)) else (normalized_shape,)
        if not shape or not all(map(is_whole, shape)) or min(shape) < 1:
            raise ValueError(f"layer_norm: normalized_shape must have sizes from 1, got {normalized_shape!r}")
        self.shape, self.eps = tuple(shape), eps

    def plan(self, x, w, b):
        last = len(self.shape)
        if x.shape[-last:] != self.shape:
            raise ValueError(f"layer_norm: the last axes of x must be normalized_shape {self.shape}, got x {x.shape}")
        self._check("layer_norm", x, w, b, self.shape, "that of normalized_shape")
        return x, range(x.ndim - last, x.ndim), (1,) * (x.ndim - last) + self.shape


class GroupNorm(SampleNorm):
    """Normalize over groups of C / num_groups channels and all places, for each image by itself (Wu and He 2018).

    x (N, C, ...); w, b (C,) or None. One group is layer norm over an image, C groups are instance norm. The gradient
    is in SampleNorm.

    >>> import numpy as np
    >>> GroupNorm(2).forward(np.array([[1.0, 3.0, 10.0, 30.0]])).round(2)
    array([[-1.,  1., -1.,  1.]])
    """

    def __init__(self, num_groups, eps=1e-5):
        if not is_whole(num_groups) or num_groups < 1:
            raise ValueError(f"group_norm: num_groups must be a whole number from 1, got {num_groups!r}")
        self.groups, self.eps = num_groups, eps

    def plan(self, x, w, b):
        if x.ndim < 2 or x.shape[1] % self.groups or 0 in x.shape[1:]:
            raise ValueError(
                f"group_norm: expected x (N, C, ...) whose channels divide into {self.groups} groups, got {x.shape}"
            )
        self._check("group_norm", x, w, b, x.shape[1:2], "one value a channel")
        n, c, *sizes = x.shape
        view = x.reshape(n, self.groups, c // self.groups, *sizes)  # a view in any memory order
        return view, range(2, view.ndim), (1, self.groups, c // self.groups) + (1,) * len(sizes)
