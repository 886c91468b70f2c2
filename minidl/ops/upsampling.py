"""Upsampling: unpooling (nearest, bed of nails, at the positions of a max pooling), interpolation, pixel shuffle."""

from math import inf

from minidl import backend
from minidl.autograd import Op
from minidl.kernels import pooling, resampling
from minidl.kernels.checks import is_whole
from minidl.kernels.layout import pair

from .checks import check_images
from .pooling import Pool2d


class Unpool(Op):
    """What unpoolings by a factor share: images (N, C, H, W) become (N, C, H fh, W fw)."""

    name = None

    def __init__(self, factor):
        self.factor = pair(factor)
        if min(self.factor) < 1:
            raise ValueError(f"{self.name}: the factor must be at least 1, got {factor}")

    def size(self, x):
        """The shape of the output."""
        check_images(self.name, x)
        return *x.shape[:2], x.shape[2] * self.factor[0], x.shape[3] * self.factor[1]


class UnpoolNearest(Unpool):
    """Each pixel becomes a block of fh x fw equal ones; gx is the sum of gy over the block.

    That is average pooling transposed, times fh fw.

    >>> import numpy as np
    >>> UnpoolNearest(2).forward(np.array([[[[1.0, 2], [3, 4]]]]))[0, 0]
    array([[1., 1., 2., 2.],
           [1., 1., 2., 2.],
           [3., 3., 4., 4.],
           [3., 3., 4., 4.]])
    """

    name = "unpool_nearest"

    def forward(self, x):
        return pooling.spread(x, self.size(x), self._window())

    def backward(self, gy):
        return (pooling.sum_pool2d(gy, self._window()),)

    def _window(self):
        return pooling.Window(self.factor, self.factor)


class UnpoolNails(Unpool):
    """Each pixel goes to the upper left corner of a block of zeros ("bed of nails"); gx is gy at the corners.

    >>> import numpy as np
    >>> UnpoolNails(2).forward(np.array([[[[1.0, 2], [3, 4]]]]))[0, 0]
    array([[1., 0., 2., 0.],
           [0., 0., 0., 0.],
           [3., 0., 4., 0.],
           [0., 0., 0., 0.]])
    """

    name = "unpool_bed_of_nails"

    def forward(self, x):
        n, c, h, w = self.size(x)
        y = backend.get_array_module(x).zeros((h, c, w, n), x.dtype).transpose(3, 1, 0, 2)  # memory (H, C, W, N)
        y[:, :, :: self.factor[0], :: self.factor[1]] = x
        return y

    def backward(self, gy):
        return (gy[:, :, :: self.factor[0], :: self.factor[1]],)


class MaxUnpool2d(Pool2d):
    """Each x goes to the position that a max pooling took its maximum from, all else is 0; gx is gy at the positions.

    x and indices (N, C, H, W), y (N, C, OH, OW); indices are row * OW + column. OH = (H - 1) stride - 2 padding +
    kernel, or as output_size says (its last two numbers), because pooling gives several sizes the same output. Of
    pooling windows that overlapped, two may name one position: then the last one stands there, and the gradient goes
    to each of them, as in PyTorch. Source: Zeiler, Fergus 2014, section 2.1.

    >>> import numpy as np
    >>> MaxUnpool2d(np.array([[[[5, 2], [12, 15]]]]), 2).forward(np.array([[[[1.0, 2], [3, 4]]]]))[0, 0]
    array([[0., 0., 2., 0.],
           [0., 1., 0., 0.],
           [0., 0., 0., 0.],
           [3., 0., 0., 4.]])
    """

    name = "max_unpool2d"

    def __init__(self, indices, kernel_size, stride=None, padding=0, output_size=None):
        super().__init__(kernel_size, stride, padding)
        if indices.dtype.kind not in "iu":
            raise TypeError(f"max_unpool2d: indices must be integers, got {indices.dtype}; max_pool2d returns them")
        self.indices, self.output_size = indices, output_size

    def forward(self, x):
        check_images("max_unpool2d", x)
        if self.indices.shape != x.shape:
            raise ValueError(f"max_unpool2d: x {x.shape} and indices {self.indices.shape} must have the same shape")
        size = self._size(x.shape)
        try:
            y, places = resampling.scatter(x, self.indices, size)
        except IndexError:
            raise ValueError(
                f"max_unpool2d: indices must lie from 0 to {size[0] * size[1] - 1}, the last pixel of {size}, "
                f"got {self.indices.min()} to {self.indices.max()}; is output_size that of the pooled image?"
            ) from None
        self.saved = places, x.shape
        return y

    def backward(self, gy):
        return (resampling.gather(gy, *self.saved),)

    def _size(self, shape):
        kernel, stride, padding, _ = self.window
        usual = tuple((n - 1) * s - 2 * p + k for n, s, p, k in zip(shape[2:], stride, padding, kernel, strict=True))
        if self.output_size is None:
            return usual
        size = pair(self.output_size if is_whole(self.output_size) else tuple(self.output_size)[-2:])
        if any(abs(n - u) >= s for n, u, s in zip(size, usual, stride, strict=True)):
            raise ValueError(f"max_unpool2d: output_size {size} must be less than a stride {stride} away from {usual}")
        return size


class Interpolate(Op):
    """Images of another size, (N, C, H, W) to (N, C, OH, OW): y = A x B^T, so gx = A^T gy B.

    "nearest": y[i, j] = x[floor(i H / OH), floor(j W / OW)]. "bilinear": the mean of the four pixels around, weighted
    by nearness. Output pixel i lies at (i + 1/2) H / OH - 1/2 of the input, not before 0; with align_corners at
    i (H - 1) / (OH - 1). With a scale_factor, OH = floor(H factor) and 1 / factor stands for H / OH.

    >>> import numpy as np
    >>> Interpolate(size=(1, 4), mode="bilinear").forward(np.array([[[[0.0, 4]]]]))[0, 0]
    array([[0., 1., 3., 4.]])
    >>> Interpolate(size=(1, 5), mode="bilinear", align_corners=True).forward(np.array([[[[0.0, 4]]]]))[0, 0]
    array([[0., 1., 2., 3., 4.]])
    """

    def __init__(self, size=None, scale_factor=None, mode="nearest", align_corners=None):
        if (size is None) == (scale_factor is None):
            raise ValueError(f"interpolate: give either size or scale_factor, got {size} and {scale_factor}")
        if mode not in ("nearest", "bilinear"):
            raise ValueError(f"interpolate: mode must be 'nearest' or 'bilinear', got {mode!r}")
        if mode == "nearest" and align_corners is not None:
            raise ValueError("interpolate: align_corners is for mode 'bilinear', 'nearest' has no use for it")
        self.mode, self.align_corners = mode, bool(align_corners)
        self.size = None if size is None else pair(size)
        self.factors = scale_factor if isinstance(scale_factor, (tuple, list)) else (scale_factor, scale_factor)
        if min(self.size) < 1 if self.size else len(self.factors) != 2 or not all(0 < f < inf for f in self.factors):
            raise ValueError(
                f"interpolate: size must be at least 1 and scale_factor above 0, one number or a pair (height, width), "
                f"got {size if self.size else scale_factor}"
            )

    def forward(self, x):
        check_images("interpolate", x)
        sizes = self.size or [int(n * f) for n, f in zip(x.shape[2:], self.factors, strict=True)]
        if min(sizes) < 1:
            raise ValueError(f"interpolate: scale_factor {self.factors} leaves nothing of images {x.shape[2:]}")
        self.saved = [self._taps(*numbers) for numbers in zip(x.shape[2:], sizes, self.factors, strict=True)]
        return resampling.resample(x, *self.saved)

    def backward(self, gy):
        return (resampling.resample(gy, *(taps.transpose() for taps in self.saved)),)

    def _taps(self, size, outputs, factor):
        if self.mode == "nearest":
            return resampling.nearest(size, outputs, factor)
        return resampling.linear(size, outputs, factor, self.align_corners)


class PixelShuffle(Op):
    """Channels become pixels: (N, C r^2, H, W) to (N, C, H r, W r), y[c, h r + i, w r + j] = x[c r^2 + i r + j, h, w].

    A permutation, so the gradient goes back by the inverse, PixelUnshuffle. Source: Shi et al. 2016, section 3.2.

    >>> import numpy as np
    >>> PixelShuffle(2).forward(np.arange(4.0).reshape(1, 4, 1, 1))[0, 0]
    array([[0., 1.],
           [2., 3.]])
    """

    def __init__(self, factor):
        if not is_whole(factor) or factor < 1:
            raise ValueError(f"pixel shuffle: the factor must be a whole number from 1, got {factor!r}")
        self.factor = factor

    def forward(self, x):
        check_images("pixel_shuffle", x)
        if x.shape[1] % self.factor**2:
            raise ValueError(f"pixel_shuffle: the channels of x {x.shape} do not divide by {self.factor} squared")
        return resampling.pixel_shuffle(x, self.factor)

    def backward(self, gy):
        return (resampling.pixel_unshuffle(gy, self.factor),)


class PixelUnshuffle(PixelShuffle):
    """Pixels become channels, (N, C, H r, W r) to (N, C r^2, H, W): the inverse of PixelShuffle."""

    def forward(self, x):
        check_images("pixel_unshuffle", x)
        if x.shape[2] % self.factor or x.shape[3] % self.factor:
            raise ValueError(f"pixel_unshuffle: the images of x {x.shape} do not divide by {self.factor}")
        return resampling.pixel_unshuffle(x, self.factor)

    def backward(self, gy):
        return (resampling.pixel_shuffle(gy, self.factor),)
