"""2-D convolution (cross-correlation, as every framework means it)."""

from minidl.autograd import Op
from minidl.kernels import convolution as kernels
from minidl.kernels.channels import channel_sums
from minidl.kernels.layout import pair
from minidl.kernels.lowering import Geometry

from .checks import check_floating


class Conv2d(Op):
    """y[n, o] = b[o] + sum over c of w[o, c] slid over x[n, c]: a matrix product with the windows of x.

    x (N, C, H, W), w (O, C / groups, kh, kw), b (O,) or None; y (N, O, OH, OW) with
    OH = floor((H + 2 padding - dilation (kh - 1) - 1) / stride) + 1. gx is the transposed matrix times gy, gw the
    product of gy with the windows, gb the sum of gy over the batch and all positions.

    >>> import numpy as np
    >>> op = Conv2d(padding=1)
    >>> y = op.forward(np.ones((1, 1, 3, 3)), np.ones((1, 1, 3, 3)), None)
    >>> y[0, 0]
    array([[4., 6., 4.],
           [6., 9., 6.],
           [4., 6., 4.]])
    >>> gx, gw, gb = op.backward(np.ones_like(y))
    """

    def __init__(self, stride=1, padding=0, dilation=1, groups=1):
        self.stride, self.padding, self.dilation, self.groups = pair(stride), pair(padding), pair(dilation), groups
        if min(*self.stride, *self.dilation, groups) < 1 or min(self.padding) < 0:
            raise ValueError(
                f"conv2d: stride, dilation and groups must be at least 1 and padding at least 0, got "
                f"stride {stride}, dilation {dilation}, groups {groups}, padding {padding}"
            )

    def forward(self, x, w, b=None):
        self._check(x, w, b)
        self.geometry = Geometry(w.shape[2:], self.stride, self.padding, self.dilation, self.groups)
        if min(self.geometry.outputs(x.shape)) < 1:
            raise ValueError(
                f"conv2d: the kernel {w.shape[2:]} (dilation {self.dilation}) is larger than the image "
                f"{x.shape[2:]} with padding {self.padding}; use a smaller kernel, more padding, or less pooling before"
            )
        self.saved = x, w, b is not None
        return kernels.conv2d(x, w, b, self.geometry)

    def backward(self, gy):
        x, w, biased = self.saved
        gx, gw = kernels.conv2d_gradients(x, w, gy, self.geometry, tuple(self.needs[:2]))
        gb = channel_sums(gy) if biased and self.needs[2] else None
        return (gx, gw, gb)[: len(self.needs)]

    def _check(self, x, w, b):
        given = f"(x {x.shape}, w {w.shape}, groups {self.groups})"
        if x.ndim != 4 or w.ndim != 4:
            hint = ""
            if x.ndim == 3:
                hint = " One image is a batch of one: x[None]." if x.dtype.kind == "f" else " Is ToArray() missing?"
            raise ValueError(f"conv2d: expected x (N, C, H, W) and w (O, C / groups, kh, kw) {given}.{hint}")
        check_floating("conv2d", x)
        channels, outputs = x.shape[1], w.shape[0]
        if channels != w.shape[1] * self.groups:
            swapped = outputs == channels and self.groups == 1
            hint = " Did you swap the first two axes of w? It is (O, C, kh, kw)." if swapped else ""
            expected = w.shape[1] * self.groups
            raise ValueError(f"conv2d: x has {channels} channels but w expects {expected} {given}.{hint}")
        if outputs % self.groups:
            raise ValueError(f"conv2d: {outputs} output channels do not divide into {self.groups} groups {given}")
        if b is not None and b.shape != (outputs,):
            raise ValueError(f"conv2d: b must have shape ({outputs},), one value an output channel, got {b.shape}")
