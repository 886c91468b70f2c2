"""Activations, softmax, dropout, linear and flatten: PyTorch, formulas, extremes, layouts."""

import numpy as np
import pytest
from helpers import away_from_kinks, compare, layouts

import minidl
from minidl import Tensor, ops
from minidl import functional as F

FUNCTIONS = {
    "relu": (F.relu, lambda x: max(x, 0.0)),
    "leaky_relu": (F.leaky_relu, lambda x: x if x > 0 else 0.01 * x),
    "sigmoid": (F.sigmoid, lambda x: 1 / (1 + np.exp(-x))),
    "tanh": (F.tanh, lambda x: (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))),
}


def of_torch(torch, name):
    return getattr(torch.nn.functional, name) if name not in ("sigmoid", "tanh") else getattr(torch, name)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("shape", [(4, 5), (), (0, 3), (2, 3, 4, 5)], ids=str)
def test_activations_against_pytorch_and_one_value_at_a_time(torch, name, shape):
    x = away_from_kinks(np.random.default_rng(1), *shape)
    function, formula = FUNCTIONS[name]
    compare(torch, function, of_torch(torch, name), x)
    expected = [formula(v) for v in x.reshape(-1)]
    np.testing.assert_allclose(function(Tensor(x)).data.reshape(-1), expected, 1e-10)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_activations_in_every_layout_and_shared_out(name, threads):
    threads(3)
    x = np.random.default_rng(2).standard_normal((6, 8, 20, 40)).astype(np.float32)
    gy = np.random.default_rng(3).standard_normal(x.shape).astype(np.float32)
    function = FUNCTIONS[name][0]
    expected = None
    for _, a in layouts(x):
        tensor = Tensor(a, requires_grad=True)
        y = function(tensor)
        assert y.dtype == np.float32
        y.backward(gy)
        if expected is None:
            expected = y.data, tensor.grad
        # numpy may take another loop for another stride, whose last bit differs
        np.testing.assert_allclose(y.data, expected[0], 1e-5, 1e-7)
        np.testing.assert_allclose(tensor.grad, expected[1], 1e-5, 1e-6)


@pytest.mark.parametrize("name", ["relu", "leaky_relu"])
def test_the_gradient_at_exactly_zero_is_that_of_pytorch(torch, name):
    compare(torch, FUNCTIONS[name][0], of_torch(torch, name), np.array([0.0, -0.0, 1.0, -1.0]))


def test_the_slope_of_leaky_relu(torch):
    x = away_from_kinks(np.random.default_rng(1), 3, 4)
    for slope in (0.3, 0.0, 1.0, -0.5):
        reference = torch.nn.LeakyReLU(slope)
        compare(torch, lambda t, s=slope: F.leaky_relu(t, s), reference, x)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extremes_overflow_nowhere_and_nan_stays_nan(name, dtype):
    x = Tensor(np.array([-1e4, -100, 0, 100, 1e4, np.nan], dtype), requires_grad=True)
    with np.errstate(over="raise", divide="raise"):
        y = FUNCTIONS[name][0](x)
        y.backward(np.ones(6, dtype))
    assert np.all(np.isfinite(y.data[:-1])) and np.all(np.isfinite(x.grad[:-1]))
    assert np.isnan(y.data[-1])


def test_sigmoid_keeps_its_small_values(torch):
    for dtype in (np.float32, np.float64):
        x = np.linspace(-60, 60, 121).astype(dtype)
        np.testing.assert_allclose(F.sigmoid(Tensor(x)).data, torch.sigmoid(torch.tensor(x)).numpy(), rtol=1e-5)


# ---- Softmax ----


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_softmax_against_pytorch(torch, name, dim):
    x = np.random.default_rng(4).standard_normal((3, 4, 5)) * 3
    reference = getattr(torch.nn.functional, name)
    compare(torch, lambda t: getattr(F, name)(t, dim), lambda t: reference(t, dim=dim), x)


def test_softmax_one_value_at_a_time():
    x = np.random.default_rng(4).standard_normal((3, 4))
    expected = [[np.exp(v) / sum(np.exp(u) for u in row) for v in row] for row in x]
    np.testing.assert_allclose(F.softmax(Tensor(x)).data, expected)
    np.testing.assert_allclose(F.log_softmax(Tensor(x)).data, np.log(expected))


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("scale", [1e2, 1e4])
def test_softmax_of_large_logits(torch, name, scale):
    x = np.array([[scale, -scale, 0], [scale, scale, -scale], [-scale, -scale, -scale], [0, 1e-3, -scale]])
    reference = getattr(torch.nn.functional, name)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        compare(torch, getattr(F, name), lambda t: reference(t, dim=-1), x)
        compare(torch, lambda t: getattr(F, name)(t, 0), lambda t: reference(t, dim=0), x)


# ---- Dropout ----


def test_dropout_keeps_the_mean_and_the_share():
    minidl.manual_seed(0)
    x = minidl.ones(400, 500)
    for p in (0.1, 0.5, 0.9):
        y = F.dropout(x, p).data
        values = np.unique(y)
        np.testing.assert_allclose(values, [0, 1 / (1 - p)], 1e-6)
        assert y.dtype == np.float32
        assert abs(np.mean(y == 0) - p) < 0.005
        assert abs(y.mean() - 1) < 0.02


def test_dropout_is_seeded_and_draws_anew_each_time():
    x, masks = minidl.ones(50, 50), []
    for seed in (3, 3, 4):
        minidl.manual_seed(seed)
        masks += [F.dropout(x).data, F.dropout(x).data]
    assert np.array_equal(masks[0], masks[2]) and np.array_equal(masks[1], masks[3])
    assert not np.array_equal(masks[0], masks[1]) and not np.array_equal(masks[0], masks[4])


def test_the_gradient_of_dropout_goes_through_the_same_mask():
    minidl.manual_seed(1)
    x = Tensor(np.random.default_rng(5).uniform(1, 2, (30, 40)), requires_grad=True)
    y = F.dropout(x, 0.3)
    gy = np.random.default_rng(6).standard_normal(y.shape)
    y.backward(gy)
    np.testing.assert_allclose(x.grad, gy * (y.data / x.data), 1e-12)
    assert np.array_equal(x.grad == 0, y.data == 0)


def test_dropout_at_the_ends_and_outside_training():
    x = minidl.randn(10, 10, requires_grad=True)
    assert F.dropout(x, 0) is x
    assert F.dropout(x, 0.5, training=False) is x
    y = F.dropout(x, 1)
    assert np.all(y.data == 0)
    y.sum().backward()
    assert np.all(x.grad == 0)
    np.testing.assert_array_equal(ops.Dropout(0).forward(x.data), x.data)


@pytest.mark.parametrize("p", [-0.1, 1.1, np.nan])
def test_dropout_of_no_probability(p):
    with pytest.raises(ValueError, match="probability"):
        F.dropout(minidl.ones(2), p)


# ---- Linear and flatten ----


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("shape", [(5, 4), (4,), (2, 3, 4), (0, 4), (1, 4), (300, 4)], ids=str)
def test_linear_against_pytorch(torch, shape, biased):
    rng = np.random.default_rng(7)
    arrays = [rng.standard_normal(s) for s in (shape, (3, 4), (3,))][: 3 if biased else 2]
    compare(torch, F.linear, torch.nn.functional.linear, *arrays)


def test_linear_by_loops_and_in_every_layout():
    rng = np.random.default_rng(8)
    x, w, b = (rng.standard_normal(s) for s in ((5, 4), (3, 4), (3,)))
    expected = [[sum(x[n, i] * w[o, i] for i in range(4)) + b[o] for o in range(3)] for n in range(5)]
    for (_, x2), (_, w2) in zip(layouts(x), layouts(w), strict=True):
        np.testing.assert_allclose(F.linear(Tensor(x2), Tensor(w2), Tensor(b)).data, expected)


@pytest.mark.parametrize("needs", [(True, False, False), (False, True, False), (False, False, True)], ids=str)
def test_linear_skips_what_nobody_needs(needs):
    rng = np.random.default_rng(8)
    arrays = [rng.standard_normal(s) for s in ((5, 4), (3, 4), (3,))]
    inputs = [Tensor(a, requires_grad=need) for a, need in zip(arrays, needs, strict=True)]
    op = ops.Linear()
    op(*inputs)
    assert [g is not None for g in op.backward(np.ones((5, 3)))] == list(needs)


@pytest.mark.parametrize(
    "shapes, message",
    [
        (((5, 4), (4, 3), None), "x has 4 features but w expects 3"),
        (((5, 2, 2, 2), (3, 8), None), r"Flatten the images first: x\.flatten\(1\)"),
        (((5, 4), (3, 4), (4,)), r"b must have shape \(3,\)"),
        (((), (3, 4), None), "x has 0 features"),
        (((5, 4), (3, 4, 1), None), "linear"),
    ],
)
def test_linear_errors(shapes, message):
    with pytest.raises(ValueError, match=message):
        F.linear(*(None if s is None else minidl.zeros(s) for s in shapes))


def test_flatten(torch):
    x = np.random.default_rng(9).standard_normal((2, 3, 4, 5))
    for start in (0, 1, 2, -1):
        compare(torch, lambda t, s=start: F.flatten(t, s), lambda t, s=start: torch.flatten(t, s), x)
    images = np.ascontiguousarray(x.transpose(2, 1, 3, 0)).transpose(3, 1, 0, 2)
    np.testing.assert_array_equal(F.flatten(Tensor(images)).data, x.reshape(2, -1))
