"""The operations of the lectures, one file a topic: each an Op with explicit forward and backward, usable alone."""

from .activation import LeakyReLU, LogSoftmax, ReLU, Sigmoid, Softmax, Tanh
from .convolution import Conv2d
from .dropout import Dropout
from .linear import Linear
from .loss_classification import NLL, CrossEntropy, Hinge, MultiMargin
from .loss_metric import Contrastive, CosineSimilarity, TripletMargin
from .loss_probability import BCEWithLogits, Dice, KLDiv, SigmoidFocal
from .loss_regression import L1, MSE, Huber, SmoothL1
from .normalization import BatchNorm
from .pointwise import Abs, Clip, Exp, Log, Sqrt, Where
from .pooling import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d

__all__ = [
    "Abs", "AdaptiveAvgPool2d", "AvgPool2d", "BCEWithLogits", "BatchNorm", "Clip", "Contrastive", "Conv2d",
    "CosineSimilarity", "CrossEntropy", "Dice", "Dropout", "Exp", "Hinge", "Huber", "KLDiv", "L1", "LeakyReLU",
    "Linear", "Log", "LogSoftmax", "MSE", "MaxPool2d", "MultiMargin", "NLL", "ReLU", "Sigmoid", "SigmoidFocal",
    "SmoothL1", "Softmax", "Sqrt", "Tanh", "TripletMargin", "Where",
]  # fmt: skip
