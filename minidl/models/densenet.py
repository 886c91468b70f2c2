"""DenseNet (Huang, Liu, van der Maaten and Weinberger, Densely Connected Convolutional Networks, 2017)."""

import re
from collections import OrderedDict
from functools import partial

from minidl import functional as F
from minidl import nn
from minidl.autograd import concatenate

from .layers import CIFAR, IMAGENET, check_images, scaled, start_weights


class DenseNet(nn.Module):
    """A 7x7 convolution, max pooling, four dense blocks with transitions between them, global average, linear.

    layers: how many each block has; growth: how many channels a layer adds (k in the paper).
    stem_stride: of a 3x3 convolution in the place of the 7x7 and the pooling. width: times all numbers of channels.
    x (N, C, H, W) of 29x29 or more with four blocks; gives logits (N, num_classes).
    """

    def __init__(
        self, layers=(6, 12, 24, 16), num_classes=1000, input_shape=(3, 224, 224), *,
        growth=32, stem_stride=None, width=1.0,
    ):  # fmt: skip
        super().__init__()
        smallest = 2 ** (len(layers) - 1)  # behind the stem: each transition halves it
        check_images(self, input_shape, least=(smallest - 1) * (stem_stride or 4) + 1)
        (growth,) = scaled(width, growth)
        channels = 2 * growth
        self.features = nn.Sequential(OrderedDict(stem(input_shape[0], channels, stem_stride)))
        for i, count in enumerate(layers, start=1):
            if i > 1:
                setattr(self.features, f"transition{i - 1}", transition(channels))
                channels //= 2
            setattr(self.features, f"denseblock{i}", dense_block(channels, count, growth))
            channels += count * growth
        setattr(self.features, f"norm{len(layers) + 1}", nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, num_classes)
        nn.init.zeros_(self.classifier.bias)
        start_weights(self, nn.Conv2d, nn.init.he_normal_)

    def forward(self, x):
        x = self.features(x)  # the blocks: 256 x 56 x 56, 512 x 28 x 28, 1024 x 14 x 14, 1024 x 7 x 7
        return self.classifier(F.global_avg_pool2d(F.relu(x)))

    @staticmethod
    def published_key(key):
        """The name here of what is called `key` in published files, older than torchvision's code, which say norm.1.

        >>> DenseNet.published_key("features.denseblock1.denselayer2.norm.1.weight")
        'features.denseblock1.denselayer2.norm1.weight'
        """
        return re.sub(r"(denselayer\d+\.(?:norm|relu|conv))\.(\d)", r"\1\2", key)


class CifarDenseNet(DenseNet):
    """For 32x32 images: a 3x3 convolution for the stem, and three blocks; 16 layers in each are DenseNet-BC-100.

    stem_stride: of that convolution; 2 makes everything after it four times cheaper.
    """

    def __init__(
        self, layers=(16, 16, 16), num_classes=10, input_shape=(3, 32, 32), *, growth=12, stem_stride=1, width=1.0
    ):  # fmt: skip
        super().__init__(layers, num_classes, input_shape, growth=growth, stem_stride=stem_stride, width=width)


def stem(inputs, channels, stride):
    """(name, module) of what comes before the first block: for images of 224x224, or of 32x32 with a stride."""
    if stride is not None:
        yield "conv0", nn.Conv2d(inputs, channels, kernel_size=3, stride=stride, padding=1, bias=False)
        return
    yield "conv0", nn.Conv2d(inputs, channels, kernel_size=7, stride=2, padding=3, bias=False)  # 64 x 112 x 112
    yield "norm0", nn.BatchNorm2d(channels)
    yield "relu0", nn.ReLU()
    yield "pool0", nn.MaxPool2d(3, stride=2, padding=1)  # 64 x 56 x 56


def dense_block(channels, count, growth):
    """`count` layers, each of which sees what all those before it gave."""
    layers = [(f"denselayer{i + 1}", DenseLayer(channels + i * growth, growth)) for i in range(count)]
    return nn.Sequential(OrderedDict(layers))


class DenseLayer(nn.Module):
    """x and, as `growth` more channels, F(x): 1x1 to 4 growth, 3x3 to growth, batch norm and relu before both."""

    def __init__(self, inputs, growth):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, 4 * growth, kernel_size=1, bias=False)
        self.norm2 = nn.BatchNorm2d(4 * growth)
        self.conv2 = nn.Conv2d(4 * growth, growth, kernel_size=3, padding=1, bias=False)

    def forward(self, x):
        y = self.conv1(F.relu(self.norm1(x)))
        y = self.conv2(F.relu(self.norm2(y)))
        return concatenate([x, y], 1)


def transition(channels):
    """Half the channels, half the size."""
    return nn.Sequential(
        OrderedDict(
            norm=nn.BatchNorm2d(channels),
            relu=nn.ReLU(),
            conv=nn.Conv2d(channels, channels // 2, kernel_size=1, bias=False),
            pool=nn.AvgPool2d(2),
        )
    )


_small = partial(CifarDenseNet, (4, 6, 4), growth=16, stem_stride=2)
BLOCKS = {121: (6, 12, 24, 16), 169: (6, 12, 32, 32), 201: (6, 12, 48, 32)}
MODELS = {
    **{
        f"densenet{depth}": (partial(DenseNet, BLOCKS[depth]), *IMAGENET, f"Huang et al. 2017: {depth} layers, dense")
        for depth in BLOCKS
    },
    "densenet_cifar": (_small, *CIFAR, "DenseNet in small: 32 layers"),
}
