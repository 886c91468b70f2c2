"""Residual networks of PyTorch's layers, written from the papers, under torchvision's names."""

from torch import nn
from torch.nn import functional as F


def conv(inputs, outputs, size, stride=1, groups=1):
    return nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)


class Basic(nn.Module):
    """He et al. 2016, figure 5 left; shortcut None is a plain block."""

    def __init__(self, inputs, outputs, stride, plain=False):
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, outputs, 3, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = conv(outputs, outputs, 3), nn.BatchNorm2d(outputs)
        self.plain = plain
        if not plain and (stride != 1 or inputs != outputs):
            self.downsample = nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if not self.plain:
            y += self.downsample(x) if hasattr(self, "downsample") else x
        return F.relu(y)


class Bottleneck(nn.Module):
    """Figure 5 right; Xie et al. 2017, figure 3c, with groups."""

    def __init__(self, inputs, outputs, stride, inner, groups=1, paper=False):
        super().__init__()
        first, second = (stride, 1) if paper else (1, stride)
        self.conv1, self.bn1 = conv(inputs, inner, 1, first), nn.BatchNorm2d(inner)
        self.conv2, self.bn2 = conv(inner, inner, 3, second, groups), nn.BatchNorm2d(inner)
        self.conv3, self.bn3 = conv(inner, outputs, 1), nn.BatchNorm2d(outputs)
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + (self.downsample(x) if hasattr(self, "downsample") else x))


class PreactivationBasic(nn.Module):
    """He et al. 2016b, figure 1b; where the size changes, the shortcut starts behind the activation."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), conv(inputs, outputs, 3, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(outputs), conv(outputs, outputs, 3)
        if stride != 1 or inputs != outputs:
            self.downsample = conv(inputs, outputs, 1, stride)

    def forward(self, x):
        active = F.relu(self.bn1(x))
        y = self.conv2(F.relu(self.bn2(self.conv1(active))))
        return y + (self.downsample(active) if hasattr(self, "downsample") else x)


class PreactivationBottleneck(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        inner = outputs // 4
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), conv(inputs, inner, 1)
        self.bn2, self.conv2 = nn.BatchNorm2d(inner), conv(inner, inner, 3, stride)
        self.bn3, self.conv3 = nn.BatchNorm2d(inner), conv(inner, outputs, 1)
        if stride != 1 or inputs != outputs:
            self.downsample = conv(inputs, outputs, 1, stride)

    def forward(self, x):
        active = F.relu(self.bn1(x))
        y = self.conv3(F.relu(self.bn3(self.conv2(F.relu(self.bn2(self.conv1(active)))))))
        return y + (self.downsample(active) if hasattr(self, "downsample") else x)


class ResNet(nn.Module):
    """block(stage, inputs, outputs, stride); a stem of 7x7 with pooling for images of 224x224, else of 3x3."""

    def __init__(self, block, counts, stem, channels, classes, large=True, last=False, stem_stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(3, stem, 7, 2, 3, bias=False) if large else conv(3, stem, 3, stem_stride)
        self.large, self.stages = large, len(counts)
        if last:  # pre-activation: a batch norm at the end instead of one behind the stem
            self.bn = nn.BatchNorm2d(channels[-1])
        else:
            self.bn1 = nn.BatchNorm2d(stem)
        for i, count in enumerate(counts):
            inputs, stride = (channels[i - 1], 2) if i else (stem, 1)
            first = block(i, inputs, channels[i], stride)
            others = (block(i, channels[i], channels[i], 1) for _ in range(count - 1))
            setattr(self, f"layer{i + 1}", nn.Sequential(first, *others))
        self.fc = nn.Linear(channels[-1], classes)

    def forward(self, x):
        x = self.conv1(x)
        if hasattr(self, "bn1"):
            x = F.relu(self.bn1(x))
        if self.large:
            x = F.max_pool2d(x, 3, 2, 1)
        for i in range(self.stages):
            x = getattr(self, f"layer{i + 1}")(x)
        if hasattr(self, "bn"):
            x = F.relu(self.bn(x))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))
