"""MobileNets: a convolution taken apart into one that looks around, channel by channel, and a 1x1 that mixes channels.

v1: Howard et al., MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications, 2017.
v2: Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, 2018; names as in torchvision.
"""

from functools import partial

from minidl import functional as F
from minidl import nn

from .layers import CIFAR, IMAGENET, check_width, he_by_outputs, normal_001, start_weights


class MobileNetV1(nn.Module):
    """A 3x3 convolution and 13 depthwise separable ones, global average, linear: 4,231,976 parameters.

    A k x k convolution from C to O channels costs k k C O multiply-adds a pixel; taken apart, k k C + C O.
    width: times all numbers of channels, the paper's multiplier alpha, rounded to multiples of 8.
    x (N, C, H, W); gives logits (N, num_classes).
    """

    BLOCKS = (  # channels, stride: output for an image of 224x224
        (64, 1),  # 64 x 112 x 112
        (128, 2), (128, 1),  # 128 x 56 x 56
        (256, 2), (256, 1),  # 256 x 28 x 28
        (512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1),  # 512 x 14 x 14
        (1024, 2), (1024, 1),  # 1024 x 7 x 7
    )  # fmt: skip

    def __init__(self, num_classes=1000, input_shape=(3, 224, 224), *, width=1.0, blocks=BLOCKS, stem=(32, 2)):
        super().__init__()
        channels, stride = in_eights(width, stem[0]), stem[1]
        self.features = nn.Sequential(conv_bn(input_shape[0], channels, 3, stride, activation=nn.ReLU))
        for outputs, stride in blocks:
            self.features.append(separable(channels, in_eights(width, outputs), stride))
            channels = in_eights(width, outputs)
        self.classifier = nn.Linear(channels, num_classes)
        _start(self)

    def forward(self, x):
        x = self.features(x)  # 1024 x 7 x 7
        return self.classifier(F.global_avg_pool2d(x))


class MobileNetV2(nn.Module):
    """A 3x3 convolution, 17 inverted residual blocks, a 1x1 convolution, global average, linear: 3,504,872 parameters.

    width: times all numbers of channels, rounded to multiples of 8; below 1 the last 1280 stay, as published.
    x (N, C, H, W); gives logits (N, num_classes).
    """

    STAGES = (  # expansion, channels, blocks, stride of the first: output for an image of 224x224
        (1, 16, 1, 1),  # 16 x 112 x 112
        (6, 24, 2, 2),  # 24 x 56 x 56
        (6, 32, 3, 2),  # 32 x 28 x 28
        (6, 64, 4, 2),  # 64 x 14 x 14
        (6, 96, 3, 1),  # 96 x 14 x 14
        (6, 160, 3, 2),  # 160 x 7 x 7
        (6, 320, 1, 1),  # 320 x 7 x 7
    )

    def __init__(self, num_classes=1000, input_shape=(3, 224, 224), *, width=1.0):
        super().__init__()
        channels, last = in_eights(width, 32), in_eights(max(1.0, width), 1280)
        self.features = nn.Sequential(conv_bn(input_shape[0], channels, 3, stride=2))
        for expansion, outputs, count, stride in self.STAGES:
            for i in range(count):
                block = InvertedResidual(channels, in_eights(width, outputs), 1 if i else stride, expansion)
                self.features.append(block)
                channels = in_eights(width, outputs)
        self.features.append(conv_bn(channels, last, 1))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(last, num_classes))
        _start(self)

    def forward(self, x):
        x = self.features(x)  # 1280 x 7 x 7
        return self.classifier(F.global_avg_pool2d(x))


class InvertedResidual(nn.Module):
    """x + F(x): a 1x1 up to `expansion` times the channels, a 3x3 of each channel alone, a 1x1 down without activation.

    Narrow where a residual bottleneck is wide. Nothing is added where size or channels change.
    """

    def __init__(self, in_channels, out_channels, stride, expansion):
        super().__init__()
        hidden = in_channels * expansion
        self.adds = stride == 1 and in_channels == out_channels
        self.conv = nn.Sequential()
        if expansion > 1:
            self.conv.append(conv_bn(in_channels, hidden, 1))
        self.conv.append(conv_bn(hidden, hidden, 3, stride, groups=hidden))
        self.conv.append(nn.Conv2d(hidden, out_channels, 1, bias=False))
        self.conv.append(nn.BatchNorm2d(out_channels))

    def forward(self, x):
        return x + self.conv(x) if self.adds else self.conv(x)


def conv_bn(in_channels, out_channels, kernel_size, stride=1, groups=1, activation=nn.ReLU6):
    """Convolution, batch norm, activation."""
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, kernel_size // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels), activation())


def separable(in_channels, out_channels, stride):
    """A 3x3 of each channel alone, then a 1x1 over all, each with batch norm and relu."""
    return nn.Sequential(
        conv_bn(in_channels, in_channels, 3, stride, groups=in_channels, activation=nn.ReLU),
        conv_bn(in_channels, out_channels, 1, activation=nn.ReLU),
    )


def in_eights(width, channels):
    """A number of channels times width: the nearest multiple of 8, as published, that is not more than a tenth below.

    >>> in_eights(0.35, 32), in_eights(0.75, 24)
    (16, 24)
    """
    check_width(width)
    nearest = max(8, int(width * channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * width * channels else nearest


def _start(model):
    start_weights(model, nn.Conv2d, he_by_outputs)
    start_weights(model, nn.Linear, normal_001)


CIFAR_BLOCKS = (
    (64, 2), (64, 1),  # 64 x 16 x 16
    (128, 2), (128, 1),  # 128 x 8 x 8
    (256, 2), (256, 1), (256, 1),  # 256 x 4 x 4
)  # fmt: skip
_cifar = partial(MobileNetV1, blocks=CIFAR_BLOCKS, stem=(16, 1))

MODELS = {
    "mobilenet_v1": (MobileNetV1, *IMAGENET, "Howard et al. 2017: depthwise convolutions"),
    "mobilenet_v2": (MobileNetV2, *IMAGENET, "Sandler et al. 2018: inverted residuals"),
    "mobilenet_cifar": (_cifar, *CIFAR, "MobileNet v1 in small: 7 blocks"),
}
