"""Network in Network in PyTorch, as its authors published it for ImageNet."""

from torch import nn


class NiN(nn.Module):
    def __init__(self, channels=(96, 256, 384, 1024), num_classes=1000):
        super().__init__()
        layers, inputs = [], 3
        windows = [(11, 4, 0), (5, 1, 2), (3, 1, 1), (3, 1, 1)]
        for stage, (outputs, window) in enumerate(zip(channels, windows, strict=True)):
            last = num_classes if stage == 3 else outputs
            layers += [nn.Conv2d(inputs, outputs, *window), nn.ReLU(), nn.Conv2d(outputs, outputs, 1), nn.ReLU()]
            layers += [nn.Conv2d(outputs, last, 1), nn.ReLU()]
            layers += [nn.MaxPool2d(3, 2, ceil_mode=True)] if stage < 3 else []
            layers += [nn.Dropout(0.0)] if stage == 2 else []
            inputs = outputs
        self.features, self.pool = nn.Sequential(*layers), nn.AdaptiveAvgPool2d(1)

    def forward(self, x):
        return self.pool(self.features(x)).flatten(1)
