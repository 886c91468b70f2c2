"""VGG in PyTorch, column by column of the paper's table 1 (Simonyan and Zisserman 2015)."""

from torch import nn
from torch_alexnet import Classifier, norm, three_linear

# How many 3x3 convolutions each of the five stages has.
STAGES = {"A": (1, 1, 2, 2, 2), "B": (2, 2, 2, 2, 2), "D": (2, 2, 3, 3, 3), "E": (2, 2, 4, 4, 4)}
STAGES |= {"A-LRN": STAGES["A"], "C": STAGES["B"]}


def vgg(configuration, batch_norm=False, channels=(64, 128, 256, 512, 512), units=4096, num_classes=1000):
    layers, inputs = [], 3
    for stage, (convolutions, outputs) in enumerate(zip(STAGES[configuration], channels, strict=True), start=1):
        kernels = [3] * convolutions + [1] * (configuration == "C" and stage > 2)
        for kernel in kernels:
            layers.append(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2))
            layers += [nn.BatchNorm2d(outputs), nn.ReLU()] if batch_norm else [nn.ReLU()]
            inputs = outputs
        layers += [norm()] if configuration == "A-LRN" and stage == 1 else []
        layers.append(nn.MaxPool2d(2, 2))
    return Classifier(layers, three_linear(inputs * 49, units, num_classes), 7)


def vgg_cifar(channels=(32, 64, 128), num_classes=10):
    layers, inputs = [], 3
    for outputs, convolutions in zip(channels, (1, 2, 2), strict=True):
        for _ in range(convolutions):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
            inputs = outputs
        layers.append(nn.MaxPool2d(2))
    return Classifier(layers, nn.Linear(inputs, num_classes), 1)
