"""The architectures of the lectures, one family a file; `create("lenet5")` makes one by name."""

from .alexnet import AlexNet, AlexNet2012
from .alphago import AlphaGoPolicy
from .convolutionize import convolutionize
from .densenet import CifarDenseNet, DenseNet
from .efficientnet import EfficientNetLite
from .googlenet import GoogLeNet
from .googlenet_cifar import CifarGoogLeNet
from .head import head_of, replace_head
from .highway import Highway
from .inception import InceptionV3
from .lenet import LeNet5
from .mlp import MLP
from .mobilenet import MobileNetV1, MobileNetV2
from .nin import NiN
from .overfeat import OverFeat, multi_scale_scores
from .pretrained import load_pretrained
from .published import fetch_weights, preprocessing
from .registry import create, describe, input_shape, names, num_classes
from .resnet import ResNet
from .resnet_cifar import CifarResNet
from .resnet_preactivation import CifarPreactivationResNet, PreactivationResNet
from .resnext_cifar import CifarResNeXt
from .squeezenet import SqueezeNet
from .vgg import VGG, CifarVGG
from .zfnet import ZFNet

__all__ = [
    "AlexNet", "AlexNet2012", "AlphaGoPolicy", "CifarDenseNet", "CifarGoogLeNet", "CifarPreactivationResNet",
    "CifarResNeXt", "CifarResNet", "CifarVGG", "DenseNet", "EfficientNetLite", "GoogLeNet", "Highway", "InceptionV3",
    "LeNet5", "MLP", "MobileNetV1", "MobileNetV2", "NiN", "OverFeat", "PreactivationResNet", "ResNet", "SqueezeNet",
    "VGG", "ZFNet", "convolutionize", "create", "describe", "fetch_weights", "head_of", "input_shape",
    "load_pretrained", "multi_scale_scores", "names", "num_classes", "preprocessing", "replace_head",
]  # fmt: skip
