"""ResNeXt for 32x32 images (Xie, Girshick, Dollar, Tu and He, Aggregated Residual Transformations ..., 2017)."""

from functools import partial

from minidl import functional as F
from minidl import nn

from .layers import CIFAR, he_by_outputs, scaled, start_weights
from .resnet import Bottleneck, stage


class CifarResNeXt(nn.Module):
    """A 3x3 convolution, three stages of bottlenecks with grouped 3x3 convolutions, global average, linear.

    depth: 9n + 2, of n bottlenecks a stage; 29 in the paper. Their 3x3 convolution has groups * width_per_group
    channels in the first stage, and twice as many in each that follows. x (N, C, H, W); gives logits (N, num_classes).
    stem_stride: of the first convolution; 2 makes everything after it four times cheaper.
    width: times all numbers of channels.
    """

    def __init__(
        self, depth=29, num_classes=10, input_shape=(3, 32, 32), *,
        groups=8, width_per_group=64, stem_stride=1, width=1.0,
    ):  # fmt: skip
        super().__init__()
        if depth < 11 or (depth - 2) % 9:
            raise ValueError(f"CifarResNeXt: depth must be 9n + 2 (29 in the paper), got {depth}")
        block = partial(Bottleneck, groups=groups, width_per_group=width_per_group)
        count, (stem,) = (depth - 2) // 9, scaled(width, 64)
        self.conv1 = nn.Conv2d(input_shape[0], stem, kernel_size=3, stride=stem_stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.layer1 = stage(block, stem, 4 * stem, count, 1)
        self.layer2 = stage(block, 4 * stem, 8 * stem, count, 2)
        self.layer3 = stage(block, 8 * stem, 16 * stem, count, 2)
        self.fc = nn.Linear(16 * stem, num_classes)
        start_weights(self, nn.Conv2d, he_by_outputs)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))  # 64 x 32 x 32
        x = self.layer1(x)  # 256 x 32 x 32
        x = self.layer2(x)  # 512 x 16 x 16
        x = self.layer3(x)  # 1024 x 8 x 8
        return self.fc(F.global_avg_pool2d(x))


_small = partial(CifarResNeXt, 20, width_per_group=16, stem_stride=2, width=0.375)
MODELS = {"resnext_cifar": (_small, *CIFAR, "ResNeXt in small: 20 layers, 8 groups")}
