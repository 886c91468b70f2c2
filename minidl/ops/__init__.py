"""The operations of the lectures, one file a topic: each an Op with explicit forward and backward, usable alone."""

from .activation import LeakyReLU, LogSoftmax, ReLU, Sigmoid, Softmax, Tanh
from .convolution import Conv2d
from .dropout import Dropout
from .linear import Linear
from .loss import MSE, CrossEntropy
from .normalization import BatchNorm
from .pointwise import Abs, Clip, Exp, Log, Sqrt, Where
from .pooling import AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, MaxPool2d
from .region import CropAndResize, PSRoIPool, RoIAlign, RoIPool
from .upsampling import Interpolate, MaxUnpool2d, PixelShuffle, PixelUnshuffle, UnpoolNails, UnpoolNearest

__all__ = [
    "Abs", "AdaptiveAvgPool2d", "AdaptiveMaxPool2d", "AvgPool2d", "BatchNorm", "Clip", "Conv2d", "CropAndResize",
    "CrossEntropy", "Dropout", "Exp", "Interpolate", "LeakyReLU", "Linear", "Log", "LogSoftmax", "MSE", "MaxPool2d",
    "MaxUnpool2d", "PSRoIPool", "PixelShuffle", "PixelUnshuffle", "ReLU", "RoIAlign", "RoIPool", "Sigmoid", "Softmax",
    "Sqrt", "Tanh", "UnpoolNails", "UnpoolNearest", "Where",
]  # fmt: skip
