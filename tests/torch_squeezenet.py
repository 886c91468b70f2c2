"""SqueezeNet of PyTorch's layers, written from Iandola et al. 2016, table 1, under torchvision's names."""

import torch
from torch import nn


class Fire(nn.Module):
    def __init__(self, inputs, s1, e1, e3):
        super().__init__()
        self.squeeze, self.relu = nn.Conv2d(inputs, s1, 1), nn.ReLU()
        self.expand1x1, self.expand3x3 = nn.Conv2d(s1, e1, 1), nn.Conv2d(s1, e3, 3, padding=1)

    def forward(self, x):
        x = self.relu(self.squeeze(x))
        return torch.cat([self.relu(self.expand1x1(x)), self.relu(self.expand3x3(x))], 1)


def pool():
    return nn.MaxPool2d(3, 2, ceil_mode=True)


class SqueezeNet(nn.Module):
    """part: all channel numbers are divided by it."""

    def __init__(self, version, classes, part):
        super().__init__()

        def fire(*channels):
            return Fire(*(c // part for c in channels))

        if version == "1.0":
            self.features = nn.Sequential(
                nn.Conv2d(3, 96 // part, 7, 2), nn.ReLU(), pool(),
                fire(96, 16, 64, 64), fire(128, 16, 64, 64), fire(128, 32, 128, 128), pool(),
                fire(256, 32, 128, 128), fire(256, 48, 192, 192), fire(384, 48, 192, 192), fire(384, 64, 256, 256),
                pool(), fire(512, 64, 256, 256),
            )  # fmt: skip
        else:
            self.features = nn.Sequential(
                nn.Conv2d(3, 64 // part, 3, 2), nn.ReLU(), pool(),
                fire(64, 16, 64, 64), fire(128, 16, 64, 64), pool(),
                fire(128, 32, 128, 128), fire(256, 32, 128, 128), pool(),
                fire(256, 48, 192, 192), fire(384, 48, 192, 192), fire(384, 64, 256, 256), fire(512, 64, 256, 256),
            )  # fmt: skip
        last = nn.Conv2d(512 // part, classes, 1)
        self.classifier = nn.Sequential(nn.Dropout(0.0), last, nn.ReLU(), nn.AdaptiveAvgPool2d(1))

    def forward(self, x):
        return self.classifier(self.features(x)).flatten(1)
