"""Residual networks with pre-activation (He, Zhang, Ren and Sun, Identity Mappings in Deep Residual Networks, 2016).

Batch norm and relu come before each convolution and nothing comes after the sum, so that x + F(x) goes on as it is:
a path on which values are only added leads from each block to all later ones of its stage.
"""

from functools import partial

from minidl import functional as F
from minidl import nn

from . import resnet
from .layers import CIFAR, IMAGENET, he_by_outputs, scaled, start_weights
from .resnet import drop_probabilities, stage

BLOCKS = resnet.BLOCKS | {200: (3, 24, 36, 3)}


class PreactivationResNet(nn.Module):
    """A 7x7 convolution, max pooling, four stages of blocks, batch norm and relu, global average, linear.

    depth: 18 or 34, of basic blocks, or 50, 101, 152 or 200, of bottlenecks. x (N, C, H, W); gives (N, num_classes).
    stochastic_depth_prob: how often training drops the last block; those before it less, see drop_probabilities.
    width: times all numbers of channels.
    """

    def __init__(
        self, depth=50, num_classes=1000, input_shape=(3, 224, 224), *, stochastic_depth_prob=0.0, width=1.0
    ):  # fmt: skip
        super().__init__()
        if depth not in BLOCKS:
            raise ValueError(f"PreactivationResNet: depth must be one of {', '.join(map(str, BLOCKS))}, got {depth}")
        block, expansion = (PreactivationBlock, 1) if depth < 50 else (PreactivationBottleneck, 4)
        counts, (stem,) = BLOCKS[depth], scaled(width, 64)
        c1, c2, c3, c4 = (expansion * c for c in scaled(width, 64, 128, 256, 512))
        drops = iter(drop_probabilities(stochastic_depth_prob, sum(counts)))
        self.conv1 = nn.Conv2d(input_shape[0], stem, kernel_size=7, stride=2, padding=3, bias=False)
        self.layer1 = stage(block, stem, c1, counts[0], 1, drops)
        self.layer2 = stage(block, c1, c2, counts[1], 2, drops)
        self.layer3 = stage(block, c2, c3, counts[2], 2, drops)
        self.layer4 = stage(block, c3, c4, counts[3], 2, drops)
        self.bn = nn.BatchNorm2d(c4)
        self.fc = nn.Linear(c4, num_classes)
        start_weights(self, nn.Conv2d, he_by_outputs)

    def forward(self, x):
        x = self.conv1(x)  # 64 x 112 x 112
        x = F.max_pool2d(x, 3, stride=2, padding=1)  # 64 x 56 x 56
        x = self.layer1(x)  # 64 x 56 x 56 (from depth 50 on, four times the channels: 256)
        x = self.layer2(x)  # 128 x 28 x 28 (512)
        x = self.layer3(x)  # 256 x 14 x 14 (1024)
        x = self.layer4(x)  # 512 x 7 x 7 (2048)
        x = F.relu(self.bn(x))
        return self.fc(F.global_avg_pool2d(x))


class CifarPreactivationResNet(nn.Module):
    """For 32x32 images: a 3x3 convolution, three stages of 16, 32 and 64 channels, batch norm, global average, linear.

    depth: 6n + 2, of n basic blocks a stage (20, 56, 110); from 164 on 9n + 2, of bottlenecks (164), whose
    channels are four times as many. The settings are those of PreactivationResNet.
    """

    def __init__(self, depth=20, num_classes=10, input_shape=(3, 32, 32), *, stochastic_depth_prob=0.0, width=1.0):
        super().__init__()
        block, layers, expansion = (PreactivationBlock, 6, 1) if depth < 164 else (PreactivationBottleneck, 9, 4)
        if depth < 8 or (depth - 2) % layers:
            raise ValueError(f"CifarPreactivationResNet: depth must be 6n + 2, or 9n + 2 from 164 on, got {depth}")
        count, (stem,) = (depth - 2) // layers, scaled(width, 16)
        c1, c2, c3 = (expansion * c for c in scaled(width, 16, 32, 64))
        drops = iter(drop_probabilities(stochastic_depth_prob, 3 * count))
        self.conv1 = nn.Conv2d(input_shape[0], stem, kernel_size=3, padding=1, bias=False)
        self.layer1 = stage(block, stem, c1, count, 1, drops)
        self.layer2 = stage(block, c1, c2, count, 2, drops)
        self.layer3 = stage(block, c2, c3, count, 2, drops)
        self.bn = nn.BatchNorm2d(c3)
        self.fc = nn.Linear(c3, num_classes)
        start_weights(self, nn.Conv2d, he_by_outputs)

    def forward(self, x):
        x = self.conv1(x)  # 16 x 32 x 32
        x = self.layer1(x)  # 16 x 32 x 32 (of bottlenecks 64)
        x = self.layer2(x)  # 32 x 16 x 16 (128)
        x = self.layer3(x)  # 64 x 8 x 8 (256)
        x = F.relu(self.bn(x))
        return self.fc(F.global_avg_pool2d(x))


class Preactivation(nn.Module):
    """x + F(relu(bn(x))), where F is the method `residual` of a subclass.

    Where F changes the size, x is replaced by a 1x1 convolution of relu(bn(x)). drop: how often training leaves F out.
    """

    def __init__(self, inputs, outputs, stride, drop):
        super().__init__()
        self.drop, self.downsample = drop, None
        self.bn1 = nn.BatchNorm2d(inputs)
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Conv2d(inputs, outputs, kernel_size=1, stride=stride, bias=False)

    def forward(self, x):
        y = F.relu(self.bn1(x))
        x = x if self.downsample is None else self.downsample(y)
        return x + F.stochastic_depth(self.residual(y), self.drop, training=self.training)


class PreactivationBlock(Preactivation):
    """Two 3x3 convolutions."""

    def __init__(self, inputs, outputs, stride=1, drop=0.0):
        super().__init__(inputs, outputs, stride, drop)
        self.conv1 = nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, kernel_size=3, padding=1, bias=False)

    def residual(self, x):
        x = self.conv1(x)
        return self.conv2(F.relu(self.bn2(x)))


class PreactivationBottleneck(Preactivation):
    """1x1 to a quarter of the channels, 3x3, 1x1 to all of them."""

    def __init__(self, inputs, outputs, stride=1, drop=0.0):
        super().__init__(inputs, outputs, stride, drop)
        inner = outputs // 4
        self.conv1 = nn.Conv2d(inputs, inner, kernel_size=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, outputs, kernel_size=1, bias=False)

    def residual(self, x):
        x = self.conv1(x)
        x = self.conv2(F.relu(self.bn2(x)))
        return self.conv3(F.relu(self.bn3(x)))


MODELS = {
    **{
        f"preact_resnet{depth}": (
            partial(PreactivationResNet, depth), *IMAGENET, f"He et al. 2016b: {depth} layers, pre-activation",
        )
        for depth in BLOCKS
    },
    **{
        f"preact_resnet{depth}": (
            partial(CifarPreactivationResNet, depth), *CIFAR, f"He et al. 2016b: {depth} layers, pre-activation",
        )
        for depth in (20, 56, 110, 164)
    },
}  # fmt: skip
