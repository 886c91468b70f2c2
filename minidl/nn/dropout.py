"""Dropout as modules: of values, channels, images, and of the weights of a linear layer."""

from minidl import functional as F
from minidl import ops

from .layers import Linear
from .module import Module


class Dropout(Module):
    """In training, set each element to 0 with probability p; see functional.dropout."""

    def __init__(self, p=0.5):
        super().__init__()
        ops.Dropout(p)  # raises here, not in the first forward
        self.p = p

    def forward(self, x):
        return F.dropout(x, self.p, self.training)

    def extra_repr(self):
        return f"p={self.p}"


class Dropout2d(Dropout):
    """In training, set whole channels of images (N, C, H, W) to 0 with probability p; see functional.dropout2d."""

    def forward(self, x):
        return F.dropout2d(x, self.p, self.training)


class StochasticDepth(Module):
    """In training, set a whole residual branch to 0 with probability p; see functional.stochastic_depth."""

    def __init__(self, p, mode="row"):
        super().__init__()
        ops.StochasticDepth(p, mode)
        self.p, self.mode = p, mode

    def forward(self, x):
        return F.stochastic_depth(x, self.p, self.mode, self.training)

    def extra_repr(self):
        return f"p={self.p}, mode={self.mode}"


class DropConnect(Linear):
    """A linear layer that in training drops its weights, not its inputs (Wan et al. 2013).

    y = x (M * weight)^T / (1 - p) + bias, where each element of M (O, I) is 0 with probability p. The paper differs
    in three ways: it draws a mask M for each row of the batch (a mask for each would be N times the weights), masks
    the bias too, and at test time samples outputs from a normal distribution; here the weights are scaled in training
    so that, as with dropout, nothing is left to do at test time.

    >>> import minidl
    >>> layer = DropConnect(8, 5)
    >>> layer, layer(minidl.zeros(2, 8)).shape
    (DropConnect(in_features=8, out_features=5, bias=True, p=0.5), (2, 5))
    """

    def __init__(self, in_features, out_features, p=0.5, bias=True):
        super().__init__(in_features, out_features, bias)
        ops.Dropout(p)
        self.p = p

    def forward(self, x):
        return F.linear(x, F.dropout(self.weight, self.p, self.training), self.bias)

    def extra_repr(self):
        return f"{super().extra_repr()}, p={self.p}"
