"""DenseNet of PyTorch's layers, written from Huang et al. 2017, under torchvision's names."""

import torch
from torch import nn
from torch.nn import functional as F


class Layer(nn.Module):
    """Section 3, DenseNet-B: the features of all layers before, joined; 4k channels of 1x1, then k of 3x3."""

    def __init__(self, inputs, k):
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, 4 * k, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(4 * k), nn.Conv2d(4 * k, k, 3, padding=1, bias=False)

    def forward(self, features):
        x = self.conv1(F.relu(self.norm1(torch.cat(features, 1))))
        return self.conv2(F.relu(self.norm2(x)))


class Block(nn.Module):
    def __init__(self, inputs, count, k):
        super().__init__()
        for i in range(count):
            self.add_module(f"denselayer{i + 1}", Layer(inputs + i * k, k))

    def forward(self, x):
        features = [x]
        for layer in self.children():
            features.append(layer(features))
        return torch.cat(features, 1)


class Transition(nn.Module):
    """Section 3, DenseNet-C: compression by a half."""

    def __init__(self, inputs):
        super().__init__()
        self.norm, self.conv = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, inputs // 2, 1, bias=False)

    def forward(self, x):
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2)


class DenseNet(nn.Module):
    def __init__(self, counts, k, classes, small_stride=None):
        super().__init__()
        channels, self.features = 2 * k, nn.Sequential()
        if small_stride:
            self.features.add_module("conv0", nn.Conv2d(3, channels, 3, small_stride, 1, bias=False))
        else:
            self.features.add_module("conv0", nn.Conv2d(3, channels, 7, 2, 3, bias=False))
            self.features.add_module("norm0", nn.BatchNorm2d(channels))
            self.features.add_module("relu0", nn.ReLU())
            self.features.add_module("pool0", nn.MaxPool2d(3, 2, 1))
        for i, count in enumerate(counts):
            self.features.add_module(f"denseblock{i + 1}", Block(channels, count, k))
            channels += count * k
            if i + 1 < len(counts):
                self.features.add_module(f"transition{i + 1}", Transition(channels))
                channels //= 2
        self.features.add_module(f"norm{len(counts) + 1}", nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x):
        return self.classifier(F.adaptive_avg_pool2d(F.relu(self.features(x)), 1).flatten(1))
