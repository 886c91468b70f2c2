"""AlphaGo's policy network (Silver et al., Mastering the Game of Go with Deep Neural Networks, 2016)."""

import numpy as np

from minidl import nn

from .layers import scaled, start_weights


class AlphaGoPolicy(nn.Module):
    """Thirteen convolutions from a position, as 48 planes, to a logit for a stone on each point of the board.

    The board keeps its 19x19 points from the first layer to the last; nothing is pooled, for in Go each point counts.
    The last layer is a 1x1 convolution with a bias for each point instead of one for all; 3,882,793 parameters.
    Source: Methods, "Neural network architecture".

    width: times the 192 filters. x (N, C, H, W); gives logits (N, H * W), row by row.
    """

    def __init__(self, num_classes=None, input_shape=(48, 19, 19), *, layers=13, width=1.0):
        super().__init__()
        planes, rows, columns = input_shape
        if num_classes not in (None, rows * columns):
            raise ValueError(f"AlphaGoPolicy gives a logit a point, {rows * columns} in all, not {num_classes}")
        (filters,) = scaled(width, 192)
        self.features = nn.Sequential(nn.Conv2d(planes, filters, kernel_size=5, padding=2), nn.ReLU())  # 192 x 19 x 19
        for _ in range(layers - 2):
            self.features.extend([nn.Conv2d(filters, filters, kernel_size=3, padding=1), nn.ReLU()])  # 192 x 19 x 19
        self.conv = nn.Conv2d(filters, 1, kernel_size=1, bias=False)
        self.position = PositionBias(rows * columns)
        start_weights(self, nn.Conv2d, nn.init.he_normal_)

    def forward(self, x):
        x = self.features(x)  # 192 x 19 x 19
        x = self.conv(x)  # 1 x 19 x 19
        return self.position(x.flatten(1))  # 361


class PositionBias(nn.Module):
    """y = x + bias, a number for each point."""

    def __init__(self, points):
        super().__init__()
        self.bias = nn.Parameter(np.zeros(points, np.float32))

    def forward(self, x):
        return x + self.bias


MODELS = {"alphago": (AlphaGoPolicy, (48, 19, 19), None, "Silver et al. 2016: moves in the game of Go")}
