"""GoogLeNet of PyTorch's layers, from table 1 and section 5 of the paper, or with what torchvision changed."""

import torch
from torch import nn
from torch.nn import functional as F

# Table 1: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection; the 192 channels of the stem come before.
TABLE = {
    "3a": (64, 96, 128, 16, 32, 32), "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64), "4b": (160, 112, 224, 24, 64, 64), "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64), "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128), "5b": (384, 192, 384, 48, 128, 128),
}  # fmt: skip


class Conv(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride, paper):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=paper)
        if not paper:
            self.bn = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x):
        x = self.conv(x)
        return torch.relu(self.bn(x) if hasattr(self, "bn") else x)


class Module(nn.Module):
    def __init__(self, inputs, row, paper):
        super().__init__()
        a, b, c, d, e, f = row
        self.branch1 = Conv(inputs, a, 1, 1, paper)
        self.branch2 = nn.Sequential(Conv(inputs, b, 1, 1, paper), Conv(b, c, 3, 1, paper))
        self.branch3 = nn.Sequential(Conv(inputs, d, 1, 1, paper), Conv(d, e, 5 if paper else 3, 1, paper))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), Conv(inputs, f, 1, 1, paper))

    def forward(self, x):
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class Auxiliary(nn.Module):
    def __init__(self, inputs, channels, units, classes, paper):
        super().__init__()
        self.conv = Conv(inputs, channels, 1, 1, paper)
        self.fc1, self.fc2, self.paper = nn.Linear(16 * channels, units), nn.Linear(units, classes), paper

    def forward(self, x):
        x = F.avg_pool2d(x, 5, 3) if self.paper else F.adaptive_avg_pool2d(x, 4)
        return self.fc2(torch.relu(self.fc1(self.conv(x).flatten(1))))


class GoogLeNet(nn.Module):
    """eighths: the channels, in eighths of the published; without dropout."""

    def __init__(self, classes, eighths, paper):
        super().__init__()
        c64, c192 = 8 * eighths, 24 * eighths
        self.conv1, self.conv2 = Conv(3, c64, 7, 2, paper), Conv(c64, c64, 1, 1, paper)
        self.conv3, self.paper, channels = Conv(c64, c192, 3, 1, paper), paper, c192
        for name, row in TABLE.items():
            row = [n * eighths // 8 for n in row]
            setattr(self, f"inception{name}", Module(channels, row, paper))
            channels = row[0] + row[2] + row[4] + row[5]
        self.aux1 = Auxiliary(64 * eighths, 16 * eighths, 128 * eighths, classes, paper)
        self.aux2 = Auxiliary(66 * eighths, 16 * eighths, 128 * eighths, classes, paper)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        norm = nn.LocalResponseNorm(5) if self.paper else nn.Identity()
        x = norm(F.max_pool2d(self.conv1(x), 3, 2, ceil_mode=True))
        x = F.max_pool2d(norm(self.conv3(self.conv2(x))), 3, 2, ceil_mode=True)
        heads = []
        for name in TABLE:
            if name == "4a":
                x = F.max_pool2d(x, 3, 2, ceil_mode=True)
            if name == "5a":
                x = F.max_pool2d(x, 3 if self.paper else 2, 2, ceil_mode=True)
            x = getattr(self, f"inception{name}")(x)
            heads += [self.aux1(x)] if name == "4a" else [self.aux2(x)] if name == "4d" else []
        return self.fc(x.mean((2, 3))), *heads


class CifarGoogLeNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32)
        self.inception2 = Module(32, (16, 16, 32, 8, 8, 8), False)
        self.inception3a = Module(64, (32, 32, 64, 8, 16, 16), False)
        self.inception3b = Module(128, (48, 48, 96, 16, 24, 24), False)
        self.inception4 = Module(192, (64, 64, 128, 16, 32, 32), False)
        self.fc = nn.Linear(256, classes)

    def forward(self, x):
        x = torch.relu(self.bn1(F.max_pool2d(self.conv1(x), 2)))
        x = self.inception3b(self.inception3a(F.max_pool2d(self.inception2(x), 2)))
        return self.fc(self.inception4(F.max_pool2d(x, 2)).mean((2, 3)))
