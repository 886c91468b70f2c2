"""DenseNet: published sizes, multiply-adds and names, the same network in PyTorch."""

import numpy as np
import pytest
from counting import undrawn
from twins import assert_same_network, count, outputs_of, prepared

import minidl
from minidl import models, nn
from minidl.models import CifarDenseNet, DenseNet
from minidl.models.densenet import DenseLayer
from minidl.summary import summarize

NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def test_published_sizes():
    """As torchvision publishes them; the paper gives 0.8 million for DenseNet-BC-100 (k = 12)."""
    rows = summarize(undrawn("densenet121"), (3, 224, 224))
    assert sum(row.parameters for row in rows) == 7_978_856
    assert f"{sum(row.multiply_adds for row in rows) / 1e9:.3f}" == "2.834"
    assert count(undrawn("densenet169")) == 14_149_480 and count(undrawn("densenet201")) == 20_013_928
    with minidl.random.undrawn():
        assert f"{count(CifarDenseNet()) / 1e6:.1f}" == "0.8"
    rows = summarize(undrawn("densenet_cifar"), (3, 32, 32))
    assert sum(row.parameters for row in rows) == 223_754
    assert sum(row.multiply_adds for row in rows) / 1e6 == pytest.approx(21.9, abs=0.05)


def test_the_number_in_the_name_counts_the_layers():
    def layers(model):
        return sum(isinstance(module, nn.Conv2d | nn.Linear) for module in model.modules())

    for depth in (121, 169, 201):
        assert layers(undrawn(f"densenet{depth}", width=1 / 16)) == depth
    assert layers(undrawn("densenet_cifar", width=1 / 16)) == 32
    assert layers(CifarDenseNet(width=1 / 12)) == 100


def test_sizes_of_the_blocks():
    """Table 1 of the paper."""
    shapes = outputs_of(undrawn("densenet121"), nn.Sequential, (3, 224, 224))
    blocks = [shapes[f"features.denseblock{i}"] for i in (1, 2, 3, 4)]
    assert blocks == [(256, 56, 56), (512, 28, 28), (1024, 14, 14), (1024, 7, 7)]
    assert [shapes[f"features.transition{i}"] for i in (1, 2, 3)] == [(128, 28, 28), (256, 14, 14), (512, 7, 7)]


def published_names(joined):
    """torchvision's names; its published files have a dot between kind and number (norm.1) in the dense layers."""
    dot = "" if joined else "."
    names = {"features.conv0.weight", "classifier.weight", "classifier.bias"}
    names |= {f"features.{norm}.{key}" for norm in ("norm0", "norm5") for key in NORM}
    for i, layers in enumerate((6, 12, 24, 16), start=1):
        for j in range(1, layers + 1):
            layer = f"features.denseblock{i}.denselayer{j}"
            names |= {f"{layer}.norm{dot}{k}.{key}" for k in (1, 2) for key in NORM}
            names |= {f"{layer}.conv{dot}{k}.weight" for k in (1, 2)}
        if i < 4:
            names |= {f"features.transition{i}.norm.{key}" for key in NORM} | {f"features.transition{i}.conv.weight"}
    return names


def test_names_are_those_of_published_files():
    names = set(undrawn("densenet121", width=1 / 16).state_dict())
    assert names == published_names(joined=True)
    assert {DenseNet.published_key(key) for key in published_names(joined=False)} == names
    assert all(DenseNet.published_key(key) == key for key in names)
    assert models.CifarDenseNet.published_key("classifier.weight") == "classifier.weight"


@pytest.mark.parametrize("name, size", [("densenet121", (64, 96)), ("densenet_cifar", (32, 24)), ("stride", (16, 16))])
def test_the_same_network_in_pytorch(torch, name, size):
    import torch_densenet as twin

    ours, theirs = {
        "densenet121": lambda: (
            models.create("densenet121", 7, width=1 / 8), twin.DenseNet((6, 12, 24, 16), 4, 7),
        ),
        "densenet_cifar": lambda: (models.create("densenet_cifar", 7), twin.DenseNet((4, 6, 4), 16, 7, small_stride=2)),
        "stride": lambda: (CifarDenseNet((3, 1, 2), 7, growth=5), twin.DenseNet((3, 1, 2), 5, 7, small_stride=1)),
    }[name]()  # fmt: skip
    x = np.random.default_rng(2).standard_normal((4, 3, *size)).astype(np.float32)
    assert_same_network(torch, prepared(ours, x), theirs, x, np.array([0, 6, 2, 0]))


def test_a_layer_adds_channels_and_leaves_those_it_was_given():
    x = minidl.randn(2, 6, 5, 5)
    y = DenseLayer(6, 4)(x)
    assert y.shape == (2, 10, 5, 5)
    np.testing.assert_array_equal(y.data[:, :6], x.data)


def test_other_images_and_initial_weights():
    model = models.create("densenet121", 5, (1, 40, 56), width=1 / 8)
    assert model(minidl.zeros(2, 1, 40, 56)).shape == (2, 5)
    assert model.eval()(minidl.zeros(0, 1, 40, 56)).shape == (0, 5)
    conv = models.create("densenet_cifar").features.denseblock3.denselayer4.conv2.weight.data
    np.testing.assert_allclose(conv.std(), np.sqrt(2 / (9 * 64)), rtol=0.03)  # He et al. 2015, by fan_in
