"""Highway network (Srivastava, Greff and Schmidhuber, Training Very Deep Networks, 2015)."""

from minidl import functional as F
from minidl import nn

from .layers import scaled


class HighwayLayer(nn.Module):
    """y = T(x) relu(W x + b) + (1 - T(x)) x, with the transform gate T(x) = sigmoid(W_T x + b_T).

    b_T starts at gate_bias, below zero: T is small, a new layer hands on its input almost as it is, and a gradient
    finds its way through many of them. The deeper, the lower: -2 for 10 layers, -4 for 50.
    x (N, units) gives y (N, units).
    """

    def __init__(self, units, gate_bias=-2.0):
        super().__init__()
        self.transform = nn.Linear(units, units)
        self.gate = nn.Linear(units, units)
        nn.init.he_normal_(self.transform.weight)
        nn.init.zeros_(self.transform.bias)
        nn.init.constant_(self.gate.bias, gate_bias)

    def forward(self, x):
        gate = F.sigmoid(self.gate(x))
        return gate * F.relu(self.transform(x)) + (1 - gate) * x


class Highway(nn.Module):
    """A linear layer to 50 units, depth - 1 highway layers, logits, as the paper trains on MNIST (section 3.1).

    The plain network of the same depth is MLP(hidden=(50,) * depth), which at 50 layers SGD hardly trains.
    width: times the 50 units. x (N, C, H, W); gives logits (N, num_classes).
    """

    def __init__(self, depth=10, num_classes=10, input_shape=(1, 28, 28), *, gate_bias=-2.0, width=1.0):
        super().__init__()
        if depth < 1:
            raise ValueError(f"Highway: depth must be at least 1, got {depth}")
        (units,) = scaled(width, 50)
        channels, rows, columns = input_shape
        self.first = nn.Linear(channels * rows * columns, units)
        self.layers = nn.Sequential(*(HighwayLayer(units, gate_bias) for _ in range(depth - 1)))
        self.last = nn.Linear(units, num_classes)
        nn.init.he_normal_(self.first.weight)

    def forward(self, x):
        x = F.relu(self.first(x.flatten(1)))  # 50
        x = self.layers(x)  # 50
        return self.last(x)


MODELS = {"highway": (Highway, (1, 28, 28), 10, "Srivastava et al. 2015: 10 layers with gates")}
