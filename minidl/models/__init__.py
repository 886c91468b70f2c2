"""The architectures of the lectures, one family a file; `create("lenet5")` makes one by name."""

from .densenet import CifarDenseNet, DenseNet
from .lenet import LeNet5
from .mlp import MLP
from .registry import create, describe, input_shape, names
from .resnet import ResNet
from .resnet_cifar import CifarResNet
from .resnet_preactivation import CifarPreactivationResNet, PreactivationResNet
from .resnext_cifar import CifarResNeXt
from .squeezenet import SqueezeNet

__all__ = [
    "CifarDenseNet", "CifarPreactivationResNet", "CifarResNeXt", "CifarResNet", "DenseNet", "LeNet5", "MLP",
    "PreactivationResNet", "ResNet", "SqueezeNet", "create", "describe", "input_shape", "names",
]  # fmt: skip
