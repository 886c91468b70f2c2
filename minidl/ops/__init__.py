"""The operations of the lectures, one file a topic: each an Op with explicit forward and backward, usable alone."""

from .activation import LeakyReLU, LogSoftmax, ReLU, Sigmoid, Softmax, Tanh
from .convolution import Conv2d
from .dropout import Dropout
from .linear import Linear
from .loss import MSE, CrossEntropy
from .normalization import BatchNorm
from .pooling import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d

__all__ = [
    "MSE", "AdaptiveAvgPool2d", "AvgPool2d", "BatchNorm", "Conv2d", "CrossEntropy", "Dropout", "LeakyReLU", "Linear",
    "LogSoftmax", "MaxPool2d", "ReLU", "Sigmoid", "Softmax", "Tanh",
]  # fmt: skip
