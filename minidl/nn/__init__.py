"""Layers: modules that hold parameters, in PyTorch's names."""

from . import init
from .activation import LeakyReLU, ReLU, Sigmoid, Softmax, Tanh
from .containers import ModuleList, Sequential
from .convolution import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, Fold, Unfold
from .layers import BatchNorm1d, BatchNorm2d, Dropout, Flatten, Identity, Linear
from .loss import CrossEntropyLoss, MSELoss
from .module import Module, Parameter
from .pooling import AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, MaxPool2d, SpatialPyramidPool
from .region import PSRoIPool, RoIAlign, RoIPool
from .upsampling import MaxUnpool2d, PixelShuffle, PixelUnshuffle, Upsample

__all__ = [
    "AdaptiveAvgPool2d", "AdaptiveMaxPool2d", "AvgPool2d", "BatchNorm1d", "BatchNorm2d", "Conv1d", "Conv2d",
    "ConvTranspose1d", "ConvTranspose2d", "CrossEntropyLoss", "Dropout", "Flatten", "Fold", "Identity", "LeakyReLU",
    "Linear", "MSELoss", "MaxPool2d", "MaxUnpool2d", "Module", "ModuleList", "PSRoIPool", "Parameter", "PixelShuffle",
    "PixelUnshuffle", "ReLU", "RoIAlign", "RoIPool", "Sequential", "Sigmoid", "Softmax", "SpatialPyramidPool", "Tanh",
    "Unfold", "Upsample", "init",
]  # fmt: skip
