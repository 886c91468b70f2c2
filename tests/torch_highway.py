"""A highway network in PyTorch, equations 2 to 4 of the paper (Srivastava et al. 2015)."""

import torch
from torch import nn


class Layer(nn.Module):
    def __init__(self, units):
        super().__init__()
        self.transform, self.gate = nn.Linear(units, units), nn.Linear(units, units)

    def forward(self, x):
        h, t = torch.relu(self.transform(x)), torch.sigmoid(self.gate(x))
        return h * t + x * (1 - t)


class Highway(nn.Module):
    def __init__(self, depth=10, units=50, inputs=784, num_classes=10):
        super().__init__()
        self.first, self.last = nn.Linear(inputs, units), nn.Linear(units, num_classes)
        self.layers = nn.ModuleList(Layer(units) for _ in range(depth - 1))

    def forward(self, x):
        x = torch.relu(self.first(x.flatten(1)))
        for layer in self.layers:
            x = layer(x)
        return self.last(x)
