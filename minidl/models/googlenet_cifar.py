"""Inception modules (Szegedy et al., Going Deeper with Convolutions, 2015) for 32x32 images, with batch norm."""

from minidl import functional as F
from minidl import nn

from .googlenet import Inception, check_eighths
from .layers import CIFAR, check_images, scaled, start_weights


class CifarGoogLeNet(nn.Module):
    """A stem of one convolution, four Inception modules, global average, linear: 211,594 parameters.

    The modules are those of GoogLeNet with about a third of the channels (the numbers are ours), for two cores.
    The first map is pooled before it is normalized, which leaves a quarter of the values to normalize.
    width: times all numbers of channels, a multiple of 1/8.
    x (N, C, H, W) of 8x8 or more; gives logits (N, num_classes).
    """

    def __init__(self, num_classes=10, input_shape=(3, 32, 32), *, width=1.0):
        super().__init__()
        check_images(self, input_shape, least=8)
        check_eighths(width)
        c32, c256 = scaled(width, 32, 256)
        self.conv1 = nn.Conv2d(input_shape[0], c32, 3, padding=1, bias=False)
        self.maxpool1 = nn.MaxPool2d(2)
        self.bn1 = nn.BatchNorm2d(c32)
        self.inception2 = Inception(32, 16, 16, 32, 8, 8, 8, width=width)
        self.maxpool2 = nn.MaxPool2d(2)
        self.inception3a = Inception(64, 32, 32, 64, 8, 16, 16, width=width)
        self.inception3b = Inception(128, 48, 48, 96, 16, 24, 24, width=width)
        self.maxpool3 = nn.MaxPool2d(2)
        self.inception4 = Inception(192, 64, 64, 128, 16, 32, 32, width=width)
        self.fc = nn.Linear(c256, num_classes)
        start_weights(self, nn.Conv2d, nn.init.he_normal_)

    def forward(self, x):
        x = F.relu(self.bn1(self.maxpool1(self.conv1(x))))  # 32 x 16 x 16
        x = self.maxpool2(self.inception2(x))  # 64 x 8 x 8
        x = self.inception3b(self.inception3a(x))  # 128 x 8 x 8, 192 x 8 x 8
        x = self.inception4(self.maxpool3(x))  # 256 x 4 x 4
        return self.fc(F.global_avg_pool2d(x))


MODELS = {"googlenet_cifar": (CifarGoogLeNet, *CIFAR, "GoogLeNet in small: 4 modules")}
