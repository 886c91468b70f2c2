"""AlexNet, as published in 2012 and as torchvision has it, and ZFNet: sizes, names, the same networks in PyTorch."""

import numpy as np
import pytest
from counting import fields, giga, lively, parameters, rows_of, sizes
from twins import assert_same_network, prepared

import minidl
from minidl import models, nn

LINEAR = [(4096,), (4096,), (1000,)]


@pytest.mark.parametrize(
    "name, published",
    [
        ("alexnet", 61_100_840),  # torchvision
        ("alexnet2012", 60_965_224),  # Caffe's reference model
        # Layer arithmetic: weights of five convolutions and three linear layers, and their biases.
        ("zfnet", 96 * 147 + 256 * 96 * 25 + 512 * 256 * 9 + 1024 * 512 * 9 + 512 * 1024 * 9 + 2400
         + 512 * 36 * 4096 + 4096 * 4096 + 4096 * 1000 + 9192),
    ],
)  # fmt: skip
def test_parameters(name, published):
    assert parameters(name) == published


def test_multiply_adds():
    assert giga("alexnet") == 0.714  # torchvision
    assert 0.71 < giga("alexnet2012") < 0.73  # the lectures: about 0.7


def test_output_sizes_of_2012():
    assert sizes("alexnet2012", "Conv2d", "MaxPool2d", "Linear") == [
        (96, 55, 55), (96, 27, 27), (256, 27, 27), (256, 13, 13), (384, 13, 13), (384, 13, 13), (256, 13, 13),
        (256, 6, 6), *LINEAR,
    ]  # fmt: skip
    assert sizes("alexnet2012", "LocalResponseNorm") == [(96, 55, 55), (256, 27, 27)]
    assert fields("alexnet2012", "Conv2d", "MaxPool2d") == [11, 19, 51, 67, 99, 131, 163, 195]
    first = rows_of("alexnet2012")[0]
    assert first.parameters - 96 == 34_848 and first.multiply_adds == 105_415_200  # weights; the paper's 55 x 55 x 96


def test_output_sizes_of_torchvision():
    assert sizes("alexnet", "Conv2d", "MaxPool2d", "Linear") == [
        (64, 55, 55), (64, 27, 27), (192, 27, 27), (192, 13, 13), (384, 13, 13), (256, 13, 13), (256, 13, 13),
        (256, 6, 6), *LINEAR,
    ]  # fmt: skip


def test_output_sizes_of_zfnet():
    """Figure 3 of the paper, with the channels of its table 3."""
    assert sizes("zfnet", "Conv2d", "MaxPool2d", "Linear") == [
        (96, 110, 110), (96, 55, 55), (256, 26, 26), (256, 13, 13), (512, 13, 13), (1024, 13, 13), (512, 13, 13),
        (512, 6, 6), *LINEAR,
    ]  # fmt: skip
    figure = models.ZFNet(num_classes=5, channels=(384, 384, 256), width=1 / 16)
    assert [m.out_channels for m in figure.modules() if isinstance(m, nn.Conv2d)] == [6, 16, 24, 24, 16]


def keys(model):
    return {name.removesuffix(".weight") for name in model.state_dict() if name.endswith("weight")}


def test_names_are_torchvisions():
    convolutions = {f"features.{i}" for i in (0, 3, 6, 8, 10)}
    assert keys(models.AlexNet(width=0.01)) == convolutions | {"classifier.1", "classifier.4", "classifier.6"}


def test_initial_weights_are_those_of_the_paper():
    model = models.AlexNet2012(width=0.25)
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert [layer.bias.data.mean() for layer in layers] == [0, 1, 0, 1, 1, 1, 1, 0]
    for layer in layers:
        assert layer.weight.data.std() == pytest.approx(0.01, rel=0.1)


SMALL = {
    "alexnet": ({"width": 1 / 16, "input_shape": (3, 80, 70)}, {"channels": (4, 12, 24, 16, 16)}),
    "alexnet2012": ({"width": 1 / 16}, {"channels": (6, 16, 24, 24, 16)}),
    "zfnet": ({"width": 1 / 32}, {"channels": (3, 8, 16, 32, 16)}),
}


@pytest.mark.parametrize("name", SMALL)
def test_the_same_network_in_pytorch(torch, name):
    import torch_alexnet

    settings, theirs = SMALL[name]
    units = round(4096 * settings["width"])
    shape = settings.get("input_shape", models.input_shape(name))
    model = lively(models.create(name, num_classes=7, **settings))
    twin = getattr(torch_alexnet, name)(**theirs, units=units, num_classes=7)
    x, labels = np.random.default_rng(3).standard_normal((2, *shape)).astype(np.float32), np.array([2, 5])
    assert_same_network(torch, prepared(model, x), twin, x, labels)


def test_other_sizes():
    model = models.create("alexnet", width=0.05, input_shape=(1, 90, 140))
    assert model(minidl.zeros(2, 1, 90, 140)).shape == (2, 1000)
    with pytest.raises(ValueError, match="AlexNet2012 takes images of 227x227, got 224x224: resize them"):
        models.create("alexnet2012", input_shape=(3, 224, 224))
    with pytest.raises(ValueError, match="ZFNet takes images of 224x224, got 32x64"):
        models.create("zfnet", input_shape=(3, 32, 64))
    with pytest.raises(ValueError, match="larger than the image"):
        models.create("alexnet", width=0.05)(minidl.zeros(1, 3, 40, 40))


@pytest.mark.parametrize("name", SMALL)
def test_dropout_is_of_training(name):
    model = models.create(name, num_classes=4, width=1 / 16)
    x = minidl.randn(1, *models.input_shape(name))
    lively(model)
    assert not np.array_equal(model(x).data, model(x).data)
    np.testing.assert_array_equal(model.eval()(x).data, model(x).data)
    without = lively(models.create(name, num_classes=4, width=1 / 16, dropout=0))
    np.testing.assert_array_equal(without(x).data, without(x).data)
