"""EfficientNet-Lite0: published sizes, and the same network of PyTorch's layers."""

import numpy as np
import pytest
from counting import undrawn
from twins import assert_same_network, count, outputs_of, prepared

import minidl
from minidl import models, nn
from minidl.models.efficientnet import InvertedResidual


def test_parameters_and_multiply_adds_as_published():
    """4.652 M parameters (Liu 2020, of the authors' repository 4.7 M); 0.385 G multiply-adds at 224x224."""
    model = undrawn("efficientnet_lite0")
    assert count(model) == 4_652_008
    assert sum(array.size for array in model.state_dict().values()) == 4_694_073  # with running statistics
    areas = {name: shape[1] * shape[2] for name, shape in outputs_of(model, nn.Conv2d, (3, 224, 224)).items()}
    layers = dict(model.named_modules())
    multiply_adds = sum(layers[name].weight.size * area for name, area in areas.items()) + 1280 * 1000
    assert round(multiply_adds / 1e9, 3) == 0.385


def test_sizes_of_the_blocks():
    model = undrawn("efficientnet_lite0")
    shapes = list(outputs_of(model, InvertedResidual, (3, 224, 224)).values())
    stages = [(16, 112)] + [(24, 56)] * 2 + [(40, 28)] * 2 + [(80, 14)] * 3 + [(112, 14)] * 3 + [(192, 7)] * 4
    assert shapes == [(c, size, size) for c, size in [*stages, (320, 7)]]


@pytest.mark.parametrize("size", [(64, 64), (45, 58)])
def test_the_same_network_in_pytorch(torch, size):
    import torch_efficientnet

    x = np.random.default_rng(3).standard_normal((3, 3, *size)).astype(np.float32)
    ours = prepared(models.create("efficientnet_lite0", num_classes=5, width=0.25), x)
    theirs = torch_efficientnet.EfficientNetLite0(num_classes=5, width=0.25)
    assert_same_network(torch, ours, theirs, x, np.array([1, 4, 0]))


def test_dropout_only_in_training():
    model = models.create("efficientnet_lite0", num_classes=5, width=0.25)
    x = minidl.randn(2, 3, 32, 32)
    assert not np.array_equal(model(x).data, model(x).data)
    model.eval()
    np.testing.assert_array_equal(model(x).data, model(x).data)
    minidl.manual_seed(0)
    still = models.create("efficientnet_lite0", num_classes=5, width=0.25, dropout=0.0, input_shape=(1, 32, 32))
    assert still(minidl.zeros(2, 1, 32, 32)).shape == (2, 5)


def test_an_empty_batch():
    model = models.create("efficientnet_lite0", num_classes=5, width=0.25).eval()
    assert model(minidl.zeros(0, 3, 32, 32)).shape == (0, 5)
