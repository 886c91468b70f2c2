"""Pooling: max, average, adaptive average."""

from minidl import backend
from minidl.autograd import Op
from minidl.kernels import pooling as kernels
from minidl.kernels.layout import pair
from minidl.kernels.windows import output_sizes


class Pool2d(Op):
    """What both poolings share: a window, a stride (the window's size if not given) and a padding."""

    def __init__(self, kernel_size, stride=None, padding=0):
        self.kernel, self.padding = pair(kernel_size), pair(padding)
        self.stride = self.kernel if stride is None else pair(stride)
        if min(*self.kernel, *self.stride) < 1 or min(self.padding) < 0:
            raise ValueError(
                f"pooling: kernel_size and stride must be at least 1 and padding at least 0, got "
                f"kernel_size {kernel_size}, stride {stride}, padding {padding}"
            )
        if any(2 * p > k for p, k in zip(self.padding, self.kernel, strict=True)):
            raise ValueError(f"pooling: padding {padding} is more than half of kernel_size {kernel_size}")

    def check(self, x):
        """Raise unless x is a batch of images that at least one window fits into."""
        if x.ndim != 4:
            raise ValueError(f"pooling: expected images (N, C, H, W), got shape {x.shape}")
        if min(output_sizes(x.shape, self.kernel, self.stride, self.padding, (1, 1))) < 1:
            raise ValueError(
                f"pooling: the window {self.kernel} is larger than the image {x.shape[2:]} with padding {self.padding}"
            )


class MaxPool2d(Pool2d):
    """y = the largest value of each window; gy goes to the place it came from (the first of equals)."""

    def forward(self, x):
        self.check(x)
        y = kernels.max_pool2d(x, self.kernel, self.stride, self.padding)
        self.saved = x, y
        return y

    def backward(self, gy):
        x, y = self.saved
        return (kernels.max_pool2d_gradient(x, y, gy, self.kernel, self.stride, self.padding),)


class AvgPool2d(Pool2d):
    """y = the mean of each window, padding counted as zeros; gy is spread evenly over the window."""

    def forward(self, x):
        self.check(x)
        self.saved = x.shape
        return kernels.avg_pool2d(x, self.kernel, self.stride, self.padding)

    def backward(self, gy):
        return (kernels.avg_pool2d_gradient(gy, self.saved, self.kernel, self.stride, self.padding),)


class AdaptiveAvgPool2d(Op):
    """Average over bins that cut the image into output_size = (OH, OW) parts, whatever its size.

    Bin i goes from floor(i H / OH) to ceil((i + 1) H / OH), so bins overlap where OH does not divide H.
    """

    def __init__(self, output_size):
        self.output_size = pair(output_size)
        if min(self.output_size) < 1:
            raise ValueError(f"adaptive_avg_pool2d: output_size must be at least 1, got {output_size}")

    def forward(self, x):
        if x.ndim != 4 or min(x.shape[2:]) < 1:
            raise ValueError(f"adaptive_avg_pool2d: expected images (N, C, H, W), got shape {x.shape}")
        self.saved = x.shape
        y = backend.get_array_module(x).empty((*x.shape[:2], *self.output_size), x.dtype)
        for i, j, rows, columns in self._bins(x.shape):
            y[:, :, i, j] = x[:, :, rows, columns].mean(axis=(2, 3))
        return y

    def backward(self, gy):
        gx = backend.get_array_module(gy).zeros(self.saved, gy.dtype)
        for i, j, rows, columns in self._bins(self.saved):
            area = (rows.stop - rows.start) * (columns.stop - columns.start)
            gx[:, :, rows, columns] += gy[:, :, i, j, None, None] / area
        return (gx,)

    def _bins(self, shape):
        (h, w), (oh, ow) = shape[2:], self.output_size
        for i in range(oh):
            for j in range(ow):
                rows = slice(i * h // oh, -(-(i + 1) * h // oh))
                yield i, j, rows, slice(j * w // ow, -(-(j + 1) * w // ow))
