"""Residual networks for 32x32 images (He, Zhang, Ren and Sun, Deep Residual Learning, 2016, section 4.2)."""

from functools import partial

from minidl import backend, nn
from minidl import functional as F
from minidl.autograd import Op


class CifarResNet(nn.Module):
    """A 3x3 convolution, three stages of residual blocks with 16, 32 and 64 channels, global average, linear.

    A stage has (depth - 2) / 6 blocks; the second third halve the image. Depth 20, 32, 44, 56 or 110: 0.27 to
    1.7 million parameters.
    x (N, C, H, W); gives logits (N, num_classes).
    """

    def __init__(self, depth=20, num_classes=10, input_shape=(3, 32, 32)):
        super().__init__()
        if depth < 8 or (depth - 2) % 6:
            raise ValueError(f"CifarResNet: depth must be 6n + 2 (20, 32, 44, 56, 110 in the paper), got {depth}")
        blocks = (depth - 2) // 6
        self.conv1 = nn.Conv2d(input_shape[0], 16, kernel_size=3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = _stage(16, 16, blocks, stride=1)
        self.layer2 = _stage(16, 32, blocks, stride=2)
        self.layer3 = _stage(32, 64, blocks, stride=2)
        self.fc = nn.Linear(64, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.he_normal_(module.weight, mode="fan_out")

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))  # 16 x 32 x 32
        x = self.layer1(x)  # 16 x 32 x 32
        x = self.layer2(x)  # 32 x 16 x 16
        x = self.layer3(x)  # 64 x 8 x 8
        return self.fc(x.mean((2, 3)))


def _stage(in_channels, channels, blocks, stride):
    first = ResidualBlock(in_channels, channels, stride)
    return nn.Sequential(first, *(ResidualBlock(channels, channels) for _ in range(blocks - 1)))


class ResidualBlock(nn.Module):
    """relu(x + F(x)) with F two 3x3 convolutions, each followed by batch norm."""

    def __init__(self, in_channels, channels, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        same = stride == 1 and in_channels == channels
        self.shortcut = nn.Identity() if same else PaddedShortcut(channels, stride)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + self.shortcut(x))


class PaddedShortcut(nn.Module):
    """The identity where sizes differ (the paper's option A): every stride-th pixel, new channels filled with zeros."""

    def __init__(self, channels, stride):
        super().__init__()
        self.channels, self.stride = channels, stride

    def forward(self, x):
        return SubsampleAndPad(self.channels, self.stride)(x)

    def extra_repr(self):
        return f"channels={self.channels}, stride={self.stride}"


class SubsampleAndPad(Op):
    """y[:, :C] = x[:, :, ::stride, ::stride], and zeros in the channels beyond"""

    def __init__(self, channels, stride):
        self.channels, self.stride = channels, stride

    def forward(self, x):
        self.saved = x
        small = x[:, :, :: self.stride, :: self.stride]
        y = backend.get_array_module(x).zeros_like(small, shape=(small.shape[0], self.channels, *small.shape[2:]))
        y[:, : x.shape[1]] = small
        return y

    def backward(self, gy):
        gx = backend.get_array_module(gy).zeros_like(self.saved)
        gx[:, :, :: self.stride, :: self.stride] = gy[:, : gx.shape[1]]
        return (gx,)


MODELS = {
    f"resnet{depth}": (partial(CifarResNet, depth), (3, 32, 32), 10, f"He et al. 2016: {depth} layers for 32x32 images")
    for depth in (20, 32, 44, 56, 110)
}
