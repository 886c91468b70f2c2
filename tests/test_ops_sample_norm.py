"""Layer norm, group norm, local response normalization: PyTorch, loops, layouts, accuracy, errors."""

import numpy as np
import pytest
from helpers import compare, layouts

import minidl
from minidl import Tensor, nn, ops
from minidl import functional as F


def arrays(shape, weights, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape) * 2 + 1, rng.uniform(0.5, 2, weights), rng.standard_normal(weights)


LAYER_SHAPES = [((5, 7), (7,)), ((2, 3, 5, 4), (4,)), ((2, 3, 5, 4), (3, 5, 4)), ((0, 4), (4,)), ((1, 3, 2), (3, 2))]
GROUP_SHAPES = [
    ((2, 6, 5, 3), 3),
    ((4, 6), 2),
    ((1, 4, 5), 1),
    ((3, 4, 2, 3), 4),
    ((0, 4, 2, 2), 2),
    ((2, 4, 1, 5, 2), 2),
]


@pytest.mark.parametrize("weighted", [(True, True), (False, False), (True, False)], ids=str)
@pytest.mark.parametrize("shape, last", LAYER_SHAPES, ids=str)
def test_layer_norm_against_pytorch(torch, shape, last, weighted):
    inputs = [a for a, used in zip(arrays(shape, last), (True, *weighted), strict=True) if used]
    reference = torch.nn.functional.layer_norm
    compare(
        torch,
        lambda x, *wb: F.layer_norm(x, last, *wb, eps=1e-3),
        lambda x, *wb: reference(x, last, *wb, eps=1e-3),
        *inputs,
        rtol=1e-8,
    )


@pytest.mark.parametrize("weighted", [(True, True), (False, False), (True, False)], ids=str)
@pytest.mark.parametrize("shape, groups", GROUP_SHAPES, ids=str)
def test_group_norm_against_pytorch(torch, shape, groups, weighted):
    inputs = [a for a, used in zip(arrays(shape, shape[1:2]), (True, *weighted), strict=True) if used]
    reference = torch.nn.functional.group_norm
    compare(
        torch,
        lambda x, *wb: F.group_norm(x, groups, *wb, eps=1e-3),
        lambda x, *wb: reference(x, groups, *wb, eps=1e-3),
        *inputs,
        rtol=1e-8,
    )


@pytest.mark.parametrize("function, setting", [(F.layer_norm, (4,)), (F.group_norm, 2)])
def test_a_bias_without_a_weight_is_a_weight_of_ones(torch, function, setting):
    x, _, b = arrays((3, 4), (4,))
    reference, ones = getattr(torch.nn.functional, function.__name__), torch.ones(4, dtype=torch.float64)
    compare(
        torch, lambda x, b: function(x, setting, None, b), lambda x, b: reference(x, setting, ones, b), x, b, rtol=1e-8
    )


def test_group_norm_by_loops():
    x, w, b = arrays((2, 4, 2, 3), (4,))
    y = ops.GroupNorm(2, eps=0.1).forward(x, w, b)
    for n, g in np.ndindex(2, 2):
        places = [(n, c, i, j) for c in (2 * g, 2 * g + 1) for i in range(2) for j in range(3)]
        mean = sum(x[p] for p in places) / len(places)
        variance = sum((x[p] - mean) ** 2 for p in places) / len(places)
        for p in places:
            np.testing.assert_allclose(y[p], w[p[1]] * (x[p] - mean) / np.sqrt(variance + 0.1) + b[p[1]])


def test_one_group_is_layer_norm_and_a_group_a_channel_has_mean_0():
    x, *_ = arrays((3, 4, 5, 2), (4,))
    one, layer = F.group_norm(Tensor(x), 1).data, F.layer_norm(Tensor(x), (4, 5, 2)).data
    np.testing.assert_allclose(one, layer, 1e-10)
    instance = F.group_norm(Tensor(x), 4, eps=0).data
    np.testing.assert_allclose(instance.mean(axis=(2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(instance.var(axis=(2, 3)), 1)


@pytest.mark.parametrize("make", [lambda: ops.GroupNorm(3), lambda: ops.LayerNorm((6, 5, 4)), lambda: ops.LayerNorm(4)])
def test_every_layout(make):
    op = make()
    weights = op.shape if isinstance(op, ops.LayerNorm) else 6
    x, w, b = arrays((3, 6, 5, 4), weights)
    gy = np.random.default_rng(1).standard_normal(x.shape)
    results = []
    for (_, a), (_, g) in zip(layouts(x), layouts(gy), strict=True):
        a.flags.writeable = g.flags.writeable = False
        op = make()
        results.append((op.forward(a, w, b), *op.backward(g)))
    for result in results[1:]:
        for one, other in zip(result, results[0], strict=True):
            np.testing.assert_allclose(one, other, 1e-9, 1e-11)


@pytest.mark.parametrize("needs", [(True, False, False), (False, True, False), (False, False, True)], ids=str)
@pytest.mark.parametrize("make", [lambda: ops.GroupNorm(2), lambda: ops.LayerNorm(4)])
def test_gradients_that_nobody_needs_are_skipped(make, needs):
    inputs = [Tensor(a, n) for a, n in zip(arrays((3, 4), (4,)), needs, strict=True)]
    op = make()
    op(*inputs)
    assert [g is not None for g in op.backward(np.ones((3, 4)))] == list(needs)


@pytest.mark.parametrize("offset", [0, 10, 100])
@pytest.mark.parametrize("order", ["C", "HCWN"])
def test_float32_is_accurate(order, offset):
    """Against the same values in float64, with a mean of up to a hundred standard deviations."""
    rng = np.random.default_rng(2)
    x = dict(layouts((rng.standard_normal((4, 16, 24, 24)) + offset).astype(np.float32)))[order]
    w, b, gy = (rng.standard_normal(s).astype(np.float32) for s in (16, 16, x.shape))
    results = []
    for dtype in (np.float64, np.float32):
        op = ops.GroupNorm(4)
        y = op.forward(*(a.astype(dtype) for a in (x, w, b)))
        results.append((y, *op.backward(gy.astype(dtype))))
    for one, other in zip(results[1], results[0], strict=True):
        assert one.dtype == np.float32
        assert np.abs(one - other).max() / np.abs(other).max() < (1e-5 if offset < 100 else 1e-4)


def test_large_values_and_constant_groups(torch):
    x = np.array([[1e4, -1e4, 1e4, 3.0], [5.0, 5.0, -7.0, -7.0]], np.float32)
    for groups in (1, 2):
        t = torch.nn.functional.group_norm(torch.tensor(x), groups).numpy()
        np.testing.assert_allclose(F.group_norm(Tensor(x), groups).data, t, 1e-5, 1e-5)
    assert np.isnan(F.layer_norm(Tensor([[np.nan, 1.0], [1.0, 2.0]]), 2).data).tolist() == [
        [True, True],
        [False, False],
    ]


# ---- Local response normalization ----


def local_response_loops(x, size, alpha, beta, k, gy=None):
    """From the definition: y, or with gy the gradient, by the chain rule for every pair of channels."""
    n, channels, h, w = x.shape
    result = np.zeros(x.shape)
    for i, c, row, column in np.ndindex(x.shape):
        window = [j for j in range(c - size // 2, c + (size - 1) // 2 + 1) if 0 <= j < channels]
        s = k + alpha / size * sum(x[i, j, row, column] ** 2 for j in window)
        if gy is None:
            result[i, c, row, column] = x[i, c, row, column] / s**beta
            continue
        g = gy[i, c, row, column]
        result[i, c, row, column] += g / s**beta
        for j in window:
            ds = 2 * alpha / size * x[i, j, row, column]
            result[i, j, row, column] -= g * x[i, c, row, column] * beta / s ** (beta + 1) * ds
    return result


SETTINGS = [
    (5, 1e-4, 0.75, 1.0),
    (5, 5e-4, 0.75, 2.0),
    (4, 2.0, 0.5, 1.0),
    (2, 3.0, 1.0, 0.5),
    (1, 1.0, 0.75, 1.0),
    (9, 1.0, 2.0, 3.0),
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("shape", [(2, 7, 3, 5), (1, 3, 4, 1), (3, 1, 2, 2)], ids=str)
def test_local_response_norm_against_pytorch_and_loops(torch, shape, settings):
    x, gy = (np.random.default_rng(seed).standard_normal(shape) * 3 for seed in (3, 4))
    compare(
        torch,
        lambda t: F.local_response_norm(t, *settings),
        lambda t: torch.nn.functional.local_response_norm(t, *settings),
        x,
        rtol=1e-9,
    )
    for (_, a), (_, g) in zip(layouts(x), layouts(gy), strict=True):
        a.flags.writeable = g.flags.writeable = False
        op = ops.LocalResponseNorm(*settings)
        np.testing.assert_allclose(op.forward(a), local_response_loops(x, *settings), 1e-12)
        np.testing.assert_allclose(op.backward(g)[0], local_response_loops(x, *settings, gy), 1e-10, 1e-12)


def test_local_response_norm_by_the_paper():
    """Krizhevsky et al. 2012, 3.3: a_i / (k + alpha sum of a_j^2, j from i - n/2 to i + n/2)^beta, with k 2, n 5."""
    a = np.random.default_rng(5).standard_normal(12) * 50
    b = [
        a[i] / (2 + 1e-4 * sum(a[j] ** 2 for j in range(max(0, i - 2), min(11, i + 2) + 1))) ** 0.75 for i in range(12)
    ]
    y = F.local_response_norm(Tensor(a.reshape(1, 12, 1, 1)), 5, alpha=5e-4, beta=0.75, k=2)
    np.testing.assert_allclose(y.data.reshape(-1), b)


def test_local_response_norm_of_float32_shared_out_and_large_and_empty(torch, threads):
    threads(2)
    x = np.random.default_rng(6).standard_normal((16, 20, 33, 31)).astype(np.float32) * 1e4
    gy = np.random.default_rng(7).standard_normal(x.shape).astype(np.float32)
    t, tensor = torch.tensor(x, requires_grad=True), Tensor(x, requires_grad=True)
    y, z = F.local_response_norm(tensor, 5), torch.nn.functional.local_response_norm(t, 5)
    y.backward(gy)
    z.backward(torch.tensor(gy))
    np.testing.assert_allclose(y.data, z.detach().numpy(), 1e-5)
    np.testing.assert_allclose(tensor.grad, t.grad.numpy(), 1e-4, 1e-5)
    assert y.dtype == tensor.grad.dtype == np.float32
    assert F.local_response_norm(minidl.zeros(0, 3, 4, 4), 5).shape == (0, 3, 4, 4)
    assert np.isnan(F.local_response_norm(Tensor(np.full((1, 4, 1, 1), np.nan)), 3).data).all()


# ---- Errors and modules ----


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: ops.LayerNorm(()), "layer_norm: normalized_shape must have sizes from 1"),
        (lambda: ops.LayerNorm((3, 0)), "layer_norm: normalized_shape must have sizes from 1"),
        (
            lambda: ops.LayerNorm(4).forward(np.ones((2, 3))),
            r"the last axes of x must be normalized_shape \(4,\), got x \(2, 3\)",
        ),
        (lambda: ops.LayerNorm((2, 3)).forward(np.ones(3)), r"normalized_shape \(2, 3\), got x \(3,\)"),
        (lambda: ops.LayerNorm(3).forward(np.ones((2, 3)), np.ones(2)), r"layer_norm: w must have shape \(3,\)"),
        (lambda: ops.LayerNorm(3).forward(np.ones((2, 3)), None, np.ones(2)), r"layer_norm: b must have shape \(3,\)"),
        (lambda: ops.GroupNorm(0), "group_norm: num_groups must be a whole number from 1, got 0"),
        (lambda: ops.GroupNorm(2).forward(np.ones((2, 3))), r"channels divide into 2 groups, got \(2, 3\)"),
        (lambda: ops.GroupNorm(1).forward(np.ones(3)), r"group_norm: expected x \(N, C, ...\)"),
        (
            lambda: ops.GroupNorm(1).forward(np.ones((2, 3)), np.ones(2)),
            r"group_norm: w must have shape \(3,\), one value a channel, got \(2,\)",
        ),
        (lambda: nn.GroupNorm(2, 5), "GroupNorm: 5 channels do not divide into 2 groups"),
        (lambda: nn.LocalResponseNorm(0), "local_response_norm: size must be a whole number of channels from 1, got 0"),
        (lambda: nn.LocalResponseNorm(2.5), "got 2.5"),
        (
            lambda: F.local_response_norm(minidl.ones(2, 3), 3),
            r"local_response_norm: expected images \(N, C, H, W\) of at least one pixel, got shape \(2, 3\)",
        ),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("op", [ops.LayerNorm(3), ops.GroupNorm(1), ops.LocalResponseNorm(3)])
def test_integers_are_refused(op):
    with pytest.raises(TypeError, match="norm: x must be floating-point, got int64"):
        op.forward(np.ones((2, 3, 3, 3), np.int64))


LAYERS = [
    (("LayerNorm", (3, 4), 1e-3), "LayerNorm((3, 4), eps=0.001, elementwise_affine=True)"),
    (("LayerNorm", 4, 1e-5, False), "LayerNorm((4,), eps=1e-05, elementwise_affine=False)"),
    (("GroupNorm", 3, 6, 1e-3), "GroupNorm(3, 6, eps=0.001, affine=True)"),
    (("GroupNorm", 2, 6, 1e-5, False), "GroupNorm(2, 6, eps=1e-05, affine=False)"),
    (("LocalResponseNorm", 3, 1.0, 0.5, 2.0), "LocalResponseNorm(3, alpha=1.0, beta=0.5, k=2.0)"),
]


@pytest.mark.parametrize("settings, text", LAYERS, ids=[text for _, text in LAYERS])
def test_modules_against_pytorch(torch, settings, text):
    name, *settings = settings
    layer, reference = getattr(nn, name)(*settings), getattr(torch.nn, name)(*settings)
    assert repr(layer) == text
    assert list(layer.state_dict()) == list(reference.state_dict())
    rng = np.random.default_rng(8)
    for parameter, theirs in zip(layer.parameters(), reference.parameters(), strict=True):
        np.testing.assert_array_equal(parameter.data, theirs.detach().numpy())
        parameter.data[...] = rng.standard_normal(parameter.shape)
    reference.load_state_dict({n: torch.tensor(a) for n, a in layer.state_dict().items()})
    x = rng.standard_normal((2, 6, 3, 4)).astype(np.float32)
    y = layer(Tensor(x))
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.data, reference(torch.tensor(x)).detach().numpy(), 1e-4, 1e-5)
