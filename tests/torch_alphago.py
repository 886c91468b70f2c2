"""AlphaGo's policy network in PyTorch, from the paper's methods (Silver et al. 2016)."""

import torch
from torch import nn


class AlphaGoPolicy(nn.Module):
    def __init__(self, planes=48, filters=192, size=19):
        super().__init__()
        layers = [nn.Conv2d(planes, filters, 5, padding=2), nn.ReLU()]  # layer 1
        for _ in range(2, 13):  # layers 2 to 12
            layers += [nn.Conv2d(filters, filters, 3, padding=1), nn.ReLU()]
        self.features, self.conv = nn.Sequential(*layers), nn.Conv2d(filters, 1, 1, bias=False)  # layer 13
        self.position = nn.Module()
        self.position.bias = nn.Parameter(torch.zeros(size * size))

    def forward(self, x):
        return self.conv(self.features(x)).flatten(1) + self.position.bias
