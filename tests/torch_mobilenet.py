"""MobileNets of PyTorch's layers, from the tables of the two papers; names as in torchvision."""

from torch import nn


def layer(inputs, outputs, kernel, stride=1, groups=1, relu=nn.ReLU6):
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=(kernel - 1) // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), relu())


class MobileNetV1(nn.Module):
    """Howard et al. 2017, table 1: channels of the 1x1 and stride of the 3x3 before it, block by block."""

    def __init__(self, table, stem, stride, classes):
        super().__init__()
        blocks, channels = [layer(3, stem, 3, stride, relu=nn.ReLU)], stem
        for outputs, step in table:
            alone = layer(channels, channels, 3, step, groups=channels, relu=nn.ReLU)
            blocks.append(nn.Sequential(alone, layer(channels, outputs, 1, relu=nn.ReLU)))
            channels = outputs
        self.features, self.classifier = nn.Sequential(*blocks), nn.Linear(channels, classes)

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


class Bottleneck(nn.Module):
    """Sandler et al. 2018, table 1."""

    def __init__(self, inputs, t, outputs, stride):
        super().__init__()
        self.shortcut = stride == 1 and inputs == outputs
        layers = [] if t == 1 else [layer(inputs, t * inputs, 1)]
        layers += [layer(t * inputs, t * inputs, 3, stride, groups=t * inputs)]
        layers += [nn.Conv2d(t * inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
        self.conv = nn.Sequential(*layers)

    def forward(self, x):
        y = self.conv(x)
        return x + y if self.shortcut else y


class MobileNetV2(nn.Module):
    """Sandler et al. 2018, table 2; channels: of the stem, the seven rows and the last 1x1."""

    def __init__(self, channels, classes):
        super().__init__()
        rows = zip((1, 6, 6, 6, 6, 6, 6), channels[1:-1], (1, 2, 3, 4, 3, 3, 1), (1, 2, 2, 2, 1, 2, 1), strict=True)
        layers, inputs = [layer(3, channels[0], 3, 2)], channels[0]
        for t, c, n, s in rows:
            for i in range(n):
                layers.append(Bottleneck(inputs, t, c, s if i == 0 else 1))
                inputs = c
        layers.append(layer(inputs, channels[-1], 1))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(0.0), nn.Linear(channels[-1], classes))

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))
