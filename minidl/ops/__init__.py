"""The operations of the lectures, one file a topic: each an Op with explicit forward and backward, usable alone."""

from .activation import LeakyReLU, LogSoftmax, ReLU, Sigmoid, Softmax, Tanh
from .convolution import Conv2d
from .dropout import Dropout
from .linear import Linear
from .loss import MSE, CrossEntropy
from .normalization import BatchNorm
from .pointwise import Abs, Clip, Exp, Log, Sqrt, Where
from .pooling import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d
from .region import CropAndResize, PSRoIPool, RoIAlign, RoIPool

__all__ = [
    "Abs", "AdaptiveAvgPool2d", "AvgPool2d", "BatchNorm", "Clip", "Conv2d", "CropAndResize", "CrossEntropy", "Dropout",
    "Exp", "LeakyReLU", "Linear", "Log", "LogSoftmax", "MSE", "MaxPool2d", "PSRoIPool", "ReLU", "RoIAlign", "RoIPool",
    "Sigmoid", "Softmax", "Sqrt", "Tanh", "Where",
]  # fmt: skip
