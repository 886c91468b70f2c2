"""OverFeat (Sermanet et al., Integrated Recognition, Localization and Detection using ConvNets, 2014)."""

from functools import partial

from minidl import functional as F
from minidl import nn

from .layers import check_images, normal_001, scaled, start_weights

# Tables 1 and 3 of the paper: convolutions as (channels, kernel, stride, padding), max pooling as its size.
FAST = [(96, 11, 4, 0), 2, (256, 5, 1, 0), 2, (512, 3, 1, 1), (1024, 3, 1, 1), (1024, 3, 1, 1), 2]
ACCURATE = [
    (96, 7, 2, 0), 3, (256, 7, 1, 0), 2, (512, 3, 1, 1), (512, 3, 1, 1), (1024, 3, 1, 1), (1024, 3, 1, 1), 3,
]  # fmt: skip


class OverFeat(nn.Module):
    """A classifier of convolutions throughout: on a larger image it gives a map of logits, one for each window.

    The first layer of the classifier covers all that the features give for an image of input_shape, so such an image
    gives a map of 1x1. At 221x221 the windows of 257x257 are 2x2; neighbours lie 32 pixels apart, in the accurate
    model 36, and share almost all of their computation. Table 1 of the paper counts the fast model at 231x231.

    units: of the two layers before the logits. width: times all numbers of channels.
    x (N, C, H, W) of input_shape or larger; gives logits (N, num_classes), the average of score_map(x).
    """

    def __init__(
        self, layers=FAST, units=(3072, 4096), num_classes=1000, input_shape=(3, 221, 221), *, dropout=0.5, width=1.0
    ):  # fmt: skip
        super().__init__()
        check_images(self, input_shape, _least(layers))
        self.features = nn.Sequential()
        channels, size = input_shape[0], tuple(input_shape[1:])
        for layer in layers:
            if isinstance(layer, int):
                self.features.append(nn.MaxPool2d(layer))
                size = [n // layer for n in size]
            else:
                outputs, kernel, stride, padding = layer
                (outputs,) = scaled(width, outputs)
                self.features.extend([nn.Conv2d(channels, outputs, kernel, stride, padding), nn.ReLU()])
                channels, size = outputs, [(n + 2 * padding - kernel) // stride + 1 for n in size]
        u1, u2 = scaled(width, *units)
        self.classifier = nn.Sequential(
            nn.Conv2d(channels, u1, kernel_size=tuple(size)), nn.ReLU(), nn.Dropout(dropout),  # 3072 x 1 x 1
            nn.Conv2d(u1, u2, kernel_size=1), nn.ReLU(), nn.Dropout(dropout),  # 4096 x 1 x 1
            nn.Conv2d(u2, num_classes, kernel_size=1),  # 1000 x 1 x 1
        )  # fmt: skip
        start_weights(self, nn.Conv2d, normal_001)

    def forward(self, x):
        return F.global_avg_pool2d(self.score_map(x))

    def score_map(self, x):
        """The logits of every window of the image: (N, num_classes, rows, columns)."""
        x = self.features(x)  # 1024 x 5 x 5 at 221x221, 1024 x 6 x 6 at 257x257
        return self.classifier(x)  # 1000 x 1 x 1, 1000 x 2 x 2

    def dense_score_map(self, x):
        """score_map with neighbours nearer by the size p of the last pooling, 2 here, 3 in the accurate model.

        Section 3.3: the last pooling is done p x p times, each time begun at another of the offsets 0 .. p - 1, the
        classifier is slid over each result, and the maps are interleaved. That is pooling in steps of 1, and then a
        classifier that looks at every p-th value: a convolution with dilation p.
        """
        size, (first, *others) = self.features[-1].kernel_size, self.classifier
        x = F.max_pool2d(self.features[:-1](x), size, stride=1)
        x = F.conv2d(x, first.weight, first.bias, dilation=size)
        for layer in others:
            x = layer(x)
        return x


def multi_scale_scores(score_map, pictures):
    """The probabilities of classes over several sizes of the same pictures, each as it is and mirrored: (N, classes).

    Section 3.3 of the paper: of each map, softmax at every place and the maximum over places (`score_map` gives
    logits (N, classes, rows, columns)), then the mean over sizes and reflections; rows no longer add up to 1. The
    paper does not say whether its scores are logits or probabilities.

    pictures: a list of (N, C, H, W), one a size.
    """
    if any(len(x.shape) != 4 or len(x) != len(pictures[0]) for x in pictures):
        shapes = ", ".join(str(tuple(x.shape)) for x in pictures)
        raise ValueError(f"multi_scale_scores: expected the same N pictures (N, C, H, W) at every size, got {shapes}")
    views = [view for x in pictures for view in (x, x[:, :, :, ::-1])]
    if not views:
        raise ValueError("multi_scale_scores: expected the pictures at one size at least, got none")
    return sum(F.softmax(score_map(view), dim=1).max((2, 3)) for view in views) / len(views)


def _least(layers):
    """The smallest image of which the layers leave anything: from the last layer, of which it is a pixel, backwards."""
    size = 1
    for layer in reversed(layers):
        if isinstance(layer, int):
            size *= layer
        else:
            _, kernel, stride, padding = layer
            size = (size - 1) * stride + kernel - 2 * padding
    return size


_accurate = partial(OverFeat, ACCURATE, (4096, 4096))
MODELS = {
    "overfeat": (OverFeat, (3, 221, 221), 1000, "Sermanet et al. 2014: a map on larger images"),
    "overfeat_accurate": (_accurate, (3, 221, 221), 1000, "Sermanet et al. 2014: finer strides"),
}
