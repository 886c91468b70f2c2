"""Residual networks for ImageNet (He, Zhang, Ren and Sun, Deep Residual Learning for Image Recognition, 2016)."""

from functools import partial
from itertools import repeat

from minidl import functional as F
from minidl import nn

from .layers import IMAGENET, he_by_outputs, scaled, start_weights

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


class ResNet(nn.Module):
    """A 7x7 convolution, max pooling, four stages of residual blocks, global average, linear.

    depth: 18 or 34, of basic blocks, or 50, 101 or 152, of bottlenecks. x (N, C, H, W); gives logits (N, num_classes).
    groups, width_per_group: the 3x3 convolution of the bottlenecks in the first stage has groups * width_per_group
        channels: 32 * 4 in ResNeXt (Xie et al. 2017), 1 * 128 in Wide ResNet (Zagoruyko and Komodakis 2016).
    stride_in_1x1: bottlenecks halve the image in their first convolution, as in the paper; else in the 3x3.
    shortcut: False for a plain network of the same layers.
    stochastic_depth_prob: how often training drops the last block; those before it less, see drop_probabilities.
    width: times all numbers of channels.
    """

    def __init__(
        self, depth=50, num_classes=1000, input_shape=(3, 224, 224), *, groups=1, width_per_group=64,
        stride_in_1x1=False, shortcut=True, stochastic_depth_prob=0.0, width=1.0,
    ):  # fmt: skip
        super().__init__()
        if depth not in BLOCKS:
            raise ValueError(f"ResNet: depth must be one of {', '.join(map(str, BLOCKS))}, got {depth}")
        block, counts = BasicBlock, BLOCKS[depth]
        stem, *channels = scaled(width, 64, 64, 128, 256, 512)
        if depth >= 50:
            block = partial(Bottleneck, groups=groups, width_per_group=width_per_group, stride_in_1x1=stride_in_1x1)
            channels = [4 * c for c in channels]
        elif (groups, width_per_group, stride_in_1x1) != (1, 64, False):
            raise ValueError(f"ResNet: groups, width_per_group and stride_in_1x1 need a depth from 50, got {depth}")
        drops = iter(drop_probabilities(stochastic_depth_prob, sum(counts), shortcut))
        block = partial(block, shortcut=shortcut)
        self.conv1 = nn.Conv2d(input_shape[0], stem, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.layer1 = stage(block, stem, channels[0], counts[0], 1, drops)
        self.layer2 = stage(block, channels[0], channels[1], counts[1], 2, drops)
        self.layer3 = stage(block, channels[1], channels[2], counts[2], 2, drops)
        self.layer4 = stage(block, channels[2], channels[3], counts[3], 2, drops)
        self.fc = nn.Linear(channels[3], num_classes)
        start_weights(self, nn.Conv2d, he_by_outputs)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))  # 64 x 112 x 112
        x = F.max_pool2d(x, 3, stride=2, padding=1)  # 64 x 56 x 56
        x = self.layer1(x)  # 64 x 56 x 56 (from depth 50 on, four times the channels: 256)
        x = self.layer2(x)  # 128 x 28 x 28 (512)
        x = self.layer3(x)  # 256 x 14 x 14 (1024)
        x = self.layer4(x)  # 512 x 7 x 7 (2048)
        return self.fc(F.global_avg_pool2d(x))


NEVER = repeat(0.0)  # the drop probabilities of all blocks where there is no stochastic depth


def stage(block, inputs, outputs, count, stride, drops=NEVER):
    """`count` blocks in a row; the first takes `inputs` channels and has the stride."""
    first = block(inputs, outputs, stride, drop=next(drops))
    return nn.Sequential(first, *(block(outputs, outputs, drop=next(drops)) for _ in range(count - 1)))


def drop_probabilities(last, count, shortcut=True):
    """How often each of `count` blocks is dropped: linear, from 0 at the input to `last` (Huang et al. 2016, sec. 3).

    >>> drop_probabilities(0.5, 5)
    [0.1, 0.2, 0.3, 0.4, 0.5]
    """
    if last and not shortcut:
        raise ValueError("stochastic depth needs shortcuts: where a block is dropped, nothing else is left")
    return [last * block / count for block in range(1, count + 1)]


class Residual(nn.Module):
    """relu(x + F(x)), where F is the method `residual` of a subclass; without shortcut, relu(F(x)).

    Where F changes the size of x, `project` changes it alike. drop: how often training leaves F(x) out.
    """

    def __init__(self, inputs, outputs, stride, shortcut, drop):
        super().__init__()
        self.shortcut, self.drop = shortcut, drop
        changes = stride > 1 or inputs != outputs
        self.downsample = self.project(inputs, outputs, stride) if shortcut and changes else None

    def project(self, inputs, outputs, stride):
        """What gives x the size of F(x): a 1x1 convolution with batch norm (the paper's option B)."""
        convolution = nn.Conv2d(inputs, outputs, kernel_size=1, stride=stride, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = F.stochastic_depth(self.residual(x), self.drop, training=self.training)
        if self.shortcut:
            y = y + (x if self.downsample is None else self.downsample(x))
        return F.relu(y)


class BasicBlock(Residual):
    """Two 3x3 convolutions, each followed by batch norm."""

    def __init__(self, inputs, outputs, stride=1, shortcut=True, drop=0.0):
        super().__init__(inputs, outputs, stride, shortcut, drop)
        self.conv1 = nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, kernel_size=3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)

    def residual(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.bn2(self.conv2(x))


class Bottleneck(Residual):
    """1x1 to a quarter of the channels (more where wider), 3x3 in groups, 1x1 to all of them; batch norm after each."""

    def __init__(
        self, inputs, outputs, stride=1, shortcut=True, drop=0.0, groups=1, width_per_group=64, stride_in_1x1=False
    ):
        super().__init__(inputs, outputs, stride, shortcut, drop)
        inner = max(outputs // 4 * width_per_group // 64, 1) * groups
        strides = (stride, 1) if stride_in_1x1 else (1, stride)
        self.conv1 = nn.Conv2d(inputs, inner, kernel_size=1, stride=strides[0], bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, kernel_size=3, stride=strides[1], padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, outputs, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)

    def residual(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return self.bn3(self.conv3(x))


MODELS = {
    **{f"resnet{depth}": (partial(ResNet, depth), *IMAGENET, f"He et al. 2016: {depth} layers") for depth in BLOCKS},
    **{
        f"resnet{depth}_paper": (
            partial(ResNet, depth, stride_in_1x1=True), *IMAGENET, f"He et al. 2016: {depth} layers, stride in the 1x1",
        )
        for depth in (50, 101, 152)
    },
    **{
        f"plain{depth}": (
            partial(ResNet, depth, shortcut=False), *IMAGENET, f"He et al. 2016: {depth} layers, no shortcuts",
        )
        for depth in (18, 34)
    },
    "resnext50_32x4d": (
        partial(ResNet, 50, groups=32, width_per_group=4), *IMAGENET, "Xie et al. 2017: 50 layers, 32 groups of 4",
    ),
    "resnext101_32x8d": (
        partial(ResNet, 101, groups=32, width_per_group=8), *IMAGENET, "Xie et al. 2017: 101 layers, 32 groups of 8",
    ),
    "wide_resnet50_2": (
        partial(ResNet, 50, width_per_group=128), *IMAGENET, "Zagoruyko & Komodakis 2016: 50 layers, wide",
    ),
}  # fmt: skip
