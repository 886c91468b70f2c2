"""EfficientNet-Lite0 (Tan and Le, EfficientNet, 2019; Lite by Liu, 2020: no squeeze and excitation, ReLU6).

The convolutions pad as TensorFlow's "SAME" does, and batch norm has TensorFlow's settings: the published weights were
trained there. Their names begin with an underscore.
"""

from minidl import functional as F
from minidl import nn

from .layers import IMAGENET, scaled

# Each stage: expansion, output channels, blocks, stride of the first, kernel size; what comes out of 3 x 224 x 224.
STAGES = (
    (1, 16, 1, 1, 3),  # 16 x 112 x 112
    (6, 24, 2, 2, 3),  # 24 x 56 x 56
    (6, 40, 2, 2, 5),  # 40 x 28 x 28
    (6, 80, 3, 2, 3),  # 80 x 14 x 14
    (6, 112, 3, 1, 5),  # 112 x 14 x 14
    (6, 192, 4, 2, 5),  # 192 x 7 x 7
    (6, 320, 1, 1, 3),  # 320 x 7 x 7
)


class EfficientNetLite(nn.Module):
    """A 3x3 convolution, 16 inverted residual blocks, a 1x1 convolution, global average, linear: 4,652,008 parameters.

    dropout: before the linear layer. width: times all numbers of channels.
    x (N, C, H, W); gives logits (N, num_classes).
    """

    def __init__(self, num_classes=1000, input_shape=(3, 224, 224), *, dropout=0.2, width=1.0):
        super().__init__()
        channels, last = scaled(width, 32, 1280)
        self._conv_stem = SameConv2d(input_shape[0], channels, 3, stride=2)
        self._bn0 = _batch_norm(channels)
        self._blocks = nn.ModuleList()
        for expansion, outputs, blocks, stride, kernel_size in STAGES:
            for i in range(blocks):
                inputs, (channels,) = channels, scaled(width, outputs)
                block = InvertedResidual(inputs, channels, expansion, kernel_size, stride if i == 0 else 1)
                self._blocks.append(block)
        self._conv_head = nn.Conv2d(channels, last, kernel_size=1, bias=False)
        self._bn1 = _batch_norm(last)
        self._dropout = nn.Dropout(dropout)
        self._fc = nn.Linear(last, num_classes)

    def forward(self, x):
        x = F.relu6(self._bn0(self._conv_stem(x)))  # 32 x 112 x 112
        for block in self._blocks:
            x = block(x)
        x = F.relu6(self._bn1(self._conv_head(x)))  # 1280 x 7 x 7
        return self._fc(self._dropout(F.global_avg_pool2d(x)))


class InvertedResidual(nn.Module):
    """1x1 to `expansion` times the channels, depthwise, 1x1 to few; added to x where the sizes agree (MobileNet v2).

    The narrow ends are linear: a relu there would lose what the few channels hold.
    """

    def __init__(self, inputs, outputs, expansion, kernel_size, stride):
        super().__init__()
        middle = inputs * expansion
        if expansion > 1:
            self._expand_conv = nn.Conv2d(inputs, middle, kernel_size=1, bias=False)
            self._bn0 = _batch_norm(middle)
        self._depthwise_conv = SameConv2d(middle, middle, kernel_size, stride, groups=middle)
        self._bn1 = _batch_norm(middle)
        self._project_conv = nn.Conv2d(middle, outputs, kernel_size=1, bias=False)
        self._bn2 = _batch_norm(outputs)
        self.expands, self.adds = expansion > 1, stride == 1 and inputs == outputs

    def forward(self, x):
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.adds else y


class SameConv2d(nn.Conv2d):
    """A convolution without bias whose output has ceil(size / stride) values, padded at the bottom and right first."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, groups=1):
        super().__init__(in_channels, out_channels, kernel_size, stride, groups=groups, bias=False)

    def forward(self, x):
        (top, bottom), (left, right) = F.same_padding(x.shape[2:], self.kernel_size, self.stride)
        return super().forward(F.pad(x, (left, right, top, bottom)))


def _batch_norm(channels):
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


MODELS = {"efficientnet_lite0": (EfficientNetLite, *IMAGENET, "Tan & Le 2019: inverted residuals by search")}
