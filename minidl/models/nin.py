"""Network in Network (Lin, Chen and Yan, 2014): small networks for filters, an average for linear layers."""

from minidl import functional as F
from minidl import nn

from .layers import IMAGENET, check_images, scaled, start_weights


class NiN(nn.Module):
    """Convolutions followed by 1x1 ones, which are a two-layer perceptron at every place; 7,595,176 parameters.

    The last has a channel a class, and the average of each channel is that class's logit: there is no linear layer,
    in which AlexNet has 59 of its 61 million weights. Sizes are those of the authors' network for ImageNet.

    width: times all numbers of channels. x (N, C, H, W) of 39x39 or more; gives logits (N, num_classes).
    """

    def __init__(self, num_classes=1000, input_shape=(3, 224, 224), *, dropout=0.5, width=1.0):
        super().__init__()
        check_images(self, input_shape, least=39)
        c1, c2, c3, c4 = scaled(width, 96, 256, 384, 1024)
        self.features = nn.Sequential(
            *_mlpconv(input_shape[0], c1, c1, kernel_size=11, stride=4),  # 96 x 54 x 54
            nn.MaxPool2d(3, stride=2, ceil_mode=True),  # 96 x 27 x 27
            *_mlpconv(c1, c2, c2, kernel_size=5, padding=2),  # 256 x 27 x 27
            nn.MaxPool2d(3, stride=2, ceil_mode=True),  # 256 x 13 x 13
            *_mlpconv(c2, c3, c3, kernel_size=3, padding=1),  # 384 x 13 x 13
            nn.MaxPool2d(3, stride=2, ceil_mode=True),  # 384 x 6 x 6
            nn.Dropout(dropout),
            *_mlpconv(c3, c4, num_classes, kernel_size=3, padding=1),  # 1000 x 6 x 6
        )
        start_weights(self, nn.Conv2d, nn.init.he_normal_)

    def forward(self, x):
        x = self.features(x)  # 1000 x 6 x 6
        return F.global_avg_pool2d(x)


def _mlpconv(in_channels, channels, out_channels, **window):
    return [
        nn.Conv2d(in_channels, channels, **window), nn.ReLU(),
        nn.Conv2d(channels, channels, kernel_size=1), nn.ReLU(),
        nn.Conv2d(channels, out_channels, kernel_size=1), nn.ReLU(),
    ]  # fmt: skip


MODELS = {"nin": (NiN, *IMAGENET, "Lin et al. 2014: 1x1 layers, none linear")}
