"""Inception v3 (Szegedy et al., Rethinking the Inception Architecture for Computer Vision, 2016).

Names are torchvision's. Large kernels are taken apart: 5x5 into two 3x3, and 7x7 into 1x7 and 7x1, 14 weights for 49.
"""

from functools import partial

from minidl import functional as F
from minidl import nn
from minidl.autograd import concatenate

from .googlenet import ConvNormReLU, check_eighths, from_imagenet
from .layers import check_images, scaled, start_weights


class InceptionV3(nn.Module):
    """Eleven modules after a stem: 23,834,568 parameters, and 3,326,696 more in the auxiliary classifier.

    model(x) gives the logits (N, num_classes), in training too; model.forward_with_aux(x) those of the auxiliary
    classifier too, and model.loss of that is what training minimizes. aux_logits=False builds none.
    transform_input: turn ImageNet's mean and std, in which x comes, into 0.5 and 0.5, as torchvision's weights expect.
    width: times all numbers of channels, a multiple of 1/8.
    x (N, C, H, W) of 299x299 or more, without the auxiliary classifier of 75x75 or more.
    """

    auxiliary_heads = ("AuxLogits.fc",)

    def __init__(
        self, num_classes=1000, input_shape=(3, 299, 299), *, aux_logits=True, transform_input=False, width=1.0
    ):  # fmt: skip
        super().__init__()
        if aux_logits:
            check_images(self, input_shape, least=299, hint="enlarge them, or aux_logits=False takes 75x75 or more")
        check_images(self, input_shape, least=75)
        check_eighths(width)
        self.aux_logits, self.transform_input = aux_logits, transform_input
        c32, c64, c80, c192, c2048 = scaled(width, 32, 64, 80, 192, 2048)
        self.Conv2d_1a_3x3 = ConvNormReLU(input_shape[0], c32, 3, stride=2)
        self.Conv2d_2a_3x3 = ConvNormReLU(c32, c32, 3)
        self.Conv2d_2b_3x3 = ConvNormReLU(c32, c64, 3, padding=1)
        self.maxpool1 = nn.MaxPool2d(3, stride=2)
        self.Conv2d_3b_1x1 = ConvNormReLU(c64, c80, 1)
        self.Conv2d_4a_3x3 = ConvNormReLU(c80, c192, 3)
        self.maxpool2 = nn.MaxPool2d(3, stride=2)
        self.Mixed_5b = InceptionA(192, 32, width)
        self.Mixed_5c = InceptionA(256, 64, width)
        self.Mixed_5d = InceptionA(288, 64, width)
        self.Mixed_6a = InceptionB(288, width)
        self.Mixed_6b = InceptionC(128, width)
        self.Mixed_6c = InceptionC(160, width)
        self.Mixed_6d = InceptionC(160, width)
        self.Mixed_6e = InceptionC(192, width)
        if aux_logits:
            self.AuxLogits = AuxiliaryClassifier(num_classes, width)
        self.Mixed_7a = InceptionD(width)
        self.Mixed_7b = InceptionE(1280, width)
        self.Mixed_7c = InceptionE(2048, width)
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(c2048, num_classes)
        _start(self)

    def features(self, x):
        """The maps after 6e and 7c, where the two classifiers look."""
        x = from_imagenet(x) if self.transform_input else x
        x = self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))  # 32 x 149 x 149, 32 x 147 x 147
        x = self.maxpool1(self.Conv2d_2b_3x3(x))  # 64 x 73 x 73
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x))  # 80 x 73 x 73, 192 x 71 x 71
        x = self.maxpool2(x)  # 192 x 35 x 35
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))  # 256, then twice 288 x 35 x 35
        x = self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))  # 768 x 17 x 17
        x_6e = self.Mixed_6e(self.Mixed_6d(x))  # 768 x 17 x 17
        x_7c = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x_6e)))  # 1280, then twice 2048 x 8 x 8
        return x_6e, x_7c

    def classify(self, x):
        """Logits from the map after 7c."""
        return self.fc(self.dropout(F.global_avg_pool2d(x)))

    def forward(self, x):
        return self.classify(self.features(x)[-1])

    def forward_with_aux(self, x):
        """All logits, each (N, num_classes): the network's own, then those of the auxiliary classifier, if any."""
        x_6e, x_7c = self.features(x)
        return (self.classify(x_7c), self.AuxLogits(x_6e)) if self.aux_logits else (self.classify(x_7c),)

    def loss(self, outputs, targets):
        """Of what forward_with_aux gives: cross-entropy, that of the auxiliary logits with weight 0.4."""
        logits, *auxiliary = outputs
        return F.cross_entropy(logits, targets) + 0.4 * sum(F.cross_entropy(y, targets) for y in auxiliary)


class InceptionA(nn.Module):
    """At 35x35: 1x1; 5x5; 3x3 twice; average."""

    def __init__(self, inputs, projection, width):
        super().__init__()
        conv = partial(_conv, width=width)
        self.branch1x1 = conv(inputs, 64, 1)
        self.branch5x5_1 = conv(inputs, 48, 1)
        self.branch5x5_2 = conv(48, 64, 5)
        self.branch3x3dbl_1 = conv(inputs, 64, 1)
        self.branch3x3dbl_2 = conv(64, 96, 3)
        self.branch3x3dbl_3 = conv(96, 96, 3)
        self.avgpool = nn.AvgPool2d(3, stride=1, padding=1)
        self.branch_pool = conv(inputs, projection, 1)

    def forward(self, x):
        y1 = self.branch1x1(x)
        y5 = self.branch5x5_2(self.branch5x5_1(x))
        y3 = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return concatenate([y1, y5, y3, self.branch_pool(self.avgpool(x))], 1)


class InceptionB(nn.Module):
    """From 35x35 to 17x17: 3x3; 3x3 twice; max pooling."""

    def __init__(self, inputs, width):
        super().__init__()
        conv = partial(_conv, width=width)
        self.branch3x3 = conv(inputs, 384, 3, stride=2)
        self.branch3x3dbl_1 = conv(inputs, 64, 1)
        self.branch3x3dbl_2 = conv(64, 96, 3)
        self.branch3x3dbl_3 = conv(96, 96, 3, stride=2)
        self.maxpool = nn.MaxPool2d(3, stride=2)

    def forward(self, x):
        y3 = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return concatenate([self.branch3x3(x), y3, self.maxpool(x)], 1)


class InceptionC(nn.Module):
    """At 17x17: 1x1; 7x7 as 1x7 and 7x1; 7x7 twice; average."""

    def __init__(self, channels, width):
        super().__init__()
        conv = partial(_conv, width=width)
        self.branch1x1 = conv(768, 192, 1)
        self.branch7x7_1 = conv(768, channels, 1)
        self.branch7x7_2 = conv(channels, channels, (1, 7))
        self.branch7x7_3 = conv(channels, 192, (7, 1))
        self.branch7x7dbl_1 = conv(768, channels, 1)
        self.branch7x7dbl_2 = conv(channels, channels, (7, 1))
        self.branch7x7dbl_3 = conv(channels, channels, (1, 7))
        self.branch7x7dbl_4 = conv(channels, channels, (7, 1))
        self.branch7x7dbl_5 = conv(channels, 192, (1, 7))
        self.avgpool = nn.AvgPool2d(3, stride=1, padding=1)
        self.branch_pool = conv(768, 192, 1)

    def forward(self, x):
        y7 = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        y13 = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        y13 = self.branch7x7dbl_5(self.branch7x7dbl_4(y13))
        return concatenate([self.branch1x1(x), y7, y13, self.branch_pool(self.avgpool(x))], 1)


class InceptionD(nn.Module):
    """From 17x17 to 8x8: 3x3; 7x7 then 3x3; max pooling."""

    def __init__(self, width):
        super().__init__()
        conv = partial(_conv, width=width)
        self.branch3x3_1 = conv(768, 192, 1)
        self.branch3x3_2 = conv(192, 320, 3, stride=2)
        self.branch7x7x3_1 = conv(768, 192, 1)
        self.branch7x7x3_2 = conv(192, 192, (1, 7))
        self.branch7x7x3_3 = conv(192, 192, (7, 1))
        self.branch7x7x3_4 = conv(192, 192, 3, stride=2)
        self.maxpool = nn.MaxPool2d(3, stride=2)

    def forward(self, x):
        y3 = self.branch3x3_2(self.branch3x3_1(x))
        y7 = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return concatenate([y3, y7, self.maxpool(x)], 1)


class InceptionE(nn.Module):
    """At 8x8, wide: 1x1; 1x3 beside 3x1; 3x3, then 1x3 beside 3x1; average."""

    def __init__(self, inputs, width):
        super().__init__()
        conv = partial(_conv, width=width)
        self.branch1x1 = conv(inputs, 320, 1)
        self.branch3x3_1 = conv(inputs, 384, 1)
        self.branch3x3_2a = conv(384, 384, (1, 3))
        self.branch3x3_2b = conv(384, 384, (3, 1))
        self.branch3x3dbl_1 = conv(inputs, 448, 1)
        self.branch3x3dbl_2 = conv(448, 384, 3)
        self.branch3x3dbl_3a = conv(384, 384, (1, 3))
        self.branch3x3dbl_3b = conv(384, 384, (3, 1))
        self.avgpool = nn.AvgPool2d(3, stride=1, padding=1)
        self.branch_pool = conv(inputs, 192, 1)

    def forward(self, x):
        y3 = self.branch3x3_1(x)
        y5 = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        y = [self.branch1x1(x), self.branch3x3_2a(y3), self.branch3x3_2b(y3)]
        y += [self.branch3x3dbl_3a(y5), self.branch3x3dbl_3b(y5), self.branch_pool(self.avgpool(x))]
        return concatenate(y, 1)


class AuxiliaryClassifier(nn.Module):
    """A classifier halfway, which regularizes more than it helps the gradient (section 4)."""

    def __init__(self, num_classes, width):
        super().__init__()
        c128, c768 = scaled(width, 128, 768)
        self.avgpool = nn.AvgPool2d(5, stride=3)
        self.conv0 = ConvNormReLU(c768, c128, 1)
        self.conv1 = ConvNormReLU(c128, c768, 5)
        self.fc = nn.Linear(c768, num_classes)

    def forward(self, x):
        x = self.conv0(self.avgpool(x))  # 128 x 5 x 5
        x = self.conv1(x)  # 768 x 1 x 1
        return self.fc(F.global_avg_pool2d(x))


def _conv(inputs, outputs, kernel_size, stride=1, width=1.0):
    """A layer of a module: at stride 1 it keeps the size."""
    return ConvNormReLU(*scaled(width, inputs, outputs), kernel_size, stride, "same" if stride == 1 else 0)


def _start(model):
    """Normal, as torchvision: 0.1, and in the auxiliary classifier's last two layers 0.01 and 0.001."""
    start_weights(model, nn.Conv2d | nn.Linear, partial(nn.init.normal_, std=0.1))
    if model.aux_logits:
        nn.init.normal_(model.AuxLogits.conv1.conv.weight, std=0.01)
        nn.init.normal_(model.AuxLogits.fc.weight, std=0.001)


MODELS = {"inception_v3": (InceptionV3, (3, 299, 299), 1000, "Szegedy et al. 2016: 7x7 as 1x7 and 7x1")}
