"""Transposed convolution: the matrix of a convolution, transposed, so that small images become large ones."""

from minidl import backend
from minidl.kernels import convolution as kernels
from minidl.kernels.channels import channel_sums
from minidl.kernels.lowering import Geometry

from .convolution import Convolution, Sequences


class ConvTranspose2d(Convolution):
    """y = b + the gradient for its input that Conv2d, from y to x, would compute: each x[n, c, i, j] lays w[c] into y.

    x (N, C, H, W), w (C, O / groups, kh, kw), b (O,) or None; y (N, O, OH, OW) with
    OH = (H - 1) stride - 2 padding + dilation (kh - 1) + output_padding + 1. If M is the matrix of that convolution,
    y = M^T x, so gx = M gy is the convolution of gy, and gw is Conv2d's with x and gy in each other's place.
    output_padding picks one of the sizes that the convolution takes to the same H: rows and columns at the end.

    Long, Shelhamer and Darrell, "Fully convolutional networks" (2015), section 3.3; Dumoulin and Visin, "A guide to
    convolution arithmetic" (2016), section 4.

    >>> import numpy as np
    >>> op = ConvTranspose2d(stride=2)
    >>> op.forward(np.array([[[[1.0, 10]]]]), np.array([[[[1.0, 2, 3], [4, 5, 6]]]]))[0, 0]
    array([[ 1.,  2., 13., 20., 30.],
           [ 4.,  5., 46., 50., 60.]])
    """

    name, item = "conv_transpose2d", "image"
    images, weights = "(N, C, H, W)", "(C, O / groups, kh, kw)"

    def __init__(self, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
        super().__init__(stride, padding, dilation, groups)
        self.output_padding = self.sizes(output_padding)
        limits = map(max, self.stride, self.dilation)
        if any(not 0 <= p < limit for p, limit in zip(self.output_padding, limits, strict=True)):
            raise ValueError(
                f"{self.name}: output_padding must be at least 0 and smaller than stride or dilation, got "
                f"output_padding {output_padding}, stride {stride}, dilation {dilation}"
            )

    def forward(self, x, w, b=None):
        self.check(x, w, b)
        self.geometry = Geometry(w.shape[2:], self.stride, self.padding, self.dilation, self.groups)
        self.saved = x, w, b is not None
        shape = (len(x), self.channels(w)[1], *self.outputs(x.shape, w.shape))
        y = kernels.conv2d_input_gradient(self._extended(x), w, shape, self.geometry)
        return y if b is None else backend.elementwise(backend.get_array_module(y).add, y, b[:, None, None])

    def backward(self, gy):
        x, w, biased = self.saved
        gx = gw = gb = None
        if self.needs[0]:
            gx = kernels.conv2d(gy, w, None, self.geometry)[:, :, : x.shape[2], : x.shape[3]]
        if self.needs[1]:
            gw = kernels.conv2d_weight_gradient(gy, self._extended(x), w.shape, self.geometry)
        if biased and self.needs[2]:
            gb = channel_sums(gy)
        return (gx, gw, gb)[: len(self.needs)]

    def channels(self, w):
        """The channels of x and of y that weights w are made for."""
        return w.shape[0], w.shape[1] * self.groups

    def outputs(self, x_shape, w_shape):
        """(OH, OW); (OL,) of sequences."""
        settings = zip(
            x_shape[2:], w_shape[2:], self.stride, self.padding, self.dilation, self.output_padding, strict=True
        )
        return tuple((n - 1) * s - 2 * p + d * (k - 1) + more + 1 if n else 0 for n, k, s, p, d, more in settings)

    def too_small(self, x, w):
        return (
            f"{self.name}: nothing is left of the {self.item} {x.shape[2:]} (kernel {w.shape[2:]}, stride "
            f"{self.stride}, dilation {self.dilation}) when padding {self.padding} is taken off; use less padding"
        )

    def _extended(self, x):
        """x with zeros at the end: so much more the convolution of y sees if output_padding is a stride or more."""
        more = [p // s for p, s in zip(self.output_padding, self.stride, strict=True)]
        if not any(more):
            return x
        return backend.get_array_module(x).pad(x, ((0, 0), (0, 0), (0, more[0]), (0, more[1])))


class ConvTranspose1d(Sequences, ConvTranspose2d):
    """ConvTranspose2d of sequences: each x[n, c, i] lays w[c] into y from position i stride on; gradients as there.

    x (N, C, L), w (C, O / groups, k), b (O,) or None; y (N, O, OL) with
    OL = (L - 1) stride - 2 padding + dilation (k - 1) + output_padding + 1.

    >>> import numpy as np
    >>> op = ConvTranspose1d(stride=2, output_padding=1)
    >>> op.forward(np.array([[[1.0, 10]]]), np.array([[[1.0, 2, 3]]]))
    array([[[ 1.,  2., 13., 20., 30.,  0.]]])
    """

    name, item = "conv_transpose1d", "sequence"
    images, weights = "(N, C, L)", "(C, O / groups, k)"

    def for_images(self, lift):
        stride, dilation = lift(self.stride, 1), lift(self.dilation, 1)
        return ConvTranspose2d(stride, lift(self.padding, 0), lift(self.output_padding, 0), dilation, self.groups)
