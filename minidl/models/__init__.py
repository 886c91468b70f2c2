"""The architectures of the lectures, one family a file; `create("lenet5")` makes one by name."""

from .densenet import CifarDenseNet, DenseNet
from .efficientnet import EfficientNetLite
from .googlenet import GoogLeNet
from .googlenet_cifar import CifarGoogLeNet
from .inception import InceptionV3
from .lenet import LeNet5
from .mlp import MLP
from .mobilenet import MobileNetV1, MobileNetV2
from .pretrained import load_pretrained
from .published import fetch_weights, preprocessing
from .registry import create, describe, input_shape, names, num_classes
from .resnet import ResNet
from .resnet_cifar import CifarResNet
from .resnet_preactivation import CifarPreactivationResNet, PreactivationResNet
from .resnext_cifar import CifarResNeXt
from .squeezenet import SqueezeNet

__all__ = [
    "CifarDenseNet", "CifarGoogLeNet", "CifarPreactivationResNet", "CifarResNeXt", "CifarResNet", "DenseNet",
    "EfficientNetLite", "GoogLeNet", "InceptionV3", "LeNet5", "MLP", "MobileNetV1", "MobileNetV2",
    "PreactivationResNet", "ResNet", "SqueezeNet", "create", "describe", "fetch_weights", "input_shape",
    "load_pretrained", "names", "num_classes", "preprocessing",
]  # fmt: skip
