"""Pooling as modules."""

from minidl import functional as F

from .module import Module


class _Pool2d(Module):
    pool = None

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False):
        super().__init__()
        self.kernel_size, self.padding, self.ceil_mode = kernel_size, padding, ceil_mode
        self.stride = kernel_size if stride is None else stride

    def forward(self, x):
        return self.pool(x, self.kernel_size, self.stride, self.padding, ceil_mode=self.ceil_mode)

    def extra_repr(self):
        text = f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
        return text + (", ceil_mode=True" if self.ceil_mode else "")


class MaxPool2d(_Pool2d):
    """The largest value of each window, with return_indices their positions too; see functional.max_pool2d."""

    def __init__(self, kernel_size, stride=None, padding=0, *, return_indices=False, ceil_mode=False):
        super().__init__(kernel_size, stride, padding, ceil_mode)
        self.return_indices = return_indices

    def pool(self, x, *settings, **others):
        return F.max_pool2d(x, *settings, return_indices=self.return_indices, **others)


class AvgPool2d(_Pool2d):
    """The mean of each window; see functional.avg_pool2d."""

    pool = staticmethod(F.avg_pool2d)


class _AdaptivePool2d(Module):
    pool = None

    def __init__(self, output_size):
        super().__init__()
        self.output_size = output_size

    def forward(self, x):
        return self.pool(x, self.output_size)

    def extra_repr(self):
        return f"output_size={self.output_size}"


class AdaptiveAvgPool2d(_AdaptivePool2d):
    """The mean over output_size bins that cover the image; see functional.adaptive_avg_pool2d."""

    pool = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveMaxPool2d(_AdaptivePool2d):
    """The largest value of output_size bins that cover the image; see functional.adaptive_max_pool2d."""

    pool = staticmethod(F.adaptive_max_pool2d)


class SpatialPyramidPool(Module):
    """Max pooling into bins of several levels, a row of fixed length; see functional.spatial_pyramid_pool."""

    def __init__(self, levels=(1, 2, 4)):
        super().__init__()
        self.levels = levels

    def forward(self, x):
        return F.spatial_pyramid_pool(x, self.levels)

    def extra_repr(self):
        return f"levels={self.levels}"
