"""SqueezeNet (Iandola et al., SqueezeNet: AlexNet-level accuracy with 50x fewer parameters, 2016)."""

from functools import partial

from minidl import functional as F
from minidl import nn
from minidl.autograd import concatenate

from .layers import IMAGENET, check_images, scaled, start_weights

# Channels and kernel of the first convolution; then how many channels each fire module squeezes to, and the pooling.
VERSIONS = {
    "1.0": (
        (96, 7),  # 96 x 109 x 109
        ("pool", 16, 16, 32),  # 54 x 54, with 128, 128, 256 channels
        ("pool", 32, 48, 48, 64),  # 27 x 27, with 256, 384, 384, 512
        ("pool", 64),  # 512 x 13 x 13
    ),
    "1.1": (
        (64, 3),  # 64 x 111 x 111
        ("pool", 16, 16),  # 128 x 55 x 55
        ("pool", 32, 32),  # 256 x 27 x 27
        ("pool", 48, 48, 64, 64),  # 13 x 13, with 384, 384, 512, 512 channels
    ),
}


class SqueezeNet(nn.Module):
    """A convolution, eight fire modules with pooling between them, a 1x1 convolution to the classes, average.

    version: "1.0" is the paper's, with 1,248,424 weights; "1.1" pools earlier and takes 2.4 times fewer multiply-adds.
    dropout: before the last convolution. width: times all numbers of channels.
    x (N, C, H, W) of 21x21 or more (1.1: 17x17); gives logits (N, num_classes).
    """

    def __init__(self, version="1.0", num_classes=1000, input_shape=(3, 224, 224), *, dropout=0.5, width=1.0):
        super().__init__()
        if version not in VERSIONS:
            raise ValueError(f"SqueezeNet: version must be '1.0' or '1.1', got {version!r}")
        (channels, kernel), *stages = VERSIONS[version]
        check_images(self, input_shape, least=21 if version == "1.0" else 17)
        (channels,) = scaled(width, channels)
        self.features = nn.Sequential(nn.Conv2d(input_shape[0], channels, kernel, stride=2), nn.ReLU())
        for layer in sum(stages, ()):
            if layer == "pool":
                self.features.append(nn.MaxPool2d(3, stride=2, ceil_mode=True))
            else:
                fire = Fire(channels, *scaled(width, layer))
                self.features.append(fire)
                channels = fire.channels
        last = nn.Conv2d(channels, num_classes, kernel_size=1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), last, nn.ReLU())  # 1000 x 13 x 13
        start_weights(self, nn.Conv2d, nn.init.he_uniform_)
        nn.init.normal_(last.weight, std=0.01)

    def forward(self, x):
        return F.global_avg_pool2d(self.classifier(self.features(x)))


class Fire(nn.Module):
    """A 1x1 convolution to few channels, then 1x1 and 3x3 ones side by side: 8 times as many, half from each."""

    def __init__(self, inputs, squeezed):
        super().__init__()
        self.channels = 8 * squeezed
        self.squeeze = nn.Conv2d(inputs, squeezed, kernel_size=1)
        self.expand1x1 = nn.Conv2d(squeezed, self.channels // 2, kernel_size=1)
        self.expand3x3 = nn.Conv2d(squeezed, self.channels // 2, kernel_size=3, padding=1)

    def forward(self, x):
        x = F.relu(self.squeeze(x))
        return F.relu(concatenate([self.expand1x1(x), self.expand3x3(x)], 1))


MODELS = {
    "squeezenet1_0": (partial(SqueezeNet, "1.0"), *IMAGENET, "Iandola et al. 2016: fire modules"),
    "squeezenet1_1": (partial(SqueezeNet, "1.1"), *IMAGENET, "Iandola et al. 2016: pooled earlier, cheaper"),
}
