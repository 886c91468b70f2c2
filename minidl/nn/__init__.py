"""Layers: modules that hold parameters, in PyTorch's names."""

from . import init
from .activation import LeakyReLU, ReLU, Sigmoid, Softmax, Tanh
from .containers import ModuleList, Sequential
from .layers import BatchNorm1d, BatchNorm2d, Conv2d, Dropout, Flatten, Identity, Linear
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
from .pooling import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d

__all__ = [
    "AdaptiveAvgPool2d", "AvgPool2d", "BCEWithLogitsLoss", "BatchNorm1d", "BatchNorm2d", "ContrastiveLoss", "Conv2d",
    "CosineSimilarity", "CrossEntropyLoss", "DiceLoss", "Dropout", "Flatten", "FocalLoss", "HingeLoss", "HuberLoss",
    "Identity", "KLDivLoss", "L1Loss", "LeakyReLU", "Linear", "MSELoss", "MaxPool2d", "Module", "ModuleList",
    "MultiMarginLoss", "NLLLoss", "Parameter", "ReLU", "Sequential", "Sigmoid", "SmoothL1Loss", "Softmax", "Tanh",
    "TripletMarginLoss", "init",
]  # fmt: skip
