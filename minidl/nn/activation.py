"""Activations as modules, for use in Sequential."""

import numpy as np

from minidl import functional as F
from minidl import ops

from .module import Module, Parameter


class ReLU(Module):
    """max(x, 0)"""

    def forward(self, x):
        return F.relu(x)


class LeakyReLU(Module):
    """x where x > 0, else negative_slope x"""

    def __init__(self, negative_slope=0.01):
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, x):
        return F.leaky_relu(x, self.negative_slope)

    def extra_repr(self):
        return f"negative_slope={self.negative_slope}"


class PReLU(Module):
    """x where x > 0, else weight x, learned: one slope, or with num_parameters=C one a channel of x (N, C, ...)."""

    def __init__(self, num_parameters=1, init=0.25):
        super().__init__()
        self.num_parameters = num_parameters
        self.weight = Parameter(np.full(num_parameters, init, np.float32))

    def forward(self, x):
        return F.prelu(x, self.weight)

    def extra_repr(self):
        return f"num_parameters={self.num_parameters}"


class ReLU6(Module):
    """min(max(x, 0), 6)"""

    def forward(self, x):
        return F.relu6(x)


class ELU(Module):
    """x where x > 0, else alpha (e^x - 1)"""

    def __init__(self, alpha=1.0):
        super().__init__()
        self.alpha = alpha

    def forward(self, x):
        return F.elu(x, self.alpha)

    def extra_repr(self):
        return f"alpha={self.alpha}"


class SELU(Module):
    """elu scaled so that mean 0 and variance 1 are kept from layer to layer"""

    def forward(self, x):
        return F.selu(x)


class GELU(Module):
    """x Phi(x), Phi the cumulative normal distribution; approximate="tanh" for the formula of many published models."""

    def __init__(self, approximate="none"):
        super().__init__()
        ops.GELU(approximate)  # raises here, not in the first forward
        self.approximate = approximate

    def forward(self, x):
        return F.gelu(x, self.approximate)

    def extra_repr(self):
        return f"approximate={self.approximate!r}"


class SiLU(Module):
    """x sigmoid(x)"""

    def forward(self, x):
        return F.silu(x)


class Softplus(Module):
    """log(1 + e^(beta x)) / beta, and x where beta x > threshold"""

    def __init__(self, beta=1.0, threshold=20.0):
        super().__init__()
        ops.Softplus(beta, threshold)
        self.beta, self.threshold = beta, threshold

    def forward(self, x):
        return F.softplus(x, self.beta, self.threshold)

    def extra_repr(self):
        return f"beta={self.beta}, threshold={self.threshold}"


class Maxout(Module):
    """The largest of each group of `pieces` channels: after Linear(I, pieces O) there are O outputs.

    >>> import minidl
    >>> from minidl import nn
    >>> nn.Sequential(nn.Linear(8, 3 * 5), nn.Maxout(3))(minidl.zeros(2, 8)).shape
    (2, 5)
    """

    def __init__(self, pieces, dim=1):
        super().__init__()
        ops.Maxout(pieces, dim)
        self.pieces, self.dim = pieces, dim

    def forward(self, x):
        return F.maxout(x, self.pieces, self.dim)

    def extra_repr(self):
        return f"pieces={self.pieces}, dim={self.dim}"


class Sigmoid(Module):
    """1 / (1 + e^-x)"""

    def forward(self, x):
        return F.sigmoid(x)


class Tanh(Module):
    """tanh x"""

    def forward(self, x):
        return F.tanh(x)


class Softmax(Module):
    """Probabilities along `dim`. Not before CrossEntropyLoss, which expects logits."""

    def __init__(self, dim=-1):
        super().__init__()
        self.dim = dim

    def forward(self, x):
        return F.softmax(x, self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """The logarithm of softmax, x - log sum e^x along one axis: what NLLLoss takes."""

    def forward(self, x):
        return F.log_softmax(x, self.dim)
