"""SqueezeNet: published sizes, multiply-adds and names, the same network in PyTorch."""

import numpy as np
import pytest
from counting import undrawn
from twins import assert_same_network, count, outputs_of, prepared

import minidl
from minidl import models, nn
from minidl.models import SqueezeNet
from minidl.models.squeezenet import Fire
from minidl.summary import summarize


@pytest.mark.parametrize(
    "name, parameters, multiply_adds", [("squeezenet1_0", 1_248_424, "0.819"), ("squeezenet1_1", 1_235_496, "0.349")]
)
def test_published_sizes(name, parameters, multiply_adds):
    """As torchvision publishes them."""
    rows = summarize(undrawn(name), (3, 224, 224))
    assert sum(row.parameters for row in rows) == parameters
    assert f"{sum(row.multiply_adds for row in rows) / 1e9:.3f}" == multiply_adds


def test_sizes_of_the_modules():
    """Pools round up; table 1 of the paper has 111, 55, 27 and 13 pixels for its images of 224 padded to 227."""
    shapes = outputs_of(undrawn("squeezenet1_0"), nn.Conv2d | nn.MaxPool2d | Fire, (3, 224, 224))
    features = [shapes[name] for name in shapes if name.count(".") == 1 and name.startswith("features")]
    assert features == [
        (96, 109, 109), (96, 54, 54), (128, 54, 54), (128, 54, 54), (256, 54, 54), (256, 27, 27), (256, 27, 27),
        (384, 27, 27), (384, 27, 27), (512, 27, 27), (512, 13, 13), (512, 13, 13),
    ]  # fmt: skip
    assert shapes["classifier.1"] == (1000, 13, 13)
    shapes = outputs_of(undrawn("squeezenet1_1"), nn.MaxPool2d, (3, 224, 224))
    assert list(shapes.values()) == [(64, 55, 55), (128, 27, 27), (256, 13, 13)]


@pytest.mark.parametrize(
    "name, fires",
    [("squeezenet1_0", (3, 4, 5, 7, 8, 9, 10, 12)), ("squeezenet1_1", (3, 4, 6, 7, 9, 10, 11, 12))],
)
def test_names_are_those_of_published_files(name, fires):
    layers = ["features.0", "classifier.1"]
    layers += [f"features.{i}.{part}" for i in fires for part in ("squeeze", "expand1x1", "expand3x3")]
    names = {f"{layer}.{key}" for layer in layers for key in ("weight", "bias")}
    assert set(undrawn(name, width=1 / 16).state_dict()) == names


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("size", [(64, 80), (67, 49)])
def test_the_same_network_in_pytorch(torch, version, size):
    import torch_squeezenet

    ours, theirs = SqueezeNet(version, 7, width=0.25), torch_squeezenet.SqueezeNet(version, 7, 4)
    nn.init.normal_(ours.classifier[1].weight, std=0.3)
    x = np.random.default_rng(2).standard_normal((3, 3, *size)).astype(np.float32)
    assert_same_network(torch, prepared(ours, x), theirs, x, np.array([0, 6, 2]))


def test_settings():
    model = models.create("squeezenet1_1", 5, (1, 40, 56), width=0.25, dropout=0.0)
    assert model(minidl.zeros(2, 1, 40, 56)).shape == (2, 5)
    assert model.eval()(minidl.zeros(0, 1, 40, 56)).shape == (0, 5)
    assert model.classifier[0].p == 0 and SqueezeNet(width=1 / 16).classifier[0].p == 0.5
    assert count(Fire(128, 16)) == 128 * 16 + 16 + 16 * 64 + 64 + 16 * 64 * 9 + 64
    with pytest.raises(ValueError, match="version must be '1.0' or '1.1', got 1.0"):
        SqueezeNet(1.0)


def test_initial_weights():
    model = models.create("squeezenet1_0")
    kernel = model.features[12].expand3x3
    bound = np.sqrt(6 / (9 * 64))  # He et al. 2015, uniform
    assert 0.99 * bound < abs(kernel.weight.data).max() <= bound and not kernel.bias.data.any()
    np.testing.assert_allclose(model.classifier[1].weight.data.std(), 0.01, rtol=0.01)


def test_dropout_is_for_training():
    model = models.create("squeezenet1_1", 20, width=0.25)
    x = minidl.randn(1, 3, 48, 48)
    assert not np.array_equal(model(x).data, model(x).data)
    model.eval()
    np.testing.assert_array_equal(model(x).data, model(x).data)
