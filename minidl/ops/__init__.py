"""The operations of the lectures, one file a topic: each an Op with explicit forward and backward, usable alone."""

from .activation import LeakyReLU, LogSoftmax, Maxout, PReLU, ReLU, ReLU6, Sigmoid, Softmax, Tanh
from .activation_smooth import ELU, GELU, SELU, SiLU, Softplus
from .convolution import Conv1d, Conv2d
from .dropout import Dropout, Dropout2d, StochasticDepth
from .linear import Linear
from .loss_classification import NLL, CrossEntropy, Hinge, MultiMargin
from .loss_metric import Contrastive, CosineSimilarity, TripletMargin
from .loss_probability import BCEWithLogits, Dice, KLDiv, SigmoidFocal
from .loss_regression import L1, MSE, Huber, SmoothL1
from .normalization import BatchNorm, GroupNorm, LayerNorm
from .normalization_local import LocalResponseNorm
from .padding import Pad
from .pointwise import Abs, Clip, Exp, Log, Sqrt, Where
from .pooling import AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, MaxPool2d
from .region import CropAndResize, PSRoIPool, RoIAlign, RoIPool
from .transposed import ConvTranspose1d, ConvTranspose2d
from .unfold import Fold, Unfold
from .upsampling import Interpolate, MaxUnpool2d, PixelShuffle, PixelUnshuffle, UnpoolNails, UnpoolNearest

__all__ = [
    "Abs", "AdaptiveAvgPool2d", "AdaptiveMaxPool2d", "AvgPool2d", "BCEWithLogits", "BatchNorm", "Clip", "Contrastive",
    "Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d", "CosineSimilarity", "CropAndResize", "CrossEntropy",
    "Dice", "Dropout", "Dropout2d", "ELU", "Exp", "Fold", "GELU", "GroupNorm", "Hinge", "Huber", "Interpolate", "KLDiv",
    "L1", "LayerNorm", "LeakyReLU", "Linear", "LocalResponseNorm", "Log", "LogSoftmax", "MSE", "MaxPool2d",
    "MaxUnpool2d", "Maxout", "MultiMargin", "NLL", "PReLU", "PSRoIPool", "Pad", "PixelShuffle", "PixelUnshuffle",
    "ReLU", "ReLU6", "RoIAlign", "RoIPool", "SELU", "SiLU", "Sigmoid", "SigmoidFocal", "SmoothL1", "Softmax",
    "Softplus", "Sqrt", "StochasticDepth", "Tanh", "TripletMargin", "Unfold", "UnpoolNails", "UnpoolNearest", "Where",
]  # fmt: skip
