"""Convolution and transposed convolution as modules, and the windows that they see."""

from minidl import functional as F
from minidl.kernels.layout import pair, single

from .layers import start_weights
from .module import Module


class _Convolution(Module):
    """What all of them share: settings, the start of the weights, and how they print."""

    sizes, convolve = staticmethod(pair), None
    output_padding = 0

    def __init__(self, in_channels, out_channels, kernel_size, stride, padding, dilation, groups):
        super().__init__()
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{type(self).__name__}: {in_channels} input and {out_channels} output channels must both divide into "
                f"{groups} groups"
            )
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride, self.dilation = map(self.sizes, (kernel_size, stride, dilation))
        self.padding = padding if padding == "same" else self.sizes(padding)

    def extra_repr(self):
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        for name, usual in (("stride", 1), ("padding", 0), ("output_padding", 0), ("dilation", 1), ("groups", 1)):
            value = getattr(self, name)
            if value not in (usual, self.sizes(usual)):
                text += f", {name}={value}"
        return text + ("" if self.bias is not None else ", bias=False")


class _Conv(_Convolution):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True):
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups)
        start_weights(self, (out_channels, in_channels // groups, *self.kernel_size), out_channels if bias else 0)

    def forward(self, x):
        return self.convolve(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Conv1d(_Conv):
    """Slide out_channels kernels over sequences (N, in_channels, L); see functional.conv1d."""

    sizes, convolve = staticmethod(single), staticmethod(F.conv1d)


class Conv2d(_Conv):
    """Slide out_channels kernels over images (N, in_channels, H, W); see functional.conv2d.

    >>> import minidl
    >>> Conv2d(3, 16, kernel_size=3, padding=1)(minidl.zeros(8, 3, 32, 32)).shape
    (8, 16, 32, 32)
    """

    convolve = staticmethod(F.conv2d)


class _ConvTranspose(_Convolution):
    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1, bias=True,
        dilation=1,
    ):  # fmt: skip
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups)
        self.output_padding = self.sizes(output_padding)
        start_weights(self, (in_channels, out_channels // groups, *self.kernel_size), out_channels if bias else 0)

    def forward(self, x):
        return self.convolve(
            x, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups, self.dilation
        )


class ConvTranspose1d(_ConvTranspose):
    """Transposed convolution of sequences (N, in_channels, L); see functional.conv_transpose1d."""

    sizes, convolve = staticmethod(single), staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTranspose):
    """Transposed convolution of images (N, in_channels, H, W); see functional.conv_transpose2d.

    >>> import minidl
    >>> ConvTranspose2d(16, 3, kernel_size=4, stride=2, padding=1)(minidl.zeros(8, 16, 7, 7)).shape
    (8, 3, 14, 14)
    """

    convolve = staticmethod(F.conv_transpose2d)


class Unfold(Module):
    """Every window of images as a column; see functional.unfold."""

    def __init__(self, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, x):
        return F.unfold(x, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self):
        names = "kernel_size", "dilation", "padding", "stride"
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)


class Fold(Unfold):
    """Every column added back to its window; see functional.fold."""

    def __init__(self, output_size, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__(kernel_size, dilation, padding, stride)
        self.output_size = output_size

    def forward(self, x):
        return F.fold(x, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self):
        return f"output_size={self.output_size}, {super().extra_repr()}"
