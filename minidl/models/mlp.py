"""The multilayer perceptron: fully connected layers, the lectures' first network."""

from minidl import functional as F
from minidl import nn


class MLP(nn.Module):
    """Flatten, then layers of the given widths with relu between them.

    >>> import minidl
    >>> MLP(input_shape=(1, 28, 28), hidden=(256, 128))(minidl.zeros(2, 1, 28, 28)).shape
    (2, 10)
    """

    def __init__(self, num_classes=10, input_shape=(1, 28, 28), *, hidden=(256, 128)):
        super().__init__()
        channels, height, width = input_shape
        sizes = [channels * height * width, *hidden, num_classes]
        self.layers = nn.ModuleList(nn.Linear(i, o) for i, o in zip(sizes[:-1], sizes[1:], strict=True))
        for layer in self.layers:
            nn.init.he_normal_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        x = x.flatten(1)
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return self.layers[-1](x)


MODELS = {"mlp": (MLP, (1, 28, 28), 10, "fully connected: 256 and 128 hidden units")}
