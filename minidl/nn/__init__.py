"""Layers: modules that hold parameters, in PyTorch's names."""

from . import init
from .activation import LeakyReLU, ReLU, Sigmoid, Softmax, Tanh
from .containers import ModuleList, Sequential
from .convolution import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, Fold, Unfold
from .layers import BatchNorm1d, BatchNorm2d, Dropout, Flatten, Identity, Linear
from .loss import CrossEntropyLoss, MSELoss
from .module import Module, Parameter
from .pooling import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d

__all__ = [
    "AdaptiveAvgPool2d", "AvgPool2d", "BatchNorm1d", "BatchNorm2d", "Conv1d", "Conv2d", "ConvTranspose1d",
    "ConvTranspose2d", "CrossEntropyLoss", "Dropout", "Flatten", "Fold", "Identity", "LeakyReLU", "Linear", "MSELoss",
    "MaxPool2d", "Module", "ModuleList", "Parameter", "ReLU", "Sequential", "Sigmoid", "Softmax", "Tanh", "Unfold",
    "init",
]  # fmt: skip
