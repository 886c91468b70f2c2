"""The operations of the lectures, one file a topic: each an Op with explicit forward and backward, usable alone."""

from .activation import LeakyReLU, LogSoftmax, Maxout, PReLU, ReLU, ReLU6, Sigmoid, Softmax, Tanh
from .activation_smooth import ELU, GELU, SELU, SiLU, Softplus
from .convolution import Conv2d
from .dropout import Dropout, Dropout2d, StochasticDepth
from .linear import Linear
from .loss import MSE, CrossEntropy
from .normalization import BatchNorm, GroupNorm, LayerNorm
from .normalization_local import LocalResponseNorm
from .pointwise import Abs, Clip, Exp, Log, Sqrt, Where
from .pooling import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d

__all__ = [
    "Abs", "AdaptiveAvgPool2d", "AvgPool2d", "BatchNorm", "Clip", "Conv2d", "CrossEntropy", "Dropout", "Dropout2d",
    "ELU", "Exp", "GELU", "GroupNorm", "LayerNorm", "LeakyReLU", "Linear", "LocalResponseNorm", "Log", "LogSoftmax",
    "MSE", "MaxPool2d", "Maxout", "PReLU", "ReLU", "ReLU6", "SELU", "SiLU", "Sigmoid", "Softmax", "Softplus", "Sqrt",
    "StochasticDepth", "Tanh", "Where",
]  # fmt: skip
