"""The architectures of the lectures, one family a file; `create("lenet5")` makes one by name."""

from .alexnet import AlexNet, AlexNet2012
from .alphago import AlphaGoPolicy
from .highway import Highway
from .lenet import LeNet5
from .mlp import MLP
from .nin import NiN
from .overfeat import OverFeat
from .registry import create, describe, input_shape, names
from .resnet_cifar import CifarResNet
from .vgg import VGG, CifarVGG
from .zfnet import ZFNet

__all__ = [
    "AlexNet", "AlexNet2012", "AlphaGoPolicy", "CifarResNet", "CifarVGG", "Highway", "LeNet5", "MLP", "NiN", "OverFeat",
    "VGG", "ZFNet", "create", "describe", "input_shape", "names",
]  # fmt: skip
