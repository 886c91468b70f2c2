"""EfficientNet-Lite0 of PyTorch's layers, under the published names."""

import torch
from torch import nn
from torch.nn import functional as F


class SameConv2d(nn.Conv2d):
    def forward(self, x):
        margins = []
        for size, k, s in zip(x.shape[:1:-1], self.kernel_size, self.stride, strict=True):
            total = max((-(-size // s) - 1) * s + k - size, 0)
            margins += [total // 2, total - total // 2]
        return super().forward(F.pad(x, margins))


def batch_norm(channels):
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class Block(nn.Module):
    def __init__(self, inputs, outputs, expansion, kernel, stride):
        super().__init__()
        middle = inputs * expansion
        if expansion > 1:
            self._expand_conv, self._bn0 = nn.Conv2d(inputs, middle, 1, bias=False), batch_norm(middle)
        self._depthwise_conv = SameConv2d(middle, middle, kernel, stride, groups=middle, bias=False)
        self._bn1 = batch_norm(middle)
        self._project_conv, self._bn2 = nn.Conv2d(middle, outputs, 1, bias=False), batch_norm(outputs)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        y = x
        if hasattr(self, "_expand_conv"):
            y = F.relu6(self._bn0(self._expand_conv(y)))
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return y + x if self.residual else y


class EfficientNetLite0(nn.Module):
    """The sixteen blocks one by one: (expansion, kernel, stride, channels)."""

    BLOCKS = (
        (1, 3, 1, 16),
        (6, 3, 2, 24), (6, 3, 1, 24),
        (6, 5, 2, 40), (6, 5, 1, 40),
        (6, 3, 2, 80), (6, 3, 1, 80), (6, 3, 1, 80),
        (6, 5, 1, 112), (6, 5, 1, 112), (6, 5, 1, 112),
        (6, 5, 2, 192), (6, 5, 1, 192), (6, 5, 1, 192), (6, 5, 1, 192),
        (6, 3, 1, 320),
    )  # fmt: skip

    def __init__(self, num_classes=1000, width=1.0):
        super().__init__()
        channels = int(32 * width)
        self._conv_stem = SameConv2d(3, channels, 3, 2, bias=False)
        self._bn0 = batch_norm(channels)
        self._blocks = nn.ModuleList()
        for expansion, kernel, stride, outputs in self.BLOCKS:
            self._blocks.append(Block(channels, int(outputs * width), expansion, kernel, stride))
            channels = int(outputs * width)
        self._conv_head = nn.Conv2d(channels, int(1280 * width), 1, bias=False)
        self._bn1 = batch_norm(int(1280 * width))
        self._fc = nn.Linear(int(1280 * width), num_classes)

    def forward(self, x):
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        x = F.relu6(self._bn1(self._conv_head(x)))
        return self._fc(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))
