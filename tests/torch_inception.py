"""Inception v3 of PyTorch's layers, from figures 5 to 10 and table 1 of the paper; names as in torchvision."""

import torch
from torch import nn
from torch.nn import functional as F


class Conv(nn.Module):
    def __init__(self, inputs, outputs, kernel=1, stride=1, padding=0):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x):
        return torch.relu(self.bn(self.conv(x)))


class Branches(nn.Module):
    """Chains of layers side by side. A chain: (name, outputs, kernel, stride, padding) ...; a list in it is a fork.

    pool: how the input is pooled for the last chain, which may have no layers.
    """

    def __init__(self, inputs, chains, pool):
        super().__init__()
        self.chains, self.pool = chains, pool
        for chain in chains:
            channels = inputs
            for step in chain:
                for name, outputs, *geometry in step if isinstance(step, list) else [step]:
                    setattr(self, name, Conv(channels, outputs, *geometry))
                channels = outputs

    def forward(self, x):
        results = []
        for chain in self.chains:
            y = self.pool(x) if chain is self.chains[-1] else x
            for step in chain:
                if isinstance(step, list):
                    y = torch.cat([getattr(self, name)(y) for name, *_ in step], 1)
                else:
                    y = getattr(self, step[0])(y)
            results.append(y)
        return torch.cat(results, 1)


def average(x):
    return F.avg_pool2d(x, 3, 1, 1)


def halve(x):
    return F.max_pool2d(x, 3, 2)


class InceptionV3(nn.Module):
    """eighths: the channels, in eighths of the published; without dropout."""

    def __init__(self, classes, eighths):
        super().__init__()

        def c(n):
            return n * eighths // 8

        across, down = ((1, 7), 1, (0, 3)), ((7, 1), 1, (3, 0))
        self.Conv2d_1a_3x3, self.Conv2d_2a_3x3 = Conv(3, c(32), 3, 2), Conv(c(32), c(32), 3)
        self.Conv2d_2b_3x3, self.Conv2d_3b_1x1 = Conv(c(32), c(64), 3, 1, 1), Conv(c(64), c(80))
        self.Conv2d_4a_3x3 = Conv(c(80), c(192), 3)
        for letter, inputs, pooled in (("b", 192, 32), ("c", 256, 64), ("d", 288, 64)):
            chains = (
                [("branch1x1", c(64))],
                [("branch5x5_1", c(48)), ("branch5x5_2", c(64), 5, 1, 2)],
                [("branch3x3dbl_1", c(64)), ("branch3x3dbl_2", c(96), 3, 1, 1), ("branch3x3dbl_3", c(96), 3, 1, 1)],
                [("branch_pool", c(pooled))],
            )
            setattr(self, f"Mixed_5{letter}", Branches(c(inputs), chains, average))
        chains = (
            [("branch3x3", c(384), 3, 2)],
            [("branch3x3dbl_1", c(64)), ("branch3x3dbl_2", c(96), 3, 1, 1), ("branch3x3dbl_3", c(96), 3, 2)],
            [],
        )
        self.Mixed_6a = Branches(c(288), chains, halve)
        for letter, n in (("b", c(128)), ("c", c(160)), ("d", c(160)), ("e", c(192))):
            double = [("branch7x7dbl_2", n, *down), ("branch7x7dbl_3", n, *across), ("branch7x7dbl_4", n, *down)]
            chains = (
                [("branch1x1", c(192))],
                [("branch7x7_1", n), ("branch7x7_2", n, *across), ("branch7x7_3", c(192), *down)],
                [("branch7x7dbl_1", n), *double, ("branch7x7dbl_5", c(192), *across)],
                [("branch_pool", c(192))],
            )
            setattr(self, f"Mixed_6{letter}", Branches(c(768), chains, average))
        n = c(192)
        seven = [("branch7x7x3_2", n, *across), ("branch7x7x3_3", n, *down)]
        chains = (
            [("branch3x3_1", n), ("branch3x3_2", c(320), 3, 2)],
            [("branch7x7x3_1", n), *seven, ("branch7x7x3_4", n, 3, 2)],
            [],
        )
        self.Mixed_7a = Branches(c(768), chains, halve)
        for letter, inputs in (("b", 1280), ("c", 2048)):
            n, flat, tall = c(384), ((1, 3), 1, (0, 1)), ((3, 1), 1, (1, 0))
            chains = (
                [("branch1x1", c(320))],
                [("branch3x3_1", n), [("branch3x3_2a", n, *flat), ("branch3x3_2b", n, *tall)]],
                [
                    ("branch3x3dbl_1", c(448)),
                    ("branch3x3dbl_2", n, 3, 1, 1),
                    [("branch3x3dbl_3a", n, *flat), ("branch3x3dbl_3b", n, *tall)],
                ],
                [("branch_pool", c(192))],
            )
            setattr(self, f"Mixed_7{letter}", Branches(c(inputs), chains, average))
        self.AuxLogits = nn.Module()
        self.AuxLogits.conv0, self.AuxLogits.conv1 = Conv(c(768), c(128)), Conv(c(128), c(768), 5)
        self.AuxLogits.fc, self.fc = nn.Linear(c(768), classes), nn.Linear(c(2048), classes)

    def forward(self, x):
        x = halve(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))))
        x = halve(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)))
        for letter in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e"):
            x = getattr(self, f"Mixed_{letter}")(x)
        head = self.AuxLogits
        auxiliary = head.fc(head.conv1(head.conv0(F.avg_pool2d(x, 5, 3))).mean((2, 3)))
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        return self.fc(x.mean((2, 3))), auxiliary
