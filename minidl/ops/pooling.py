"""Pooling: max, average, both of them adaptive (a number of bins instead of a window)."""

from minidl import backend
from minidl.autograd import Op
from minidl.kernels import pooling as kernels
from minidl.kernels.layout import pair

from .checks import check_images


class Pool2d(Op):
    """What poolings share: a window, a stride (the window's size if not given), a padding, and how sizes are rounded.

    x (N, C, H, W) gives y (N, C, OH, OW) with OH = floor((H + 2 padding - kernel) / stride) + 1. With ceil_mode it is
    rounded up, so that no row is left out; but a window that would start behind the image is dropped.
    """

    name = None

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False):
        kernel, padding = pair(kernel_size), pair(padding)
        stride = kernel if stride is None else pair(stride)
        if min(*kernel, *stride) < 1 or min(padding) < 0:
            raise ValueError(
                f"{self.name}: kernel_size and stride must be at least 1 and padding at least 0, got "
                f"kernel_size {kernel}, stride {stride}, padding {padding}"
            )
        if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
            raise ValueError(f"{self.name}: padding {padding} is more than half of kernel_size {kernel}")
        self.window = kernels.Window(kernel, stride, padding, ceil_mode)

    def check(self, x):
        """Raise unless x is a batch of images that at least one window fits into."""
        check_images(self.name, x)
        if min(self.window.outputs(x.shape)) < 1:
            raise ValueError(
                f"{self.name}: the window {self.window.kernel} is larger than the image {x.shape[2:]} with padding "
                f"{self.window.padding}; use a smaller window, or less pooling before"
            )


class MaxPool2d(Pool2d):
    """y = the largest value of each window, padding never; gy goes to the place it came from (the first of equals).

    >>> import numpy as np
    >>> op = MaxPool2d(2)
    >>> x = np.array([[[[1.0, 2, 6, 3], [3, 5, 2, 1], [1, 2, 2, 1], [7, 3, 4, 8]]]])
    >>> y = op.forward(x)
    >>> y[0, 0], op.positions(x, y)[0, 0]
    (array([[5., 6.],
           [7., 8.]]), array([[ 5,  2],
           [12, 15]]))
    >>> op.backward(np.array([[[[1.0, 2], [3, 4]]]]))[0][0, 0]
    array([[0., 0., 2., 0.],
           [0., 1., 0., 0.],
           [0., 0., 0., 0.],
           [3., 0., 0., 4.]])
    """

    name = "max_pool2d"

    def forward(self, x):
        self.check(x)
        y = kernels.max_pool2d(x, self.window)
        self.saved = x, y
        return y

    def backward(self, gy):
        x, y = self.saved
        return (kernels.max_pool2d_gradient(x, y, gy, self.window),)

    def positions(self, x, y):
        """Where in x each value of y stands, as row * W + column: int64, of the shape of y."""
        return kernels.max_positions(x, y, self.window)


class AvgPool2d(Pool2d):
    """y = the mean of each window, padding counted as zeros; gy is spread evenly over the window.

    What ceil_mode lets a window reach beyond the padding is not counted.

    >>> import numpy as np
    >>> AvgPool2d(2, ceil_mode=True).forward(np.arange(9.0).reshape(1, 1, 3, 3))[0, 0]
    array([[2. , 3.5],
           [6.5, 8. ]])
    """

    name = "avg_pool2d"

    def forward(self, x):
        self.check(x)
        self.saved = x.shape
        return kernels.avg_pool2d(x, self.window)

    def backward(self, gy):
        return (kernels.avg_pool2d_gradient(gy, self.saved, self.window),)


class AdaptivePool2d(Op):
    """What adaptive poolings share: bins that cut the image into output_size = (OH, OW) parts, whatever its size.

    Bin i goes from floor(i H / OH) to ceil((i + 1) H / OH), so bins overlap where OH does not divide H.
    """

    name = None

    def __init__(self, output_size):
        self.output_size = pair(output_size)
        if min(self.output_size) < 1:
            raise ValueError(f"{self.name}: output_size must be at least 1, got {output_size}")

    def bins(self, shape):
        """(i, j, rows, columns) for each bin of images of this shape."""
        (h, w), (oh, ow) = shape[2:], self.output_size
        for i in range(oh):
            for j in range(ow):
                rows = slice(i * h // oh, -(-(i + 1) * h // oh))
                yield i, j, rows, slice(j * w // ow, -(-(j + 1) * w // ow))


class AdaptiveAvgPool2d(AdaptivePool2d):
    """y = the mean of each bin (see AdaptivePool2d); gy is spread evenly over its bin."""

    name = "adaptive_avg_pool2d"

    def forward(self, x):
        check_images(self.name, x)
        self.saved = x.shape
        y = backend.get_array_module(x).empty((*x.shape[:2], *self.output_size), x.dtype)
        for i, j, rows, columns in self.bins(x.shape):
            y[:, :, i, j] = x[:, :, rows, columns].mean(axis=(2, 3))
        return y

    def backward(self, gy):
        gx = backend.get_array_module(gy).zeros(self.saved, gy.dtype)
        for i, j, rows, columns in self.bins(self.saved):
            area = (rows.stop - rows.start) * (columns.stop - columns.start)
            gx[:, :, rows, columns] += gy[:, :, i, j, None, None] / area
        return (gx,)


class AdaptiveMaxPool2d(AdaptivePool2d):
    """y = the largest value of each bin (see AdaptivePool2d); gy goes to its place (the first of equals).

    >>> import numpy as np
    >>> AdaptiveMaxPool2d(2).forward(np.arange(9.0).reshape(1, 1, 3, 3))[0, 0]
    array([[4., 5.],
           [7., 8.]])
    """

    name = "adaptive_max_pool2d"

    def forward(self, x):
        check_images(self.name, x)
        xp = backend.get_array_module(x)
        y = xp.empty((*x.shape[:2], *self.output_size), x.dtype)
        winners = xp.empty(y.shape, xp.int64)  # the place of each maximum within its bin
        for i, j, rows, columns in self.bins(x.shape):
            values = x[:, :, rows, columns]
            values = values.reshape(*x.shape[:2], values.shape[2] * values.shape[3])
            winners[:, :, i, j] = values.argmax(axis=2)
            y[:, :, i, j] = values.max(axis=2)
        self.saved = x.shape, winners
        return y

    def backward(self, gy):
        shape, winners = self.saved
        xp = backend.get_array_module(gy)
        gx = xp.zeros(shape, gy.dtype)
        images, channels = xp.arange(shape[0])[:, None], xp.arange(shape[1])
        for i, j, rows, columns in self.bins(shape):
            width = columns.stop - columns.start
            row, column = winners[:, :, i, j] // width, winners[:, :, i, j] % width
            gx[images, channels, rows.start + row, columns.start + column] += gy[:, :, i, j]
        return (gx,)
