"""The architectures of the lectures, one family a file; `create("lenet5")` makes one by name."""

from .efficientnet import EfficientNetLite
from .lenet import LeNet5
from .mlp import MLP
from .registry import create, describe, input_shape, names
from .resnet_cifar import CifarResNet

__all__ = ["CifarResNet", "EfficientNetLite", "LeNet5", "MLP", "create", "describe", "input_shape", "names"]
