"""Residual networks for 32x32 images (He, Zhang, Ren and Sun, Deep Residual Learning, 2016, section 4.2)."""

from functools import partial

from minidl import backend, nn
from minidl import functional as F
from minidl.autograd import Op

from .layers import CIFAR, he_by_outputs, scaled, start_weights
from .resnet import BasicBlock, drop_probabilities, stage


class CifarResNet(nn.Module):
    """A 3x3 convolution, three stages of residual blocks with 16, 32 and 64 channels, global average, linear.

    A stage has (depth - 2) / 6 blocks; the second third halve the image. Depth 20, 32, 44, 56 or 110: 0.27 to
    1.7 million parameters. x (N, C, H, W); gives logits (N, num_classes).
    shortcut: False for a plain network of the same layers.
    stochastic_depth_prob: how often training drops the last block (0.5 in Huang et al. 2016); those before it less.
    width: times all numbers of channels.
    """

    def __init__(
        self, depth=20, num_classes=10, input_shape=(3, 32, 32), *, shortcut=True, stochastic_depth_prob=0.0, width=1.0
    ):
        super().__init__()
        if depth < 8 or (depth - 2) % 6:
            raise ValueError(f"CifarResNet: depth must be 6n + 2 (20, 32, 44, 56, 110 in the paper), got {depth}")
        block, blocks = partial(PaddedBlock, shortcut=shortcut), (depth - 2) // 6
        drops = iter(drop_probabilities(stochastic_depth_prob, 3 * blocks, shortcut))
        c1, c2, c3 = scaled(width, 16, 32, 64)
        self.conv1 = nn.Conv2d(input_shape[0], c1, kernel_size=3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(c1)
        self.layer1 = stage(block, c1, c1, blocks, 1, drops)
        self.layer2 = stage(block, c1, c2, blocks, 2, drops)
        self.layer3 = stage(block, c2, c3, blocks, 2, drops)
        self.fc = nn.Linear(c3, num_classes)
        start_weights(self, nn.Conv2d, he_by_outputs)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))  # 16 x 32 x 32
        x = self.layer1(x)  # 16 x 32 x 32
        x = self.layer2(x)  # 32 x 16 x 16
        x = self.layer3(x)  # 64 x 8 x 8
        return self.fc(F.global_avg_pool2d(x))


class PaddedBlock(BasicBlock):
    """A basic block whose shortcut has no weights (the paper's option A)."""

    def project(self, inputs, outputs, stride):
        return partial(subsample_and_pad, channels=outputs, stride=stride)


def subsample_and_pad(x, channels, stride):
    """Every stride-th pixel of x, and zeros for the channels that x does not have."""
    return SubsampleAndPad(channels, stride)(x)


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
    **{
        f"resnet{depth}": (partial(CifarResNet, depth), *CIFAR, f"He et al. 2016: {depth} layers")
        for depth in (20, 32, 44, 56, 110)
    },
    **{
        f"plain{depth}": (
            partial(CifarResNet, depth, shortcut=False), *CIFAR, f"He et al. 2016: {depth} layers, no shortcuts",
        )
        for depth in (20, 56)
    },
}  # fmt: skip
