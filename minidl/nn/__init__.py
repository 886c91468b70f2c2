"""Layers: modules that hold parameters, in PyTorch's names."""

from . import init
from .activation import ELU, GELU, SELU, LeakyReLU, Maxout, PReLU, ReLU, ReLU6, Sigmoid, SiLU, Softmax, Softplus, Tanh
from .containers import ModuleList, Sequential
from .dropout import DropConnect, Dropout, Dropout2d, StochasticDepth
from .layers import BatchNorm1d, BatchNorm2d, Conv2d, Flatten, Identity, Linear
from .loss import CrossEntropyLoss, MSELoss
from .module import Module, Parameter
from .normalization import GroupNorm, LayerNorm, LocalResponseNorm
from .pooling import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d

__all__ = [
    "AdaptiveAvgPool2d", "AvgPool2d", "BatchNorm1d", "BatchNorm2d", "Conv2d", "CrossEntropyLoss", "DropConnect",
    "Dropout", "Dropout2d", "ELU", "Flatten", "GELU", "GroupNorm", "Identity", "LayerNorm", "LeakyReLU", "Linear",
    "LocalResponseNorm", "MSELoss", "MaxPool2d", "Maxout", "Module", "ModuleList", "PReLU", "Parameter", "ReLU",
    "ReLU6", "SELU", "Sequential", "SiLU", "Sigmoid", "Softmax", "Softplus", "StochasticDepth", "Tanh", "init",
]  # fmt: skip
