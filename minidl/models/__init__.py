"""The architectures of the lectures, one family a file; `create("lenet5")` makes one by name."""

from .googlenet import GoogLeNet
from .googlenet_cifar import CifarGoogLeNet
from .inception import InceptionV3
from .lenet import LeNet5
from .mlp import MLP
from .mobilenet import MobileNetV1, MobileNetV2
from .registry import create, describe, input_shape, names
from .resnet_cifar import CifarResNet

__all__ = [
    "CifarGoogLeNet", "CifarResNet", "GoogLeNet", "InceptionV3", "LeNet5", "MLP", "MobileNetV1", "MobileNetV2",
    "create", "describe", "input_shape", "names",
]  # fmt: skip
