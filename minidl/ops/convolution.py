"""Convolution (cross-correlation, as every framework means it) of images and of sequences."""

from minidl import backend
from minidl.autograd import Op
from minidl.kernels import convolution as kernels
from minidl.kernels.channels import channel_sums
from minidl.kernels.checks import is_whole
from minidl.kernels.layout import pair, single
from minidl.kernels.lowering import SHORT_ROW, Geometry
from minidl.kernels.windows import output_size

from .checks import check_floating


class Convolution(Op):
    """What convolution and transposed convolution, of images and of sequences, share: settings, and checks of arrays.

    name, item, images, weights: how error messages call the function, its input and the axes of x and w.
    A subclass also says which channels(w) and outputs(x_shape, w_shape) follow from the shapes.
    """

    name = item = images = weights = None
    sizes = staticmethod(pair)

    def __init__(self, stride=1, padding=0, dilation=1, groups=1):
        self.stride, self.padding, self.dilation = self.sizes(stride), self.sizes(padding), self.sizes(dilation)
        self.groups = groups
        if not is_whole(groups) or min(*self.stride, *self.dilation, groups) < 1 or min(self.padding) < 0:
            raise ValueError(
                f"{self.name}: stride, dilation and groups must be at least 1 and padding at least 0, got "
                f"stride {stride}, dilation {dilation}, groups {groups!r}, padding {padding}"
            )

    def check(self, x, w, b):
        """Raise unless x, w and b fit together."""

        def given():
            return f"(x {x.shape}, w {w.shape}, groups {self.groups})"

        ndim = 2 + len(self.stride)
        if x.ndim != ndim or w.ndim != ndim:
            hint = ""
            if x.ndim == ndim - 1:
                alone = f" One {self.item} is a batch of one: x[None]."
                hint = alone if x.dtype.kind == "f" else " Is ToArray() missing?"
            raise ValueError(f"{self.name}: expected x {self.images} and w {self.weights} {given()}.{hint}")
        check_floating(self.name, x, w=w, b=b)
        if not w.size:
            raise ValueError(f"{self.name}: w, as {self.weights}, has an axis of length 0 {given()}")
        channels, (expected, outputs) = x.shape[1], self.channels(w)
        if channels != expected:
            swapped = outputs == channels and self.groups == 1
            hint = f" Did you swap the first two axes of w? It is {self.weights}." if swapped else ""
            raise ValueError(f"{self.name}: x has {channels} channels but w expects {expected} {given()}.{hint}")
        if w.shape[0] % self.groups:
            side = "output" if outputs == w.shape[0] else "input"
            raise ValueError(
                f"{self.name}: {w.shape[0]} {side} channels do not divide into {self.groups} groups {given()}"
            )
        if b is not None and b.shape != (outputs,):
            raise ValueError(f"{self.name}: b must have shape ({outputs},), one value an output channel, got {b.shape}")
        if min(self.outputs(x.shape, w.shape)) < 1:
            raise ValueError(self.too_small(x, w))


class Conv2d(Convolution):
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

    name, item = "conv2d", "image"
    images, weights = "(N, C, H, W)", "(O, C / groups, kh, kw)"

    def forward(self, x, w, b=None):
        self.check(x, w, b)
        self.geometry = Geometry(w.shape[2:], self.stride, self.padding, self.dilation, self.groups)
        self.saved = x, w, b is not None
        return kernels.conv2d(x, w, b, self.geometry)

    def backward(self, gy):
        x, w, biased = self.saved
        gx, gw = kernels.conv2d_gradients(x, w, gy, self.geometry, tuple(self.needs[:2]))
        gb = channel_sums(gy) if biased and self.needs[2] else None
        return (gx, gw, gb)[: len(self.needs)]

    def channels(self, w):
        """The channels of x and of y that weights w are made for."""
        return w.shape[1] * self.groups, w.shape[0]

    def outputs(self, x_shape, w_shape):
        """(OH, OW); (OL,) of sequences."""
        return tuple(map(output_size, x_shape[2:], w_shape[2:], self.stride, self.padding, self.dilation))

    def too_small(self, x, w):
        return (
            f"{self.name}: the kernel {w.shape[2:]} (dilation {self.dilation}) is larger than the {self.item} "
            f"{x.shape[2:]} with padding {self.padding}; use a smaller kernel, more padding, or less pooling before"
        )


class Sequences:
    """Makes an op for sequences (N, C, L) of one for images: a sequence is an image with one axis of length 1.

    A subclass says which op for_images(lift); lift(size, one) adds the size along that axis.

    Images lie in memory as (H, C, W, N). With L as H, threads share out the positions, and the windows of each are
    a matrix that need not be copied; but its rows are only N values long. So for small batches L is W, and all
    positions go into one product: the gradients of 16 sequences take 0.8 of the time, those of one a twentieth.
    """

    sizes = staticmethod(single)

    def forward(self, x, w, b=None):
        self.check(x, w, b)
        by_rows = len(x) >= SHORT_ROW
        self.axis = 3 if by_rows else 2
        op = self.saved = self.for_images(lambda size, one: (*size, one) if by_rows else (one, *size))
        return op.forward(*(a[..., None] if by_rows else a[:, :, None] for a in (x, w)), b).squeeze(self.axis)

    def backward(self, gy):
        op = self.saved
        op.needs = self.needs
        gx, gw, *gb = op.backward(backend.get_array_module(gy).expand_dims(gy, self.axis))
        return (*(g if g is None else g.squeeze(self.axis) for g in (gx, gw)), *gb)


class Conv1d(Sequences, Conv2d):
    """Conv2d of sequences: y[n, o] = b[o] + sum over c of w[o, c] slid over x[n, c]; the gradients are those of Conv2d.

    x (N, C, L), w (O, C / groups, k), b (O,) or None; y (N, O, OL) with
    OL = floor((L + 2 padding - dilation (k - 1) - 1) / stride) + 1.

    >>> import numpy as np
    >>> Conv1d(padding=1).forward(np.array([[[1.0, 2, 3, 4]]]), np.array([[[1.0, 0, -1]]]))
    array([[[-2., -2., -2.,  3.]]])
    """

    name, item = "conv1d", "sequence"
    images, weights = "(N, C, L)", "(O, C / groups, k)"

    def for_images(self, lift):
        return Conv2d(lift(self.stride, 1), lift(self.padding, 0), lift(self.dilation, 1), self.groups)
