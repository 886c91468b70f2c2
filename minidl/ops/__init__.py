"""The operations of the lectures, one file a topic: each an Op with explicit forward and backward, usable alone."""

from .activation import LeakyReLU, LogSoftmax, ReLU, Sigmoid, Softmax, Tanh
from .convolution import Conv1d, Conv2d
from .dropout import Dropout
from .linear import Linear
from .loss import MSE, CrossEntropy
from .normalization import BatchNorm
from .padding import Pad
from .pointwise import Abs, Clip, Exp, Log, Sqrt, Where
from .pooling import AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, MaxPool2d
from .region import CropAndResize, PSRoIPool, RoIAlign, RoIPool
from .transposed import ConvTranspose1d, ConvTranspose2d
from .unfold import Fold, Unfold
from .upsampling import Interpolate, MaxUnpool2d, PixelShuffle, PixelUnshuffle, UnpoolNails, UnpoolNearest

__all__ = [
    "Abs", "AdaptiveAvgPool2d", "AdaptiveMaxPool2d", "AvgPool2d", "BatchNorm", "Clip", "Conv1d", "Conv2d",
    "ConvTranspose1d", "ConvTranspose2d", "CropAndResize", "CrossEntropy", "Dropout", "Exp", "Fold", "Interpolate",
    "LeakyReLU", "Linear", "Log", "LogSoftmax", "MSE", "MaxPool2d", "MaxUnpool2d", "PSRoIPool", "Pad", "PixelShuffle",
    "PixelUnshuffle", "ReLU", "RoIAlign", "RoIPool", "Sigmoid", "Softmax", "Sqrt", "Tanh", "Unfold", "UnpoolNails",
    "UnpoolNearest", "Where",
]  # fmt: skip
