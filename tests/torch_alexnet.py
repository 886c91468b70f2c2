"""AlexNet in both forms and ZFNet in PyTorch, from the papers and torchvision's documentation."""

from torch import nn


def three_linear(in_features, units, num_classes):
    return nn.Sequential(
        nn.Linear(in_features, units), nn.ReLU(), nn.Dropout(0.0), nn.Linear(units, units), nn.ReLU(), nn.Dropout(0.0),
        nn.Linear(units, num_classes),
    )  # fmt: skip


class Classifier(nn.Module):
    def __init__(self, features, classifier, pooled=None):
        super().__init__()
        self.features, self.classifier = nn.Sequential(*features), classifier
        self.avgpool = nn.AdaptiveAvgPool2d(pooled) if pooled else nn.Identity()

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def norm():
    """Krizhevsky et al. 2012: (2 + 1e-4 * the sum over 5 channels)^0.75; PyTorch takes the mean."""
    return nn.LocalResponseNorm(5, alpha=5 * 1e-4, beta=0.75, k=2.0)


def alexnet2012(channels=(96, 256, 384, 384, 256), units=4096, num_classes=1000):
    c1, c2, c3, c4, c5 = channels
    features = [
        nn.Conv2d(3, c1, 11, 4), nn.ReLU(), norm(), nn.MaxPool2d(3, 2),
        nn.Conv2d(c1, c2, 5, 1, 2, groups=2), nn.ReLU(), norm(), nn.MaxPool2d(3, 2),
        nn.Conv2d(c2, c3, 3, 1, 1), nn.ReLU(), nn.Conv2d(c3, c4, 3, 1, 1, groups=2), nn.ReLU(),
        nn.Conv2d(c4, c5, 3, 1, 1, groups=2), nn.ReLU(), nn.MaxPool2d(3, 2),
    ]  # fmt: skip
    return Classifier(features, three_linear(c5 * 36, units, num_classes))


def alexnet(channels=(64, 192, 384, 256, 256), units=4096, num_classes=1000):
    c1, c2, c3, c4, c5 = channels
    features = [
        nn.Conv2d(3, c1, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(c1, c2, 5, 1, 2), nn.ReLU(),
        nn.MaxPool2d(3, 2), nn.Conv2d(c2, c3, 3, 1, 1), nn.ReLU(), nn.Conv2d(c3, c4, 3, 1, 1), nn.ReLU(),
        nn.Conv2d(c4, c5, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(3, 2),
    ]  # fmt: skip
    classifier = nn.Sequential(
        nn.Dropout(0.0), nn.Linear(c5 * 36, units), nn.ReLU(), nn.Dropout(0.0), nn.Linear(units, units), nn.ReLU(),
        nn.Linear(units, num_classes),
    )  # fmt: skip
    return Classifier(features, classifier, 6)


def zfnet(channels=(96, 256, 512, 1024, 512), units=4096, num_classes=1000):
    c1, c2, c3, c4, c5 = channels
    features = [
        nn.Conv2d(3, c1, 7, 2, 1), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True), norm(),
        nn.Conv2d(c1, c2, 5, 2), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True), norm(),
        nn.Conv2d(c2, c3, 3, 1, 1), nn.ReLU(), nn.Conv2d(c3, c4, 3, 1, 1), nn.ReLU(),
        nn.Conv2d(c4, c5, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True),
    ]  # fmt: skip
    return Classifier(features, three_linear(c5 * 36, units, num_classes))
