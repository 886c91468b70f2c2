"""VGG: published sizes, the lecture's table, names, the same networks in PyTorch."""

import numpy as np
import pytest
from counting import fields, giga, lively, parameters, rows_of, sizes
from twins import assert_same_network, prepared

import minidl
from minidl import models, nn

# Parameters and multiply-adds as torchvision publishes them.
PUBLISHED = {
    "vgg11": (132_863_336, 7.609), "vgg13": (133_047_848, 11.308), "vgg16": (138_357_544, 15.470),
    "vgg19": (143_667_240, 19.632), "vgg11_bn": (132_868_840, 7.609), "vgg13_bn": (133_053_736, 11.308),
    "vgg16_bn": (138_365_992, 15.470), "vgg19_bn": (143_678_248, 19.632),
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_sizes(name):
    assert (parameters(name), giga(name)) == PUBLISHED[name]


def test_millions_of_parameters_of_the_paper():
    """Table 2 of the paper; its 133 for A and B, 134 for C, 138 for D and 144 for E."""
    names = "vgg11", "vgg11_lrn", "vgg13", "vgg16_c", "vgg16", "vgg19"
    assert [round(parameters(name) / 1e6) for name in names] == [133, 133, 133, 134, 138, 144]
    assert parameters("vgg11_lrn") == parameters("vgg11")


def test_vgg16_by_layer():
    """The lecture's table. Its column of values adds up to 15 M, though "24 M" is printed below it."""
    rows = [row for row in rows_of("vgg16") if row.layer in ("Conv2d", "MaxPool2d", "Linear")]
    assert [row.output for row in rows[:6]] == [
        (64, 224, 224), (64, 224, 224), (64, 112, 112), (128, 112, 112), (128, 112, 112), (128, 56, 56)
    ]  # fmt: skip
    assert [row.output for row in rows[-4:]] == [(512, 7, 7), (4096,), (4096,), (1000,)]
    assert rows[0].values == 3_211_264 and rows[0].parameters - 64 == 1_728
    assert rows[-3].parameters - 4096 == 102_760_448
    total = sum(np.prod(row.output) for row in rows)
    columns = [2 * 3_211_264, 802_816, 2 * 1_605_632, 401_408, 3 * 802_816, 200_704, 3 * 401_408, 100_352]
    assert total == sum([*columns, 3 * 100_352, 25_088, 4096, 4096, 1000]) == 15_087_080
    assert total == sum(row.values for row in rows_of("vgg16")) - 25_088  # the adaptive pooling, the identity here
    assert sum(row.parameters for row in rows) == 138_357_544


def test_the_small_kernels_of_configuration_c():
    kernels = [m.kernel_size[0] for m in models.VGG("C", width=0.02).features if isinstance(m, nn.Conv2d)]
    assert kernels == [3, 3, 3, 3, 3, 3, 1, 3, 3, 1, 3, 3, 1]


def test_receptive_fields():
    """Two 3x3 layers see 5x5, and a stack of three 7x7, with 27 weights for 49."""
    assert fields("vgg16", "Conv2d")[:2] == [3, 5]
    assert fields("vgg16", "MaxPool2d") == [6, 16, 44, 100, 212]
    assert sizes("vgg16", "AdaptiveAvgPool2d") == [(512, 7, 7)] and fields("vgg16", "AdaptiveAvgPool2d") == [212]


def test_names_are_torchvisions():
    model = models.create("vgg16", width=0.01)
    convolutions = [f"features.{i}" for i in (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)]
    layers = [*convolutions, "classifier.0", "classifier.3", "classifier.6"]
    assert list(model.state_dict()) == [f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")]
    names = list(models.create("vgg11_bn", width=0.01).state_dict())[:7]
    norm = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert names == ["features.0.weight", "features.0.bias", *(f"features.1.{name}" for name in norm)]


def test_initial_weights_are_torchvisions():
    model = models.create("vgg13", width=0.25)
    assert model.features[2].weight.data.std() == pytest.approx((2 / (16 * 9)) ** 0.5, rel=0.1)
    assert model.classifier[0].weight.data.std() == pytest.approx(0.01, rel=0.1)
    assert not any(name.endswith("bias") and array.any() for name, array in model.state_dict().items())


def same_network(torch, model, twin, shape):
    x = np.random.default_rng(3).standard_normal((3, *shape)).astype(np.float32)
    labels = np.array([2, 5, 0])
    assert_same_network(torch, prepared(lively(model), x), twin, x, labels)


@pytest.mark.parametrize("configuration", ["A", "A-LRN", "B", "C", "D", "E"])
def test_the_same_network_in_pytorch(torch, configuration):
    import torch_vgg

    twin = torch_vgg.vgg(configuration, False, (4, 8, 16, 32, 32), 256, 7)
    model = models.VGG(configuration, num_classes=7, width=1 / 16)
    same_network(torch, model, twin, (3, 40, 52))


@pytest.mark.parametrize(
    "name, configuration", [("vgg11_bn", "A"), ("vgg13_bn", "B"), ("vgg16_bn", "D"), ("vgg19_bn", "E")]
)
def test_the_same_network_in_pytorch_with_batch_norm(torch, name, configuration):
    import torch_vgg

    twin = torch_vgg.vgg(configuration, True, (4, 8, 16, 32, 32), 256, 7)
    same_network(torch, models.create(name, num_classes=7, width=1 / 16), twin, (3, 64, 64))


def test_the_same_network_in_pytorch_for_cifar(torch):
    import torch_vgg

    same_network(torch, models.create("vgg_cifar", num_classes=7), torch_vgg.vgg_cifar(num_classes=7), (3, 32, 32))


def test_the_small_network_is_small():
    assert giga("vgg_cifar") <= 0.030
    assert sizes("vgg_cifar", "MaxPool2d") == [(32, 16, 16), (64, 8, 8), (128, 4, 4)]


def test_errors():
    with pytest.raises(ValueError, match="configuration must be one of A, A-LRN, B, C, D, E, got 'F'"):
        models.VGG("F")
    with pytest.raises(ValueError, match="larger than the image"):
        models.create("vgg11", width=0.01)(minidl.zeros(1, 3, 16, 16))
