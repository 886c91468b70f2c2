"""Layers: modules that hold parameters, in PyTorch's names."""

from . import init
from .activation import ELU, GELU, SELU, LeakyReLU, Maxout, PReLU, ReLU, ReLU6, Sigmoid, SiLU, Softmax, Softplus, Tanh
from .containers import ModuleList, Sequential
from .convolution import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, Fold, Unfold
from .dropout import DropConnect, Dropout, Dropout2d, StochasticDepth
from .layers import BatchNorm1d, BatchNorm2d, Flatten, Identity, Linear
from .loss import CrossEntropyLoss, MSELoss
from .module import Module, Parameter
from .normalization import GroupNorm, LayerNorm, LocalResponseNorm
from .pooling import AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, MaxPool2d, SpatialPyramidPool
from .region import PSRoIPool, RoIAlign, RoIPool
from .upsampling import MaxUnpool2d, PixelShuffle, PixelUnshuffle, Upsample

__all__ = [
    "AdaptiveAvgPool2d", "AdaptiveMaxPool2d", "AvgPool2d", "BatchNorm1d", "BatchNorm2d", "Conv1d", "Conv2d",
    "ConvTranspose1d", "ConvTranspose2d", "CrossEntropyLoss", "DropConnect", "Dropout", "Dropout2d", "ELU", "Flatten",
    "Fold", "GELU", "GroupNorm", "Identity", "LayerNorm", "LeakyReLU", "Linear", "LocalResponseNorm", "MSELoss",
    "MaxPool2d", "MaxUnpool2d", "Maxout", "Module", "ModuleList", "PReLU", "PSRoIPool", "Parameter", "PixelShuffle",
    "PixelUnshuffle", "ReLU", "ReLU6", "RoIAlign", "RoIPool", "SELU", "Sequential", "SiLU", "Sigmoid", "Softmax",
    "Softplus", "SpatialPyramidPool", "StochasticDepth", "Tanh", "Unfold", "Upsample", "init",
]  # fmt: skip
