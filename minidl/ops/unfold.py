"""Windows of images as columns, and columns added back to images: each is the transpose of the other."""

from math import prod

from minidl.autograd import Op
from minidl.kernels.layout import pair
from minidl.kernels.windows import col2im, im2col, output_sizes

from .checks import check_floating, check_images


class Windows(Op):
    """What Unfold and Fold share: a window that slides, and both directions."""

    name = None

    def __init__(self, kernel_size, dilation=1, padding=0, stride=1):
        self.kernel, self.dilation, self.padding, self.stride = map(pair, (kernel_size, dilation, padding, stride))
        if min(*self.kernel, *self.dilation, *self.stride) < 1 or min(self.padding) < 0:
            raise ValueError(
                f"{self.name}: kernel_size, dilation and stride must be at least 1 and padding at least 0, got "
                f"kernel_size {kernel_size}, dilation {dilation}, stride {stride}, padding {padding}"
            )

    def positions(self, shape):
        """(OH, OW), how many places there are for the window on images of a shape (N, C, H, W)."""
        outputs = output_sizes(shape, self.kernel, self.stride, self.padding, self.dilation)
        if min(outputs) < 1:
            raise ValueError(
                f"{self.name}: the window {self.kernel} (dilation {self.dilation}) is larger than the image "
                f"{tuple(shape[2:])} with padding {self.padding}"
            )
        return outputs

    def unfold(self, x):
        """(N, C, H, W) to (N, C kh kw, L)."""
        n, c = x.shape[:2]
        positions = prod(self.positions(x.shape))
        columns = im2col(x, self.kernel, self.stride, self.padding, self.dilation)
        return columns.reshape(c * prod(self.kernel), n, positions).swapaxes(0, 1)

    def fold(self, columns, shape):
        """(N, C kh kw, L) to the shape (N, C, H, W)."""
        return col2im(columns.swapaxes(0, 1), shape, self.kernel, self.stride, self.padding, self.dilation)


class Unfold(Windows):
    """Every window of x, read channel by channel, as a column; gx adds the columns of gy back: Fold.

    x (N, C, H, W); y (N, C kh kw, L) with the L positions of the window in reading order. What convolution multiplies:
    w.reshape(O, -1) @ y.

    >>> import numpy as np
    >>> Unfold(2).forward(np.arange(9.0).reshape(1, 1, 3, 3))[0]
    array([[0., 1., 3., 4.],
           [1., 2., 4., 5.],
           [3., 4., 6., 7.],
           [4., 5., 7., 8.]])
    """

    name = "unfold"

    def forward(self, x):
        check_images("unfold", x)
        self.saved = x.shape
        return self.unfold(x)

    def backward(self, gy):
        return (self.fold(gy, self.saved),)


class Fold(Windows):
    """Every column added back to its window, so that values which windows share are summed; gx is the Unfold of gy.

    x (N, C kh kw, L), the L positions in reading order; y (N, C, H, W) with output_size = (H, W).

    >>> import numpy as np
    >>> Fold(3, kernel_size=2).forward(np.ones((1, 4, 4)))[0, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """

    name = "fold"

    def __init__(self, output_size, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__(kernel_size, dilation, padding, stride)
        self.output_size = pair(output_size)

    def forward(self, x):
        if x.ndim != 3 or x.shape[1] % prod(self.kernel):
            raise ValueError(
                f"fold: expected columns (N, C kh kw, L) for windows {self.kernel}, so that the middle axis is a "
                f"multiple of {prod(self.kernel)}; got shape {x.shape}"
            )
        check_floating("fold", x)
        shape = len(x), x.shape[1] // prod(self.kernel), *self.output_size
        outputs = self.positions(shape)
        if x.shape[2] != prod(outputs):
            raise ValueError(
                f"fold: windows {self.kernel} have {outputs[0]} x {outputs[1]} = {prod(outputs)} positions on an image "
                f"{self.output_size}, but x has {x.shape[2]} columns (x {x.shape}); is output_size the size that was "
                f"unfolded, with the same stride {self.stride}, padding {self.padding} and dilation {self.dilation}?"
            )
        return self.fold(x, shape)

    def backward(self, gy):
        return (self.unfold(gy),)
