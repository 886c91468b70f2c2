"""Batch normalization."""

from minidl import backend
from minidl.autograd import Op
from minidl.kernels.channels import channel_affine, channel_moments, channel_products


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
        if x.ndim not in (2, 4):
            raise ValueError(f"batch_norm: expected x (N, C, H, W) or (N, C), got shape {x.shape}")
        if self.training and x.size // max(x.shape[1], 1) < 2:
            raise ValueError(f"batch_norm: one value a channel (shape {x.shape}) has no variance: use a larger batch")
        vectors = {"w": w, "b": b, "running_mean": self.running_mean, "running_var": self.running_var}
        for name, values in vectors.items():
            if values is not None and values.shape != (x.shape[1],):
                expected = f"{name} must have shape ({x.shape[1]},), got {values.shape}"
                raise ValueError(f"batch_norm: {expected}, for x {x.shape} has {x.shape[1]} channels")
