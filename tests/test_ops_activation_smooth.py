"""The rest of the relu family, maxout, and the smooth activations: PyTorch, formulas, extremes, layouts, corners."""

import math

import numpy as np
import pytest
from helpers import away_from_kinks, compare, layouts

from minidl import Tensor, nn, ops
from minidl import functional as F
from minidl.kernels.normal import LAST, STEPS, normal_cdf


def phi(x):
    return math.erfc(-x / math.sqrt(2)) / 2


# name -> (ours, the keyword arguments of both, the formula in Python's floats)
FUNCTIONS = {
    "relu6": ({}, lambda x: min(max(x, 0), 6)),
    "elu": ({"alpha": 1.5}, lambda x: x if x > 0 else 1.5 * math.expm1(x)),
    "selu": ({}, lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x))),
    "gelu": ({}, lambda x: x * phi(x)),
    "gelu tanh": (
        {"approximate": "tanh"},
        lambda x: x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    ),
    "silu": ({}, lambda x: x / (1 + math.exp(-x))),
    "softplus": ({}, lambda x: math.log1p(math.exp(-abs(x))) + max(x, 0)),
    "softplus of beta": (
        {"beta": 3.0, "threshold": 5.0},
        lambda x: x if x > 5 / 3 else math.log1p(math.exp(3 * x)) / 3,
    ),
}
every_function = pytest.mark.parametrize("name", FUNCTIONS)


def ours(name):
    return lambda x: getattr(F, name.split()[0])(x, **FUNCTIONS[name][0])


def theirs(torch, name):
    return lambda x: getattr(torch.nn.functional, name.split()[0])(x, **FUNCTIONS[name][0])


@every_function
@pytest.mark.parametrize("shape", [(40, 5), (), (0, 3), (2, 3, 5, 4)], ids=str)
def test_activations_against_pytorch_and_one_value_at_a_time(torch, name, shape):
    x = away_from_kinks(np.random.default_rng(1), *shape) * 2
    compare(torch, ours(name), theirs(torch, name), x)
    expected = [FUNCTIONS[name][1](v) for v in x.reshape(-1)]
    np.testing.assert_allclose(ours(name)(Tensor(x)).data.reshape(-1), expected, 1e-11, 1e-15)


@every_function
def test_float32_is_accurate(torch, name):
    """Against float64 on the same values, and no worse than the spacing of float32 where y is not small."""
    x = np.random.default_rng(2).uniform(-12, 12, 20000).astype(np.float32)
    gy = np.random.default_rng(3).standard_normal(x.shape).astype(np.float32)
    tensor, exact = Tensor(x, requires_grad=True), Tensor(x.astype(np.float64), requires_grad=True)
    y, z = ours(name)(tensor), ours(name)(exact)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.data, z.data, 2e-6, 2e-7)
    y.backward(gy)
    z.backward(gy.astype(np.float64))
    assert tensor.grad.dtype == np.float32
    np.testing.assert_allclose(tensor.grad, exact.grad, 2e-6, 2e-6)


@every_function
def test_every_layout_and_shared_out(name, threads):
    """Large enough for two threads and for several blocks."""
    threads(3)
    x = np.random.default_rng(2).standard_normal((6, 8, 20, 400)).astype(np.float32)
    gy = np.random.default_rng(3).standard_normal(x.shape).astype(np.float32)
    expected = [np.float32(FUNCTIONS[name][1](float(v))) for v in x[1, 2, 3]]
    results = []
    for _, a in layouts(x):
        tensor = Tensor(a, requires_grad=True)
        y = ours(name)(tensor)
        np.testing.assert_allclose(y.data[1, 2, 3], expected, 1e-5, 1e-6)
        y.backward(gy)
        results.append((y.data, tensor.grad))
    for result in results[1:]:
        for one, other in zip(result, results[0], strict=True):
            np.testing.assert_allclose(one, other, 1e-5, 1e-6)


@every_function
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extremes_overflow_nowhere_and_the_slope_is_right(torch, name, dtype):
    values = np.array([-1e4, -100, -40, -20, 20, 40, 100, 1e4], dtype)
    x = Tensor(values, requires_grad=True)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        y = ours(name)(x)
        y.backward(np.ones_like(values))
    t = torch.tensor(values, requires_grad=True)
    z = theirs(torch, name)(t)
    z.sum().backward()
    np.testing.assert_allclose(y.data, z.detach().numpy(), 1e-6, 1e-12)
    np.testing.assert_allclose(x.grad, t.grad.numpy(), 1e-6, 1e-12)
    assert y.dtype == x.grad.dtype == dtype
    with np.errstate(invalid="raise"):
        assert np.isnan(ours(name)(Tensor(np.array([np.nan, 1], dtype))).data[0])


@every_function
def test_at_the_corners_the_side_is_that_of_pytorch(torch, name):
    corners = np.array([0.0, -0.0, 6.0, 20.0, 5 / 3, 1.0])
    compare(torch, ours(name), theirs(torch, name), corners)


@every_function
def test_integers_are_refused(name):
    with pytest.raises(TypeError, match=f"{name.split()[0]}: x must be floating-point, got int64"):
        ours(name)(Tensor(np.arange(3)))


@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 3e-16), (np.float32, 1.2e-7)])
def test_the_normal_distribution_is_good_to_rounding(dtype, tolerance):
    """Between the points of the table and at them, and in the lower tail in proportion to itself."""
    x = np.concatenate([np.random.default_rng(4).uniform(-9, 9, 20000), np.arange(-8, 8, 0.5 / STEPS)]).astype(dtype)
    expected = np.array([phi(float(v)) for v in x])
    np.testing.assert_allclose(normal_cdf(x), expected, 0, tolerance)
    np.testing.assert_allclose(normal_cdf(x), expected, 1e-12 if dtype == np.float64 else 1e-5)
    ends = normal_cdf(np.array([-1e4, -LAST, LAST, 1e4, np.inf, -np.inf], dtype))
    np.testing.assert_allclose(ends, [0, 0, 1, 1, 1, 0], atol=1e-300)


def test_small_values_keep_their_digits():
    for dtype in (np.float32, np.float64):
        small = -np.array([1e-3, 1e-6, 1e-10, 1e-20], dtype)
        np.testing.assert_allclose(F.elu(Tensor(small)).data, np.expm1(small), 8 * np.finfo(dtype).eps)
        far = np.array([-5, -10, -20, -30, -50, -80], dtype)
        np.testing.assert_allclose(F.softplus(Tensor(far)).data, np.log1p(np.exp(far)), 8 * np.finfo(dtype).eps)


def test_selu_keeps_mean_0_and_variance_1():
    rng = np.random.default_rng(5)
    x = rng.standard_normal((1000, 200))
    for _ in range(20):
        x = F.selu(Tensor(x @ (rng.standard_normal((200, 200)) / math.sqrt(200)))).data
    assert abs(x.mean()) < 0.1 and abs(x.var() - 1) < 0.15


# ---- Leaky relu whose slope is learned ----


@pytest.mark.parametrize(
    "shape, slopes", [((4, 3), 3), ((4, 3), 1), ((2, 3, 5, 4), 3), ((2, 3, 5, 4), 1), ((0, 3, 2, 2), 3), ((1, 3, 7), 3)]
)
def test_prelu_against_pytorch(torch, shape, slopes):
    w = np.random.default_rng(6).standard_normal(slopes)
    x = away_from_kinks(np.random.default_rng(7), *shape)
    x.reshape(-1)[:1] = 0  # the corner: the side of the slope
    compare(torch, F.prelu, torch.nn.functional.prelu, x, w)


def test_prelu_one_value_at_a_time_and_in_every_layout():
    rng = np.random.default_rng(8)
    x, w, gy = (rng.standard_normal(shape) for shape in ((2, 3, 4, 5), (3,), (2, 3, 4, 5)))
    y, gx, gw = np.zeros(x.shape), np.zeros(x.shape), np.zeros(3)
    for i in np.ndindex(x.shape):
        positive = x[i] > 0
        y[i] = x[i] if positive else w[i[1]] * x[i]
        gx[i] = gy[i] if positive else w[i[1]] * gy[i]
        gw[i[1]] += 0 if positive else x[i] * gy[i]
    for (_, a), (_, g) in zip(layouts(x), layouts(gy), strict=True):
        op = ops.PReLU()
        np.testing.assert_allclose(op.forward(a, w), y, 1e-12)
        for one, other in zip(op.backward(g), (gx, gw), strict=True):
            np.testing.assert_allclose(one, other, 1e-12)


def test_prelu_skips_what_nobody_needs_and_keeps_float32():
    for needs in ((True, False), (False, True)):
        arrays = np.ones((2, 3), np.float32), np.ones(3, np.float32)
        op = ops.PReLU()
        assert op(*(Tensor(a, need) for a, need in zip(arrays, needs, strict=True))).dtype == np.float32
        assert [g is not None and g.dtype == np.float32 for g in op.backward(arrays[0])] == list(needs)


@pytest.mark.parametrize("name, negative", [("leaky_relu", 0.01), ("prelu", 0.5)])
def test_infinity_and_nan_pass_through_bent_lines(name, negative):
    x = Tensor(np.array([np.inf, -np.inf, np.nan, 1e4]))
    y = F.prelu(x, Tensor(np.array([0.5]))) if name == "prelu" else F.leaky_relu(x)
    np.testing.assert_array_equal(y.data, [np.inf, -np.inf, np.nan, 1e4])
    np.testing.assert_array_equal(
        getattr(F, name)(Tensor([-2.0]), Tensor([0.5]) if name == "prelu" else 0.01).data, np.float32([-2 * negative])
    )


@pytest.mark.parametrize("shape, slopes", [((4, 3), 4), ((3,), 3), ((2, 3, 4, 4), 4), ((4, 3), 0)], ids=str)
def test_prelu_errors(shape, slopes):
    with pytest.raises(
        ValueError, match=rf"prelu: w must have one value, or one a channel.* w \({slopes},\) for x \({shape[0]},"
    ):
        ops.PReLU().forward(np.ones(shape), np.ones(slopes))


# ---- Maxout ----


def maxout_loops(x, pieces, gy):
    """From the definition, along axis 1: y and gx, where the first of equals takes all."""
    n, c, h, w = x.shape
    y, gx = np.zeros((n, c // pieces, h, w)), np.zeros(x.shape)
    for i, group, row, column in np.ndindex(y.shape):
        best = group * pieces
        for k in range(group * pieces, (group + 1) * pieces):
            if x[i, k, row, column] > x[i, best, row, column]:
                best = k
        y[i, group, row, column] = x[i, best, row, column]
        gx[i, best, row, column] += gy[i, group, row, column]
    return y, gx


@pytest.mark.parametrize("pieces", [1, 2, 3, 6])
@pytest.mark.parametrize("n", [0, 1, 3])
def test_maxout_by_loops_in_every_layout(pieces, n):
    rng = np.random.default_rng(9)
    x = rng.integers(0, 4, (n, 6, 3, 5)).astype(float)  # with equal values
    gy = rng.standard_normal((n, 6 // pieces, 3, 5))
    expected = maxout_loops(x, pieces, gy)
    for (_, a), (_, g) in zip(layouts(x), layouts(gy), strict=True):
        op = ops.Maxout(pieces)
        y = op.forward(a)
        np.testing.assert_array_equal(y, expected[0])
        np.testing.assert_array_equal(op.backward(g)[0], expected[1])
        assert not np.shares_memory(y, a)


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_maxout_along_any_axis_against_pytorch(torch, dim):
    x = away_from_kinks(np.random.default_rng(10), 4, 6, 2)
    compare(
        torch, lambda t: F.maxout(t, 2, dim), lambda t: t.unflatten(dim, (-1, 2)).amax(dim if dim < 0 else dim + 1), x
    )


def test_maxout_of_float32_and_nan():
    x = np.array([[1, 2, np.nan, 3]], np.float32)
    op = ops.Maxout(2)
    y = op.forward(x)
    np.testing.assert_array_equal(y, np.float32([[2, np.nan]]))
    assert y.dtype == op.backward(np.ones_like(y))[0].dtype == np.float32


def test_maxout_of_two_lines_is_relu_and_abs():
    x = np.random.default_rng(11).standard_normal((5, 1))
    np.testing.assert_array_equal(F.maxout(Tensor(np.hstack([x, 0 * x])), 2).data, F.relu(Tensor(x)).data)
    np.testing.assert_array_equal(F.maxout(Tensor(np.hstack([x, -x])), 2).data, abs(x))


# ---- Errors and modules ----


@pytest.mark.parametrize(
    "make, message",
    [
        (
            lambda: F.maxout(Tensor(np.ones((2, 5))), 2),
            r"maxout: 5 channels do not divide into groups of 2 \(x \(2, 5\), axis 1",
        ),
        (lambda: F.maxout(Tensor(np.ones(4)), 2), r"there is no axis 1: an array of shape \(4,\) has axes 0 to 0"),
        (lambda: nn.Maxout(0), "maxout: pieces must be a whole number from 1, got 0"),
        (lambda: nn.Maxout(2.0), "maxout: pieces must be a whole number from 1, got 2.0"),
        (lambda: nn.GELU("erf"), "gelu: approximate must be 'none' or 'tanh', got 'erf'"),
        (lambda: nn.Softplus(0), "softplus: beta must be greater than 0, got 0"),
        (lambda: nn.Softplus(np.nan), "softplus: beta must be greater than 0"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("function", [lambda x: F.prelu(x, Tensor([0.1])), lambda x: F.maxout(x, 1)])
def test_integers_are_refused_by_the_others(function):
    with pytest.raises(TypeError, match="must be floating-point, got int64"):
        function(Tensor(np.ones((2, 3), np.int64)))


LAYERS = [
    (("ELU", 0.5), "ELU(alpha=0.5)"),
    (("GELU",), "GELU(approximate='none')"),
    (("GELU", "tanh"), "GELU(approximate='tanh')"),
    (("PReLU",), "PReLU(num_parameters=1)"),
    (("PReLU", 3, 0.1), "PReLU(num_parameters=3)"),
    (("ReLU6",), "ReLU6()"),
    (("SELU",), "SELU()"),
    (("SiLU",), "SiLU()"),
    (("Softplus", 2.0, 10.0), "Softplus(beta=2.0, threshold=10.0)"),
]


@pytest.mark.parametrize("settings, text", LAYERS, ids=[text for _, text in LAYERS])
def test_modules_against_pytorch(torch, settings, text):
    name, *settings = settings
    layer, reference = getattr(nn, name)(*settings), getattr(torch.nn, name)(*settings)
    assert repr(layer) == text == repr(reference)
    assert {n: t.shape for n, t in layer.named_parameters()} == {n: t.shape for n, t in reference.named_parameters()}
    x = np.random.default_rng(12).standard_normal((4, 3, 5, 2)).astype(np.float32) * 5
    y = layer(Tensor(x))
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.data, reference(torch.tensor(x)).detach().numpy(), 1e-5, 1e-6)


def test_maxout_as_a_module():
    assert repr(nn.Maxout(3)) == "Maxout(pieces=3, dim=1)"
    x = Tensor(np.arange(12.0).reshape(2, 6))
    np.testing.assert_array_equal(nn.Maxout(3)(x).data, [[2, 5], [8, 11]])
    np.testing.assert_array_equal(nn.Maxout(2, 0)(x).data, [[6, 7, 8, 9, 10, 11]])
