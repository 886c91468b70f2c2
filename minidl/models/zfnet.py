"""ZFNet (Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, 2014)."""

from minidl import nn

from .alexnet import RESPONSE_NORM
from .layers import IMAGENET, check_images, normal_001, scaled, start_weights, three_linear


class ZFNet(nn.Module):
    """AlexNet in one tower with a finer first layer, 7x7 at stride 2 in the place of 11x11 at stride 4.

    Pictures of what the layers see had shown aliasing and dead filters behind the large stride. channels are those of
    the last three convolutions: 512, 1024, 512 in the best network of the paper's table 3, 384, 384, 256 in figure 3.
    width: times all numbers of channels. x (N, C, 224, 224); gives logits (N, num_classes).
    """

    def __init__(
        self, num_classes=1000, input_shape=(3, 224, 224), *, channels=(512, 1024, 512), dropout=0.5, width=1.0
    ):  # fmt: skip
        super().__init__()
        check_images(self, input_shape, exactly=(224,))
        c1, c2, c3, c4, c5, units = scaled(width, 96, 256, *channels, 4096)
        self.features = nn.Sequential(
            nn.Conv2d(input_shape[0], c1, kernel_size=7, stride=2, padding=1), nn.ReLU(),  # 96 x 110 x 110
            nn.MaxPool2d(3, stride=2, ceil_mode=True),  # 96 x 55 x 55
            nn.LocalResponseNorm(**RESPONSE_NORM),
            nn.Conv2d(c1, c2, kernel_size=5, stride=2), nn.ReLU(),  # 256 x 26 x 26
            nn.MaxPool2d(3, stride=2, ceil_mode=True),  # 256 x 13 x 13
            nn.LocalResponseNorm(**RESPONSE_NORM),
            nn.Conv2d(c2, c3, kernel_size=3, padding=1), nn.ReLU(),  # 512 x 13 x 13
            nn.Conv2d(c3, c4, kernel_size=3, padding=1), nn.ReLU(),  # 1024 x 13 x 13
            nn.Conv2d(c4, c5, kernel_size=3, padding=1), nn.ReLU(),  # 512 x 13 x 13
            nn.MaxPool2d(3, stride=2, ceil_mode=True),  # 512 x 6 x 6
        )  # fmt: skip
        self.classifier = three_linear(c5 * 6 * 6, units, num_classes, dropout)
        start_weights(self, nn.Conv2d | nn.Linear, normal_001)

    def forward(self, x):
        x = self.features(x)  # 512 x 6 x 6
        return self.classifier(x.flatten(1))  # 4096, 4096, 1000


MODELS = {"zfnet": (ZFNet, *IMAGENET, "Zeiler & Fergus 2014: a finer, wider AlexNet")}
