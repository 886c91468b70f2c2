"""Layers: modules that hold parameters, in PyTorch's names."""

from . import init
from .activation import (
    ELU,
    GELU,
    SELU,
    LeakyReLU,
    LogSoftmax,
    Maxout,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from .containers import ModuleList, Sequential
from .convolution import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, Fold, Unfold
from .dropout import DropConnect, Dropout, Dropout2d, StochasticDepth
from .layers import BatchNorm1d, BatchNorm2d, Flatten, Identity, Linear
from .loss import (
    BCEWithLogitsLoss,
    ContrastiveLoss,
    CosineSimilarity,
    CrossEntropyLoss,
    DiceLoss,
    FocalLoss,
    HingeLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
    MultiMarginLoss,
    NLLLoss,
    SmoothL1Loss,
    TripletMarginLoss,
)
from .module import Module, Parameter
from .normalization import GroupNorm, LayerNorm, LocalResponseNorm
from .pooling import AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, MaxPool2d, SpatialPyramidPool
from .region import PSRoIPool, RoIAlign, RoIPool
from .upsampling import MaxUnpool2d, PixelShuffle, PixelUnshuffle, Upsample

__all__ = [
    "AdaptiveAvgPool2d", "AdaptiveMaxPool2d", "AvgPool2d", "BCEWithLogitsLoss", "BatchNorm1d", "BatchNorm2d",
    "ContrastiveLoss", "Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d", "CosineSimilarity", "CrossEntropyLoss",
    "DiceLoss", "DropConnect", "Dropout", "Dropout2d", "ELU", "Flatten", "FocalLoss", "Fold", "GELU", "GroupNorm",
    "HingeLoss", "HuberLoss", "Identity", "KLDivLoss", "L1Loss", "LayerNorm", "LeakyReLU", "Linear",
    "LocalResponseNorm", "LogSoftmax", "MSELoss", "MaxPool2d", "MaxUnpool2d", "Maxout", "Module", "ModuleList",
    "MultiMarginLoss", "NLLLoss", "PReLU", "PSRoIPool", "Parameter", "PixelShuffle", "PixelUnshuffle", "ReLU", "ReLU6",
    "RoIAlign", "RoIPool", "SELU", "Sequential", "SiLU", "Sigmoid", "SmoothL1Loss", "Softmax", "Softplus",
    "SpatialPyramidPool", "StochasticDepth", "Tanh", "TripletMarginLoss", "Unfold", "Upsample", "init",
]  # fmt: skip
