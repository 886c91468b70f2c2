"""The operations of the lectures, one file a topic: each an Op with explicit forward and backward, usable alone."""

from .activation import LeakyReLU, LogSoftmax, ReLU, Sigmoid, Softmax, Tanh
from .convolution import Conv1d, Conv2d
from .dropout import Dropout
from .linear import Linear
from .loss import MSE, CrossEntropy
from .normalization import BatchNorm
from .padding import Pad
from .pointwise import Abs, Clip, Exp, Log, Sqrt, Where
from .pooling import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d
from .transposed import ConvTranspose1d, ConvTranspose2d
from .unfold import Fold, Unfold

__all__ = [
    "Abs", "AdaptiveAvgPool2d", "AvgPool2d", "BatchNorm", "Clip", "Conv1d", "Conv2d", "ConvTranspose1d",
    "ConvTranspose2d", "CrossEntropy", "Dropout", "Exp", "Fold", "LeakyReLU", "Linear", "Log", "LogSoftmax", "MSE",
    "MaxPool2d", "Pad", "ReLU", "Sigmoid", "Softmax", "Sqrt", "Tanh", "Unfold", "Where",
]  # fmt: skip
