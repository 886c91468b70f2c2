"""OverFeat in PyTorch, from tables 1 and 3 of the paper (Sermanet et al. 2014)."""

from torch import nn


class OverFeat(nn.Module):
    def __init__(self, features, units, kernel, num_classes):
        super().__init__()
        first, second = units
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(
            nn.Conv2d(features[-3].out_channels, first, kernel), nn.ReLU(), nn.Dropout(0.0),
            nn.Conv2d(first, second, 1), nn.ReLU(), nn.Dropout(0.0), nn.Conv2d(second, num_classes, 1),
        )  # fmt: skip

    def forward(self, x):
        return self.classifier(self.features(x)).mean((2, 3))


def fast(channels=(96, 256, 512, 1024, 1024), units=(3072, 4096), kernel=6, num_classes=1000):
    c1, c2, c3, c4, c5 = channels
    features = [
        nn.Conv2d(3, c1, 11, 4), nn.ReLU(), nn.MaxPool2d(2, 2), nn.Conv2d(c1, c2, 5), nn.ReLU(), nn.MaxPool2d(2, 2),
        nn.Conv2d(c2, c3, 3, 1, 1), nn.ReLU(), nn.Conv2d(c3, c4, 3, 1, 1), nn.ReLU(),
        nn.Conv2d(c4, c5, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2, 2),
    ]  # fmt: skip
    return OverFeat(features, units, kernel, num_classes)


def accurate(channels=(96, 256, 512, 512, 1024, 1024), units=(4096, 4096), num_classes=1000):
    c1, c2, c3, c4, c5, c6 = channels
    features = [
        nn.Conv2d(3, c1, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 3), nn.Conv2d(c1, c2, 7), nn.ReLU(), nn.MaxPool2d(2, 2),
        nn.Conv2d(c2, c3, 3, 1, 1), nn.ReLU(), nn.Conv2d(c3, c4, 3, 1, 1), nn.ReLU(), nn.Conv2d(c4, c5, 3, 1, 1),
        nn.ReLU(), nn.Conv2d(c5, c6, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(3, 3),
    ]  # fmt: skip
    return OverFeat(features, units, 5, num_classes)
