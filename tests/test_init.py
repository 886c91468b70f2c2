"""Initial weights: their statistics, PyTorch's bounds, seeds."""

from math import sqrt

import numpy as np
import pytest

import minidl
from minidl import Tensor, nn, optim, random
from minidl import functional as F
from minidl.nn import init

LARGE = {(400, 300): (300, 400), (64, 32, 5, 5): (800, 1600)}  # shape: (fan in, fan out)


def new(shape):
    minidl.manual_seed(11)
    return nn.Parameter(np.full(shape, np.nan, np.float32))


EXPECTED = {
    "xavier_normal_": (init.xavier_normal_, lambda i, o: sqrt(2 / (i + o))),
    "xavier_uniform_": (init.xavier_uniform_, lambda i, o: sqrt(2 / (i + o))),
    "xavier with gain": (lambda t: init.xavier_normal_(t, 5 / 3), lambda i, o: 5 / 3 * sqrt(2 / (i + o))),
    "he_normal_": (init.he_normal_, lambda i, o: sqrt(2 / i)),
    "he_uniform_": (init.he_uniform_, lambda i, o: sqrt(2 / i)),
    "kaiming_normal_": (init.kaiming_normal_, lambda i, o: sqrt(2 / i)),
    "he of outputs": (lambda t: init.he_normal_(t, "fan_out"), lambda i, o: sqrt(2 / o)),
    "he, linear": (lambda t: init.he_uniform_(t, nonlinearity="linear"), lambda i, o: sqrt(1 / i)),
    "he, leaky": (lambda t: init.he_normal_(t, nonlinearity="leaky_relu"), lambda i, o: sqrt(2 / 1.0001 / i)),
    "he, tanh": (lambda t: init.he_normal_(t, nonlinearity="tanh"), lambda i, o: 5 / 3 / sqrt(i)),
    "normal_": (lambda t: init.normal_(t, 0, 0.3), lambda i, o: 0.3),
    "uniform_": (lambda t: init.uniform_(t, -0.6, 0.6), lambda i, o: 1.2 / sqrt(12)),
}


@pytest.mark.parametrize("shape", LARGE, ids=str)
@pytest.mark.parametrize("name", EXPECTED)
def test_standard_deviation_and_mean(name, shape):
    fill, std = EXPECTED[name]
    tensor = new(shape)
    assert fill(tensor) is tensor
    expected = std(*LARGE[shape])
    assert tensor.dtype == np.float32
    assert abs(tensor.data.std() / expected - 1) < 0.02
    assert abs(tensor.data.mean()) < 0.02 * expected
    if "uniform" in name:
        assert np.abs(tensor.data).max() <= expected * sqrt(3) * (1 + 1e-6)
        assert np.abs(tensor.data).max() > 0.999 * expected * sqrt(3)


def test_constants():
    tensor = new((3, 4))
    assert np.all(init.constant_(tensor, 0.5).data == 0.5)
    assert np.all(init.ones_(tensor).data == 1) and np.all(init.zeros_(tensor).data == 0)


@pytest.mark.parametrize("nonlinearity", ["linear", "sigmoid", "tanh", "relu", "leaky_relu"])
def test_gains_are_those_of_pytorch(torch, nonlinearity):
    assert init.GAINS[nonlinearity] == pytest.approx(torch.nn.init.calculate_gain(nonlinearity))


@pytest.mark.parametrize(
    "make, reference",
    [
        (lambda nn: nn.Linear(300, 200), "Linear"),
        (lambda nn: nn.Conv2d(16, 64, (3, 5)), "Conv2d"),
        (lambda nn: nn.Conv2d(32, 64, 3, groups=4), "Conv2d in groups"),
    ],
)
def test_default_weights_have_the_distribution_of_pytorch(torch, make, reference):
    minidl.manual_seed(1)
    torch.manual_seed(1)
    ours, theirs = make(nn), make(torch.nn)
    fan_in = ours.weight.size // ours.weight.shape[0]
    for name in ("weight", "bias"):
        a, b = getattr(ours, name).data, getattr(theirs, name).detach().numpy()
        assert np.abs(a).max() <= 1 / sqrt(fan_in) * (1 + 1e-6)
        assert np.abs(a).max() == pytest.approx(np.abs(b).max(), rel=0.01 if name == "weight" else 0.1)
        assert a.std() == pytest.approx(b.std(), rel=0.02 if name == "weight" else 0.15)


def test_the_same_seed_gives_the_same_weights():
    models = []
    for seed in (5, 5, 6):
        minidl.manual_seed(seed)
        models.append(minidl.nn.Sequential(nn.Conv2d(3, 8, 3), nn.Linear(4, 2)).state_dict())
    for name, array in models[0].items():
        np.testing.assert_array_equal(array, models[1][name])
        assert not np.array_equal(array, models[2][name])


@pytest.mark.parametrize(
    "activation, fill, expected, tolerance",
    [
        (F.tanh, lambda w: init.normal_(w, 0, 0.01), [0.213, 0.0476, 0.0106, 0], [0.01, 0.01, 0.01, 0]),
        (F.tanh, lambda w: init.normal_(w, 0, 1.0), [0.98, 0.98, 0.98, 0.98], [0.005] * 4),
        (F.tanh, init.xavier_normal_, [0.628, 0.486, 0.408, 0.228], [0.01] * 4),
        (F.relu, init.xavier_normal_, [0.583, 0.404, 0.277, 0.026], [0.01, 0.04, 0.1, 0.2]),
        (F.relu, init.he_normal_, [0.825, 0.828, 0.814, 0.845], [0.01, 0.02, 0.05, 0.2]),
    ],
    ids=["tanh, 0.01", "tanh, 1.0", "tanh, Xavier", "relu, Xavier", "relu, He"],
)
def test_activations_keep_their_scale_as_in_the_lectures(activation, fill, expected, tolerance):
    """1000 gaussian inputs of 500 dimensions through ten layers of 500: the standard deviations that are shown.

    With relu the scales of the layers wander, each from that of the layer before; with tanh they do not.
    """
    minidl.manual_seed(7)
    x, deviations = minidl.randn(1000, 500), []
    with minidl.no_grad():
        for _ in range(10):
            x = activation(F.linear(x, fill(nn.Parameter(np.zeros((500, 500), np.float32)))))
            deviations.append(x.data.std())
    actual = np.array(deviations)[[0, 1, 2, 9]]
    assert np.all(abs(actual - expected) <= np.array(tolerance) * expected + 1e-5), actual


def test_errors():
    with pytest.raises(ValueError, match="two or more axes"):
        init.he_normal_(new((3,)))
    with pytest.raises(ValueError, match="unknown nonlinearity 'gelu': expected one of linear"):
        init.he_normal_(new((3, 3)), nonlinearity="gelu")
    with pytest.raises(ValueError, match="'fan_in' or 'fan_out', got 'fan'"):
        init.he_normal_(new((3, 3)), mode="fan")


def test_undrawn_weights_are_zero_and_can_be_loaded_and_trained():
    with random.undrawn():
        layer = nn.Linear(1024, 700)  # large enough for pages of its own
    assert layer.weight.shape == (700, 1024) and not layer.weight.data.any() and not layer.bias.data.any()
    state = {name: np.full_like(array, 0.5) for name, array in layer.state_dict().items()}
    layer.load_state_dict(state)
    assert (layer.weight.data == 0.5).all()
    layer(Tensor(np.ones((1, 1024), np.float32))).sum().backward()
    optim.SGD(layer.parameters(), lr=0.5).step()
    assert not layer.weight.data.any()
    assert nn.Linear(1024, 700).weight.data.all()
