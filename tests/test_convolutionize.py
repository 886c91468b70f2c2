"""Classifiers slid over larger images: linear layers as convolutions, OverFeat's finer maps and several scales."""

import numpy as np
import pytest
from counting import lively, undrawn
from twins import count, prepared

import minidl
from minidl import Tensor, models, nn, no_grad
from minidl import functional as F

FAMILIES = {
    "lenet5": {}, "mlp": {}, "vgg_cifar": {}, "googlenet_cifar": {}, "resnet20": {}, "resnext_cifar": {},
    "densenet_cifar": {}, "mobilenet_cifar": {}, "alexnet": {"width": 1 / 8}, "alexnet2012": {"width": 1 / 8},
    "zfnet": {"width": 1 / 8}, "vgg11": {"width": 1 / 8}, "vgg11_bn": {"width": 1 / 8}, "nin": {"width": 1 / 8},
    "squeezenet1_0": {"width": 1 / 4}, "googlenet": {"width": 1 / 8}, "overfeat": {"width": 1 / 16},
}  # fmt: skip


class LeNetOfAStudent(nn.Module):
    """As notebooks write it: modules, and functions between them; nothing pads."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5)
        self.pool, self.dropout = nn.MaxPool2d(2), nn.Dropout(0.5)
        self.fc = nn.ModuleList([nn.Linear(16 * 5 * 5, 20), nn.Linear(20, 10)])

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.tanh(self.conv2(x)))
        x = self.dropout(F.relu(self.fc[0](x.reshape(len(x), -1))))
        return self.fc[1](x)


class Averaging(nn.Module):
    """A map, its average, a linear layer; nothing pads."""

    def __init__(self, average):
        super().__init__()
        self.conv, self.average, self.head = nn.Conv2d(3, 8, 3, stride=2), average, nn.Linear(8, 5)

    def forward(self, x):
        return self.head(self.average(F.relu6(self.conv(x))))


NOTHING_PADS = {  # a model, the size of its images, and the distance of neighbouring windows
    "student": (LeNetOfAStudent, (1, 32, 32), 4),
    "LeNet": (lambda: models.create("lenet5", input_shape=(1, 32, 32)), (1, 32, 32), 4),
    "average of a map": (lambda: Averaging(F.global_avg_pool2d), (3, 11, 15), 2),
    "mean": (lambda: Averaging(lambda x: x.mean((2, 3))), (3, 11, 15), 2),
    "mean, axes from the end": (lambda: Averaging(lambda x: x.mean((-1, -2), keepdim=True).flatten(1)), (3, 11, 15), 2),
    "largest value": (lambda: Averaging(F.global_max_pool2d), (3, 11, 15), 2),
    "four bins": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d((2, 1)), nn.Flatten(), nn.Linear(8, 5)),
        (3, 10, 7), (4, 1),
    ),
    "no bin larger than a value": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveMaxPool2d(5), nn.Flatten(), nn.Linear(100, 5)),
        (3, 7, 7), 1,
    ),
    "linear from the first layer on": (lambda: models.MLP(5, (2, 6, 6), hidden=(7,)), (2, 6, 6), 1),
}  # fmt: skip


@no_grad()
@pytest.mark.parametrize("name", FAMILIES)
def test_same_scores_at_the_usual_size(name):
    shape = models.input_shape(name)
    x = minidl.randn(2, *shape)
    model = prepared(lively(models.create(name, num_classes=5, **FAMILIES[name])), x.data).eval()
    expected = model(x).data
    scores = models.convolutionize(model, shape[1:])(x).data
    assert scores.shape == (2, 5, 1, 1) and expected.std() > 1e-3
    np.testing.assert_allclose(scores[:, :, 0, 0], expected, 1e-4, 1e-5 * abs(expected).max())


@no_grad()
@pytest.mark.parametrize("name", NOTHING_PADS)
def test_a_position_has_the_score_of_the_window_that_it_sees(name):
    make, (channels, h, w), step = NOTHING_PADS[name]
    down, across = step if isinstance(step, tuple) else (step, step)
    model = lively(make()).eval()
    x = minidl.randn(2, channels, h + 2 * down, w + 3 * across)
    scores = models.convolutionize(model, (h, w))(x).data
    assert scores.shape[2:] == (3, 4) and scores.std() > 0.05
    for i in range(3):
        for j in range(4):
            window = x[:, :, i * down :, j * across :][:, :, :h, :w]
            np.testing.assert_allclose(scores[:, :, i, j], model(window).data, 1e-4, 1e-5)


def test_the_classifier_of_alexnet():
    """As in the lecture: 256 -> 4096 of 6x6, 4096 -> 4096 and 4096 -> 1000 of 1x1."""
    model = undrawn("alexnet")
    converted = models.convolutionize(model, 224)
    layers = [module for module in converted.classifier if isinstance(module, nn.Conv2d)]
    assert [(c.in_channels, c.out_channels, c.kernel_size) for c in layers] == [
        (256, 4096, (6, 6)), (4096, 4096, (1, 1)), (4096, 1000, (1, 1)),
    ]  # fmt: skip
    assert list(dict(converted.named_children())) == ["features", "classifier"]  # what pooled 6x6 to 6x6 is gone
    assert count(converted) == count(model) == 61_100_840
    assert converted.state_dict().keys() == model.state_dict().keys()


def test_weights_and_mode_are_those_of_the_model():
    model = models.create("alexnet", width=1 / 16)
    model.features.requires_grad_(False)
    converted = models.convolutionize(model, 224)
    assert model.training and converted.training and converted.classifier[0] is model.classifier[0]  # Dropout
    state = converted.state_dict()
    for name, array in model.state_dict().items():
        assert np.shares_memory(array, state[name])
    frozen = [name for name, parameter in converted.named_parameters() if not parameter.requires_grad]
    assert frozen and all(name.startswith("features.") for name in frozen)
    converted.eval()
    assert not model.features.training and not model.classifier[0].training
    assert not any(module._hooks for module in model.modules())


def test_a_map_is_trained_like_any_output():
    model = lively(models.create("lenet5"))
    x = minidl.randn(2, 1, 28, 28)
    F.cross_entropy(model(x), [1, 2]).backward()
    expected = {name: parameter.grad for name, parameter in model.named_parameters()}
    model.zero_grad()
    converted = models.convolutionize(model, 28)
    F.cross_entropy(converted(x)[:, :, 0, 0], [1, 2]).backward()
    for name, parameter in converted.named_parameters():
        np.testing.assert_allclose(parameter.grad.reshape(expected[name].shape), expected[name], 1e-4, 1e-6)


def test_adaptive_pooling_keeps_the_window_that_it_has_at_the_given_size():
    model = models.create("vgg11", width=1 / 32)
    pool = models.convolutionize(model, (448, 224)).avgpool
    assert (type(pool), pool.kernel_size, pool.stride) == (nn.AvgPool2d, (2, 1), (2, 1))
    pool = models.convolutionize(models.create("resnet20"), 32).pool
    assert (type(pool), pool.kernel_size, pool.stride) == (nn.AvgPool2d, (8, 8), (1, 1))


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 1, 3, padding=1), nn.Linear(36, 2)

    def forward(self, x):
        return self.fc((self.conv(x) + x).flatten(1))


class Skipping(Branching):
    def forward(self, x):
        self.conv(x)
        return self.fc(x.flatten(1))


class Rows(Branching):
    def forward(self, x):
        return self.fc(self.conv(x).reshape(1, 6, 6).flatten(1))


class Squeezing(nn.Module):
    """Channels weighed by what the whole image holds (squeeze and excitation)."""

    def forward(self, x):
        return x * F.sigmoid(x.mean((2, 3), keepdim=True))


class Two(Branching):
    def forward(self, x):
        x = self.conv(x)
        return self.fc(x.flatten(1)), x


NO_CHAIN = "no chain of modules, relu, pooling and flattening: "
WRONG = {
    "a sum": (Branching, 6, "Branching is " + NO_CHAIN + "before fc, it does Add"),
    "another branch": (Skipping, 6, "Skipping is " + NO_CHAIN + "before fc, it takes what the module before did"),
    "reshaping": (Rows, 6, "Rows is " + NO_CHAIN + "before fc, it does Reshape"),
    "linear layers in a block": (lambda: models.create("highway"), 28, r"layers.0 \(HighwayLayer\) holds linear"),
    "another linear layer": (
        lambda: nn.Sequential(nn.Flatten(), nn.DropConnect(36, 2)), 6, r"1 \(DropConnect\) holds linear layers",
    ),
    "two outputs": (Two, 6, "Two is " + NO_CHAIN + "at its end, there is a tuple, expected one tensor"),
    "pooling in a block": (
        lambda: nn.Sequential(nn.Conv2d(1, 1, 3), Squeezing(), nn.Flatten(), nn.Linear(16, 2)), 6,
        r"1 \(Squeezing\) pools over the image inside, where it gets no fixed window",
    ),
    "rows": (
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(36, 4), nn.BatchNorm1d(4)), 6,
        r"2 \(BatchNorm1d\) works on rows of features, and none are left",
    ),
    "uneven bins": (
        lambda: models.create("alexnet", width=1 / 16), 195,
        "AdaptiveAvgPool2d cuts a map of 5x5 into 6x6 bins of different sizes",
    ),
    "no layers": (nn.ReLU, 6, "ReLU has no convolution and no linear layer"),
    "another size": (lambda: models.create("lenet5"), 40, "linear: x has 1024 features but w expects 400"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_converted_is_named(name):
    make, size, message = WRONG[name]
    model = make()
    with pytest.raises(ValueError, match=message):
        models.convolutionize(model, size)
    assert model.training and not any(module._hooks for module in model.modules())


# ---- OverFeat ----


@no_grad()
@pytest.mark.parametrize("name, size, step", [("overfeat", (270, 318), 16), ("overfeat_accurate", (281, 317), 12)])
def test_the_dense_map_is_all_offsets_interleaved(name, size, step):
    """Section 3.3 word for word, an offset at a time. The last pooling has size 2, in the accurate model 3."""
    model = lively(models.create(name, num_classes=4, width=1 / 32)).eval()
    p = 36 // step if name == "overfeat_accurate" else 32 // step
    x = minidl.randn(2, 3, *size)
    dense, unpooled = model.dense_score_map(x).data, model.features[:-1](x)
    assert dense.std() > 0.01
    counted = np.zeros(dense.shape[2:], int)
    for dy in range(p):
        for dx in range(p):
            scores = model.classifier(F.max_pool2d(unpooled[:, :, dy:, dx:], p)).data
            np.testing.assert_allclose(dense[:, :, dy::p, dx::p], scores, 1e-4, 1e-4)
            counted[dy::p, dx::p] += 1
    assert (counted == 1).all()
    np.testing.assert_allclose(dense[:, :, ::p, ::p], model.score_map(x).data, 1e-4, 1e-4)


@no_grad()
@pytest.mark.parametrize("image, rows", [((245, 245), (3, 3)), ((281, 317), (6, 9)), ((461, 569), (21, 30))])
def test_dense_maps_have_the_published_sizes(image, rows):
    """Table 5 of the paper: scales 1, 2 and 6 of the accurate model."""
    model = undrawn("overfeat_accurate", width=1 / 64, num_classes=2)
    assert model.dense_score_map(minidl.zeros(1, 3, *image)).shape == (1, 2, *rows)


@no_grad()
def test_scores_over_several_scales():
    """The largest probability of each class in a map, and the mean over sizes and reflections."""
    pictures = [minidl.randn(2, 3, 6, 8), minidl.randn(2, 3, 9, 7)]
    expected = np.zeros((2, 4))
    score_map = nn.Conv2d(3, 4, 3)
    for x in pictures:
        for array in (x.data, np.flip(x.data, 3)):
            scores = score_map(Tensor(array.copy())).data.astype(float)
            for n in range(2):
                places = [np.exp(scores[n, :, i, j]) for i in range(scores.shape[2]) for j in range(scores.shape[3])]
                expected[n] += np.max([s / s.sum() for s in places], axis=0) / 4
    np.testing.assert_allclose(models.multi_scale_scores(score_map, pictures).data, expected, 1e-5)
    with pytest.raises(ValueError, match="at one size at least, got none"):
        models.multi_scale_scores(score_map, [])
    for wrong in ([pictures[0], pictures[1][:1]], pictures[0]):  # other pictures, and no list
        with pytest.raises(ValueError, match=r"the same N pictures \(N, C, H, W\) at every size, got \("):
            models.multi_scale_scores(score_map, wrong)
