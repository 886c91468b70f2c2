"""VGG (Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, 2015)."""

from functools import partial

from minidl import functional as F
from minidl import nn

from .alexnet import RESPONSE_NORM
from .layers import CIFAR, IMAGENET, check_images, he_by_outputs, normal_001, scaled, start_weights, three_linear

# The paper's table 1: channels of the 3x3 convolutions ("256/1": 1x1), M where max pooling halves the image.
CONFIGURATIONS = {
    "A": "64 M 128 M 256 256 M 512 512 M 512 512 M",
    "A-LRN": "64 LRN M 128 M 256 256 M 512 512 M 512 512 M",
    "B": "64 64 M 128 128 M 256 256 M 512 512 M 512 512 M",
    "C": "64 64 M 128 128 M 256 256 256/1 M 512 512 512/1 M 512 512 512/1 M",
    "D": "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M",
    "E": "64 64 M 128 128 M 256 256 256 256 M 512 512 512 512 M 512 512 512 512 M",
}
SMALL = "32 M 64 64 M 128 128 M"


class VGG(nn.Module):
    """Stacks of 3x3 convolutions, each stack halved by pooling, then 4096, 4096 and num_classes units.

    Two 3x3 layers see 5x5, three see 7x7, with fewer weights than one large kernel and a relu between.
    configuration: a key of CONFIGURATIONS. batch_norm: after every convolution. width: times all numbers of channels.
    x (N, C, H, W) of 32x32 or more; gives logits (N, num_classes). Names and initial weights are torchvision's.
    """

    def __init__(
        self, configuration="D", num_classes=1000, input_shape=(3, 224, 224), *,
        batch_norm=False, dropout=0.5, width=1.0,
    ):  # fmt: skip
        super().__init__()
        if configuration not in CONFIGURATIONS:
            raise ValueError(f"VGG: configuration must be one of {', '.join(CONFIGURATIONS)}, got {configuration!r}")
        check_images(self, input_shape, least=32)
        self.features = _features(CONFIGURATIONS[configuration], input_shape[0], batch_norm, width)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        channels, units = scaled(width, 512, 4096)
        self.classifier = three_linear(channels * 7 * 7, units, num_classes, dropout)
        _start(self)

    def forward(self, x):
        x = self.features(x)  # 64 x 112 x 112, 128 x 56 x 56, 256 x 28 x 28, 512 x 14 x 14, 512 x 7 x 7
        x = self.avgpool(x)  # 512 x 7 x 7, whatever the size of the image
        return self.classifier(x.flatten(1))


class CifarVGG(nn.Module):
    """The same idea for 32x32: five 3x3 convolutions with batch norm, three poolings, global average, linear.

    width: times all numbers of channels. x (N, C, H, W) of 8x8 or more; gives logits (N, num_classes).
    """

    def __init__(self, num_classes=10, input_shape=(3, 32, 32), *, width=1.0):
        super().__init__()
        check_images(self, input_shape, least=8)
        self.features = _features(SMALL, input_shape[0], True, width)
        self.classifier = nn.Linear(*scaled(width, 128), num_classes)
        _start(self)

    def forward(self, x):
        x = self.features(x)  # 32 x 16 x 16, 64 x 8 x 8, 128 x 4 x 4
        return self.classifier(F.global_avg_pool2d(x))


def _features(configuration, channels, batch_norm, width):
    layers = []
    for entry in configuration.split():
        if entry == "M":
            layers.append(nn.MaxPool2d(2))
        elif entry == "LRN":
            layers.append(nn.LocalResponseNorm(**RESPONSE_NORM))
        else:
            (outputs,), kernel = scaled(width, int(entry.split("/")[0])), 1 if entry.endswith("/1") else 3
            layers.append(nn.Conv2d(channels, outputs, kernel, padding=kernel // 2))
            layers += [nn.BatchNorm2d(outputs), nn.ReLU()] if batch_norm else [nn.ReLU()]
            channels = outputs
    return nn.Sequential(*layers)


def _start(model):
    start_weights(model, nn.Conv2d, he_by_outputs)
    start_weights(model, nn.Linear, normal_001)


def _entry(name, text, batch_norm=False):
    return partial(VGG, name, batch_norm=batch_norm), *IMAGENET, f"Simonyan & Zisserman 2015, {name}: {text}"


MODELS = {
    "vgg11": _entry("A", "8 + 3 layers"),
    "vgg11_bn": _entry("A", "batch norm", True),
    "vgg11_lrn": _entry("A-LRN", "normalized"),
    "vgg13": _entry("B", "10 + 3 layers"),
    "vgg13_bn": _entry("B", "batch norm", True),
    "vgg16_c": _entry("C", "with 1x1 layers"),
    "vgg16": _entry("D", "13 + 3 layers"),
    "vgg16_bn": _entry("D", "batch norm", True),
    "vgg19": _entry("E", "16 + 3 layers"),
    "vgg19_bn": _entry("E", "batch norm", True),
    "vgg_cifar": (CifarVGG, *CIFAR, "VGG in small: 5 + 1 layers, batch norm"),
}
