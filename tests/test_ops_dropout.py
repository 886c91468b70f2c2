"""The dropout family: of channels, of branches, of weights. Statistics of masks, expectations, gradients, errors."""

import numpy as np
import pytest
from helpers import layouts

import minidl
from minidl import Tensor, nn, ops
from minidl import functional as F

# name -> (the function of x and p, the shape of x, the axes along which a mask is one)
FUNCTIONS = {
    "dropout2d": (F.dropout2d, (80, 100, 2, 3), (2, 3)),
    "stochastic_depth": (F.stochastic_depth, (8000, 2, 3), (1, 2)),
}
every_function = pytest.mark.parametrize("name", FUNCTIONS)


@every_function
@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_the_share_the_scale_and_the_whole(name, p):
    function, shape, axes = FUNCTIONS[name]
    y = function(minidl.ones(shape), p).data
    assert y.dtype == np.float32
    assert np.all(y == y.max(axis=axes, keepdims=True)) and np.all(y == y.min(axis=axes, keepdims=True))
    decisions = y.max(axis=axes)
    assert set(np.unique(decisions)) == {0, np.float32(1 / (1 - p))}
    sigma = np.sqrt(p * (1 - p) / decisions.size)
    assert abs(np.mean(decisions == 0) - p) < 4 * sigma
    assert abs(decisions.mean() - 1) < 4 * sigma / (1 - p)


@pytest.mark.parametrize("p", [0.2, 0.7])
def test_stochastic_depth_of_a_batch_keeps_or_drops_all(p):
    outputs = [F.stochastic_depth(minidl.ones(3, 2), p, "batch").data for _ in range(2000)]
    kept = np.array([y.max() > 0 for y in outputs])
    assert all(np.all(y == (np.float32(1 / (1 - p)) if k else 0)) for y, k in zip(outputs, kept, strict=True))
    assert abs(kept.mean() - (1 - p)) < 4 * np.sqrt(p * (1 - p) / 2000)


@every_function
def test_decisions_do_not_depend_on_each_other(name):
    """The correlation of neighbours, along every axis that is decided upon and from call to call."""
    function, shape, axes = FUNCTIONS[name]
    first, second = ((function(minidl.ones(shape), 0.5).data.max(axis=axes) > 0) * 2.0 - 1 for _ in range(2))
    limit = 4 / np.sqrt(first.size * 0.95)
    assert abs((first * second).mean()) < limit
    for axis in range(first.ndim):
        assert abs((first * np.roll(first, 1, axis)).mean()) < limit


@every_function
def test_the_gradient_goes_through_the_same_mask_in_every_layout(name):
    function, _, _ = FUNCTIONS[name]
    rng = np.random.default_rng(1)
    x, gy = rng.uniform(1, 2, (6, 5, 4, 3)), rng.standard_normal((6, 5, 4, 3))
    results = []
    for _, a in layouts(x):
        minidl.manual_seed(2)
        tensor = Tensor(a, requires_grad=True)
        y = function(tensor, 0.4)
        y.backward(gy)
        np.testing.assert_allclose(tensor.grad, gy * (y.data / x), 1e-12)
        np.testing.assert_array_equal(tensor.data, x)
        results.append(y.data)
    assert all(np.array_equal(y, results[0]) for y in results) and np.any(results[0] == 0) and np.any(results[0])


@every_function
def test_the_ends_and_outside_training(name):
    function = FUNCTIONS[name][0]
    x = Tensor(np.random.default_rng(3).standard_normal((4, 3, 2, 2)), requires_grad=True)
    assert function(x, 0.0) is x and function(x, 0.5, training=False) is x
    y = function(x, 1.0)
    assert np.all(y.data == 0) and y.dtype == np.float64
    y.sum().backward()
    assert np.all(x.grad == 0)
    assert function(minidl.zeros(0, 3, 2, 2), 0.5).shape == (0, 3, 2, 2)
    assert function(minidl.ones(1, 3, 2, 2), 0.5).shape == (1, 3, 2, 2)


def test_the_masks_of_the_family_are_drawn_alike():
    """One number of the generator a decision: the same seed drops the same places, whatever a place is."""
    masks = []
    for op, shape in ((ops.Dropout(0.5), (4, 6)), (ops.Dropout2d(0.5), (4, 6, 2, 2))):
        minidl.manual_seed(4)
        masks.append(op.forward(np.ones(shape)).reshape(4, 6, -1)[:, :, 0])
    np.testing.assert_array_equal(*masks)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: F.dropout2d(minidl.ones(2, 3), 0.5), r"dropout2d: expected images \(N, C, H, W\), got shape \(2, 3\)"),
        (lambda: nn.Dropout2d(1.5), "p is a probability, from 0 to 1, got 1.5"),
        (lambda: F.dropout2d(minidl.ones(1, 1, 1, 1), -0.1), "dropout2d: p is a probability, from 0 to 1, got -0.1"),
        (lambda: nn.StochasticDepth(np.nan), "stochastic_depth: p is a probability"),
        (lambda: nn.StochasticDepth(0.5, "rows"), "stochastic_depth: mode must be 'row' or 'batch', got 'rows'"),
        (lambda: nn.DropConnect(3, 2, -1), "p is a probability"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# ---- DropConnect ----


def test_drop_connect_by_loops_and_its_gradients():
    """The dropped weights are found out by feeding unit vectors; the rest is the definition."""
    layer = nn.DropConnect(4, 3, p=0.4)
    w, b = layer.weight.data, layer.bias.data
    minidl.manual_seed(6)
    columns = layer(minidl.Tensor(np.eye(4, dtype=np.float32))).data - b  # (I, O)
    mask = np.round(columns.T / w * 0.6)
    assert set(mask.reshape(-1)) == {0, 1}
    np.testing.assert_allclose(columns.T, w * mask / 0.6, 1e-4, 1e-6)
    rng = np.random.default_rng(7)
    x, gy = Tensor(rng.standard_normal((5, 4)).astype(np.float32), requires_grad=True), rng.standard_normal((5, 3))
    minidl.manual_seed(6)
    y = layer(x)
    y.backward(gy.astype(np.float32))
    expected, gx, gw = np.zeros((5, 3)), np.zeros((5, 4)), np.zeros((3, 4))
    for n, o, i in np.ndindex(5, 3, 4):
        kept = mask[o, i] / 0.6
        expected[n, o] += kept * w[o, i] * x.data[n, i] + b[o] / 4
        gx[n, i] += kept * w[o, i] * gy[n, o]
        gw[o, i] += kept * x.data[n, i] * gy[n, o]
    for one, other in ((y.data, expected), (x.grad, gx), (layer.weight.grad, gw), (layer.bias.grad, gy.sum(axis=0))):
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, other, 1e-4, 1e-5)


def test_drop_connect_keeps_the_expectation_and_drops_its_share():
    layer, x = nn.DropConnect(30, 20, p=0.3), minidl.randn(8, 30)
    exact = layer.eval()(x).data
    np.testing.assert_array_equal(exact, F.linear(x, layer.weight, layer.bias).data)
    layer.train()
    outputs = np.array([layer(x).data for _ in range(1000)])
    sigma = outputs.std(axis=0) / np.sqrt(1000)
    assert np.all(abs(outputs.mean(axis=0) - exact) < 5 * sigma)
    # The variance of one output is the sum of those of its terms: w^2 x^2 p / (1 - p)
    variance = (x.data**2 @ layer.weight.data.T**2) * 0.3 / 0.7
    np.testing.assert_allclose(outputs.var(axis=0), variance, 0.25)


def test_drop_connect_is_a_linear_layer_with_its_names():
    layer, linear = nn.DropConnect(4, 3), nn.Linear(4, 3)
    assert repr(layer) == "DropConnect(in_features=4, out_features=3, bias=True, p=0.5)"
    layer.load_state_dict(linear.state_dict())
    x = minidl.randn(2, 4)
    np.testing.assert_array_equal(layer.eval()(x).data, linear(x).data)
    assert nn.DropConnect(4, 3, bias=False).bias is None


# ---- Modules ----


def test_modules_follow_the_training_switch():
    x = minidl.ones(50, 4, 3, 3)
    for layer, text in (
        (nn.Dropout2d(0.25), "Dropout2d(p=0.25)"),
        (nn.StochasticDepth(0.25), "StochasticDepth(p=0.25, mode=row)"),
        (nn.StochasticDepth(0.25, "batch"), "StochasticDepth(p=0.25, mode=batch)"),
    ):
        assert repr(layer) == text
        assert layer.eval()(x) is x
        minidl.manual_seed(8)
        y = layer.train()(x).data
        assert set(np.unique(y)) <= {0, np.float32(4 / 3)}
        minidl.manual_seed(8)
        np.testing.assert_array_equal(layer(x).data, y)
