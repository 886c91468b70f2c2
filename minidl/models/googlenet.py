"""GoogLeNet (Szegedy et al., Going Deeper with Convolutions, 2015): modules of four branches, auxiliary classifiers."""

from functools import partial

from minidl import functional as F
from minidl import nn
from minidl.autograd import concatenate

from .layers import IMAGENET, check_images, normal_001, scaled, start_weights


class GoogLeNet(nn.Module):
    """Nine Inception modules after a stem: 6,624,904 parameters, and 6,379,984 more in the auxiliary classifiers.

    As in torchvision: with batch norm, and 3x3 where the paper has 5x5. paper=True is the network of 2014: 5x5, biases
    and no batch norm, local response normalization, auxiliary classifiers that pool by 5x5, dropout of 0.4.

    model(x) gives the logits (N, num_classes), in training too; model.forward_with_aux(x) those of the auxiliary
    classifiers too, and model.loss of that is what training minimizes. aux_logits=False builds none.
    transform_input: turn ImageNet's mean and std, in which x comes, into 0.5 and 0.5, as torchvision's weights expect.
    The first weights are torchvision's, or He's for the paper's network, which names none and has no batch norm.
    width: times all numbers of channels, a multiple of 1/8. x (N, C, H, W) of 15x15 or more, paper: 224x224, or
    without auxiliary classifiers 31x31 or more.
    """

    auxiliary_heads = "aux1.fc2", "aux2.fc2"

    def __init__(
        self, num_classes=1000, input_shape=(3, 224, 224), *,
        paper=False, aux_logits=True, transform_input=False, width=1.0,
    ):  # fmt: skip
        super().__init__()
        if paper and aux_logits:
            check_images(self, input_shape, exactly=(224,), hint="aux_logits=False lets others in")
        check_images(self, input_shape, least=31 if paper else 15)
        check_eighths(width)
        self.aux_logits, self.transform_input = aux_logits, transform_input
        conv = ConvReLU if paper else ConvNormReLU
        module = partial(Inception, width=width, kernel_size=5 if paper else 3, conv=conv)
        c64, c192, c512, c528, c1024 = scaled(width, 64, 192, 512, 528, 1024)
        self.conv1 = conv(input_shape[0], c64, 7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = conv(c64, c64, 1)
        self.conv3 = conv(c64, c192, 3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = module(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = module(256, 128, 128, 192, 32, 96, 64)
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = module(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = module(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = module(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = module(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = module(528, 256, 160, 320, 32, 128, 128)
        self.maxpool4 = nn.MaxPool2d(3 if paper else 2, stride=2, ceil_mode=True)
        self.inception5a = module(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = module(832, 384, 192, 384, 48, 128, 128)
        self.norm = nn.LocalResponseNorm(5) if paper else nn.Identity()
        if aux_logits:
            head = partial(AuxiliaryClassifier, num_classes=num_classes, width=width, conv=conv)
            self.aux1 = head(c512, nn.AvgPool2d(5, stride=3) if paper else nn.AdaptiveAvgPool2d(4))
            self.aux2 = head(c528, nn.AvgPool2d(5, stride=3) if paper else nn.AdaptiveAvgPool2d(4))
        self.dropout = nn.Dropout(0.4 if paper else 0.2)
        self.fc = nn.Linear(c1024, num_classes)
        start_weights(self, nn.Conv2d | nn.Linear, nn.init.he_normal_ if paper else normal_001)

    def features(self, x):
        """The maps after 4a, 4d and 5b, where the three classifiers look."""
        x = from_imagenet(x) if self.transform_input else x
        x = self.norm(self.maxpool1(self.conv1(x)))  # 64 x 56 x 56
        x = self.conv3(self.conv2(x))  # 192 x 56 x 56
        x = self.maxpool2(self.norm(x))  # 192 x 28 x 28
        x = self.inception3b(self.inception3a(x))  # 256 x 28 x 28, 480 x 28 x 28
        x_4a = self.inception4a(self.maxpool3(x))  # 512 x 14 x 14
        x_4c = self.inception4c(self.inception4b(x_4a))  # 512 x 14 x 14
        x_4d = self.inception4d(x_4c)  # 528 x 14 x 14
        x = self.maxpool4(self.inception4e(x_4d))  # 832 x 7 x 7
        x_5b = self.inception5b(self.inception5a(x))  # 832 x 7 x 7, 1024 x 7 x 7
        return x_4a, x_4d, x_5b

    def classify(self, x):
        """Logits from the map after 5b."""
        return self.fc(self.dropout(F.global_avg_pool2d(x)))

    def forward(self, x):
        return self.classify(self.features(x)[-1])

    def forward_with_aux(self, x):
        """All logits, each (N, num_classes): the network's own, then those of the auxiliary classifiers, if any."""
        x_4a, x_4d, x_5b = self.features(x)
        return (self.classify(x_5b), self.aux1(x_4a), self.aux2(x_4d)) if self.aux_logits else (self.classify(x_5b),)

    def loss(self, outputs, targets):
        """Of what forward_with_aux gives: cross-entropy, that of the auxiliary logits with weight 0.3 (section 5)."""
        logits, *auxiliary = outputs
        return F.cross_entropy(logits, targets) + 0.3 * sum(F.cross_entropy(y, targets) for y in auxiliary)


class ConvReLU(nn.Module):
    """relu(conv(x)), as in the paper."""

    def __init__(self, inputs, outputs, kernel_size, stride=1, padding=0):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel_size, stride, padding)

    def forward(self, x):
        return F.relu(self.conv(x))


class ConvNormReLU(nn.Module):
    """relu(bn(conv(x))), as all have it since."""

    def __init__(self, inputs, outputs, kernel_size, stride=1, padding=0):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel_size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class Inception(nn.Module):
    """Four branches side by side: 1x1; 1x1 then 3x3; 1x1 then a larger kernel; 3x3 max pooling then 1x1.

    channels: of the input, then a row of the paper's table 1: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection.
    """

    def __init__(self, *channels, width=1.0, kernel_size=3, conv=ConvNormReLU):
        super().__init__()
        inputs, c1, r3, c3, r5, c5, projection = scaled(width, *channels)
        self.branch1 = conv(inputs, c1, 1)
        self.branch2 = nn.Sequential(conv(inputs, r3, 1), conv(r3, c3, 3, padding=1))
        self.branch3 = nn.Sequential(conv(inputs, r5, 1), conv(r5, c5, kernel_size, padding=kernel_size // 2))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), conv(inputs, projection, 1))

    def forward(self, x):
        return concatenate([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class AuxiliaryClassifier(nn.Module):
    """A classifier halfway, from whose loss the layers before it get a gradient of their own."""

    def __init__(self, inputs, pool, num_classes, width, conv):
        super().__init__()
        c128, c1024 = scaled(width, 128, 1024)
        self.pool = pool
        self.conv = conv(inputs, c128, 1)
        self.fc1 = nn.Linear(c128 * 4 * 4, c1024)
        self.dropout = nn.Dropout(0.7)
        self.fc2 = nn.Linear(c1024, num_classes)

    def forward(self, x):
        x = self.conv(self.pool(x))  # 128 x 4 x 4
        x = self.dropout(F.relu(self.fc1(x.flatten(1))))
        return self.fc2(x)


def check_eighths(width):
    """Raise unless a width leaves all numbers of channels whole: then the branches of a module add up."""
    if scaled(width, 8) != [8 * width]:
        raise ValueError(f"width: expected a multiple of 1/8, so that branches add up to what follows, got {width}")


def from_imagenet(x):
    """Images normalized by ImageNet's mean and std, normalized by 0.5 and 0.5 instead."""
    if x.shape[1] != 3:
        raise ValueError(f"transform_input: ImageNet's statistics are for 3 channels, x has {x.shape[1]}")
    statistics = [(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)]
    return concatenate([x[:, c : c + 1] * (s / 0.5) + (m - 0.5) / 0.5 for c, (m, s) in enumerate(statistics)], 1)


_paper = partial(GoogLeNet, paper=True)
MODELS = {
    "googlenet": (GoogLeNet, *IMAGENET, "Szegedy et al. 2015: 9 modules, batch norm"),
    "googlenet_paper": (_paper, *IMAGENET, "Szegedy et al. 2015: as published, with 5x5"),
}
