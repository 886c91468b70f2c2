"""Models: parameter counts from layer arithmetic, the same networks in PyTorch, names and errors."""

import numpy as np
import pytest
from twins import assert_same_network, count, prepared

import minidl
from minidl import functional as F
from minidl import models, nn


def resnet_parameters(depth):
    """The sum over the layers of He et al. 2016, section 4.2: 3x3 convolutions without bias, batch norm, option A."""
    blocks = (depth - 2) // 6
    total = 3 * 16 * 9 + 2 * 16
    for inputs, channels in ((16, 16), (16, 32), (32, 64)):
        first = (inputs + channels) * channels * 9
        total += first + (blocks - 1) * 2 * channels * channels * 9 + blocks * 4 * channels
    return total + 64 * 10 + 10


PUBLISHED = {"resnet20": 269_722, "resnet32": 464_154, "resnet44": 658_586, "resnet56": 853_018, "resnet110": 1_727_962}


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_of_the_residual_networks(name):
    depth = int(name.removeprefix("resnet"))
    model = models.create(name)
    assert count(model) == resnet_parameters(depth) == PUBLISHED[name]
    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert len(layers) == depth


def test_parameters_of_lenet5_layer_by_layer():
    model = models.create("lenet5")
    expected = {"conv1": 6 * 25 + 6, "conv2": 16 * 150 + 16, "fc1": 48_000 + 120, "fc2": 10_080 + 84, "fc3": 840 + 10}
    assert {name: count(layer) for name, layer in model.named_children()} == expected
    assert count(model) == sum(expected.values()) == 61_706


def test_parameters_of_the_mlp():
    assert count(models.create("mlp")) == 784 * 256 + 256 + 256 * 128 + 128 + 128 * 10 + 10


DEEP = {"resnet56", "resnet110", "plain56", "preact_resnet56", "preact_resnet110", "preact_resnet164"}
SMALL = [n for n in models.names() if max(models.input_shape(n)) <= 40 and n not in DEEP]


@pytest.mark.parametrize("name", SMALL)
def test_every_model_takes_its_input_and_learns_all_of_its_parameters(name):
    minidl.manual_seed(0)
    model = models.create(name, num_classes=7)
    y = model(minidl.randn(2, *models.input_shape(name)))
    assert y.shape == (2, 7)
    F.cross_entropy(y, np.array([0, 6])).backward()
    assert all(p.grad is not None and p.grad.shape == p.shape for p in model.parameters())
    assert models.describe(name)


@pytest.mark.parametrize(
    "name, shape", [("lenet5", (3, 32, 32)), ("mlp", (3, 8, 8)), ("resnet20", (1, 28, 28)), ("resnet20", (3, 40, 24))]
)
def test_other_inputs(name, shape):
    assert models.create(name, input_shape=shape)(minidl.zeros(2, *shape)).shape == (2, 10)


def test_an_empty_batch_goes_through_every_kind_of_model():
    for name in ("mlp", "lenet5", "resnet20"):
        model = models.create(name).eval()
        assert model(minidl.zeros(0, *models.input_shape(name))).shape == (0, 10)


@pytest.mark.parametrize("name", ["lenet5", "resnet20"])
def test_the_same_network_in_pytorch(torch, name):
    import torch_models

    x = np.random.default_rng(2).standard_normal((4, *models.input_shape(name))).astype(np.float32)
    ours = prepared(models.create(name), x)
    assert_same_network(torch, ours, torch_models.create(name), x, np.array([3, 0, 9, 3]))


def test_a_seed_means_the_same_weights():
    states = []
    for _ in range(2):
        minidl.manual_seed(9)
        states.append(models.create("resnet20").state_dict())
    assert all(np.array_equal(states[0][name], states[1][name]) for name in states[0])


def test_a_trained_model_loads_into_a_new_one():
    first = models.create("resnet20")
    x = minidl.randn(4, 3, 32, 32)
    first(x)
    second = models.create("resnet20")
    second.load_state_dict(first.state_dict())
    np.testing.assert_array_equal(first.eval()(x).data, second.eval()(x).data)


@pytest.mark.parametrize(
    "name, hint",
    [("resnet-20", "resnet20"), ("lenet", "lenet5"), ("LeNet-5", "lenet5"), ("resnet19", "resnet"), ("xyz", "names")],
)
def test_unknown_names_come_with_near_ones(name, hint):
    for function in (models.create, models.input_shape, models.describe):
        with pytest.raises(ValueError, match=f"unknown model '{name}': .*{hint}"):
            function(name)


def test_names():
    assert set(models.names()) >= {"mlp", "lenet5", *PUBLISHED}


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: models.CifarResNet(21), "depth must be 6n . 2"),
        (lambda: models.CifarResNet(2), "depth must be 6n . 2"),
        (lambda: models.LeNet5(input_shape=(1, 20, 20)), "28x28 or 32x32, got 20x20"),
        (lambda: models.create("resnet20")(minidl.zeros(1, 1, 32, 32)), "x has 1 channels but w expects 3"),
        (lambda: models.create("mlp")(minidl.zeros(1, 3, 28, 28)), "x has 2352 features but w expects 784"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_weights_about_to_be_loaded_are_not_drawn():
    minidl.manual_seed(0)
    with minidl.random.undrawn():
        model = models.create("resnet20")
    assert not model.fc.weight.data.any() and not model.conv1.weight.data.any()
    first = models.create("lenet5").fc1.weight.data
    minidl.manual_seed(0)
    np.testing.assert_array_equal(models.create("lenet5").fc1.weight.data, first)
