"""AlexNet (Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep CNNs, 2012) and its later form."""

from minidl import nn

from .layers import IMAGENET, check_images, scaled, three_linear

# Section 3.3. The paper's alpha, 1e-4, is not divided by the 5 channels.
RESPONSE_NORM = {"size": 5, "alpha": 5e-4, "beta": 0.75, "k": 2}


class AlexNet2012(nn.Module):
    """The network of the paper: its two GPUs are two groups in three of five convolutions; 60,965,224 parameters.

    Neighbouring channels compete in local response normalization; the windows of max pooling overlap.
    width: times all numbers of channels. x (N, C, 227, 227); gives logits (N, num_classes).
    """

    def __init__(self, num_classes=1000, input_shape=(3, 227, 227), *, dropout=0.5, width=1.0):
        super().__init__()
        check_images(self, input_shape, exactly=(227,))
        (units,) = scaled(width, 4096)
        c1, c2, c3 = (2 * channels for channels in scaled(width, 48, 128, 192))  # of two groups
        self.features = nn.Sequential(
            nn.Conv2d(input_shape[0], c1, kernel_size=11, stride=4), nn.ReLU(),  # 96 x 55 x 55
            nn.LocalResponseNorm(**RESPONSE_NORM),
            nn.MaxPool2d(3, stride=2),  # 96 x 27 x 27
            nn.Conv2d(c1, c2, kernel_size=5, padding=2, groups=2), nn.ReLU(),  # 256 x 27 x 27
            nn.LocalResponseNorm(**RESPONSE_NORM),
            nn.MaxPool2d(3, stride=2),  # 256 x 13 x 13
            nn.Conv2d(c2, c3, kernel_size=3, padding=1), nn.ReLU(),  # 384 x 13 x 13
            nn.Conv2d(c3, c3, kernel_size=3, padding=1, groups=2), nn.ReLU(),  # 384 x 13 x 13
            nn.Conv2d(c3, c2, kernel_size=3, padding=1, groups=2), nn.ReLU(),  # 256 x 13 x 13
            nn.MaxPool2d(3, stride=2),  # 256 x 6 x 6
        )  # fmt: skip
        self.classifier = three_linear(c2 * 6 * 6, units, num_classes, dropout)
        _start(self)

    def forward(self, x):
        x = self.features(x)  # 256 x 6 x 6
        return self.classifier(x.flatten(1))  # 4096, 4096, 1000


def _start(model):
    """Section 5: weights normal with 0.01; the biases of conv2, conv4, conv5, fc6 and fc7 at 1, the others at 0."""
    layers = [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    for layer, bias in zip(layers, (0, 1, 0, 1, 1, 1, 1, 0), strict=True):
        nn.init.normal_(layer.weight, std=0.01)
        nn.init.constant_(layer.bias, bias)


class AlexNet(nn.Module):
    """AlexNet as torchvision publishes it, after Krizhevsky 2014: one tower, no normalization; 61,100,840 parameters.

    width: times all numbers of channels. x (N, C, H, W) of 63x63 or more; gives logits (N, num_classes).
    """

    def __init__(self, num_classes=1000, input_shape=(3, 224, 224), *, dropout=0.5, width=1.0):
        super().__init__()
        check_images(self, input_shape, least=63)
        c1, c2, c3, c4, units = scaled(width, 64, 192, 384, 256, 4096)
        self.features = nn.Sequential(
            nn.Conv2d(input_shape[0], c1, kernel_size=11, stride=4, padding=2), nn.ReLU(),  # 64 x 55 x 55
            nn.MaxPool2d(3, stride=2),  # 64 x 27 x 27
            nn.Conv2d(c1, c2, kernel_size=5, padding=2), nn.ReLU(),  # 192 x 27 x 27
            nn.MaxPool2d(3, stride=2),  # 192 x 13 x 13
            nn.Conv2d(c2, c3, kernel_size=3, padding=1), nn.ReLU(),  # 384 x 13 x 13
            nn.Conv2d(c3, c4, kernel_size=3, padding=1), nn.ReLU(),  # 256 x 13 x 13
            nn.Conv2d(c4, c4, kernel_size=3, padding=1), nn.ReLU(),  # 256 x 13 x 13
            nn.MaxPool2d(3, stride=2),  # 256 x 6 x 6
        )  # fmt: skip
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(c4 * 6 * 6, units), nn.ReLU(),
            nn.Dropout(dropout), nn.Linear(units, units), nn.ReLU(),
            nn.Linear(units, num_classes),
        )  # fmt: skip

    def forward(self, x):
        x = self.features(x)  # 256 x 6 x 6
        x = self.avgpool(x)  # 256 x 6 x 6, whatever the size of the image
        return self.classifier(x.flatten(1))  # 4096, 4096, 1000


MODELS = {
    "alexnet2012": (AlexNet2012, (3, 227, 227), 1000, "Krizhevsky et al. 2012: 5 + 3 layers, groups"),
    "alexnet": (AlexNet, *IMAGENET, "Krizhevsky 2014: one tower, as in torchvision"),
}
