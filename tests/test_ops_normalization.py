"""Batch norm: PyTorch, loops, running statistics, channels far from zero, what is skipped, errors."""

import numpy as np
import pytest
from helpers import layouts

import minidl
from minidl import Tensor, nn, ops
from minidl import functional as F

SHAPES = [(4, 3, 5, 6), (2, 3, 1, 1), (8, 3), (2, 3), (1, 3, 4, 4)]


def arrays(shape, seed=0):
    rng = np.random.default_rng(seed)
    c = shape[1]
    x = rng.standard_normal(shape) * 2 + 1
    return x, rng.uniform(0.5, 2, c), rng.standard_normal(c), rng.standard_normal(c), rng.uniform(0.5, 2, c)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_batch_norm_against_pytorch(torch, shape, training):
    x, w, b, mean, var = arrays(shape)
    ours = [Tensor(a.copy(), requires_grad=True) for a in (x, w, b)]
    theirs = [torch.tensor(a, requires_grad=True) for a in (x, w, b)]
    running = [mean.copy(), var.copy()]
    torch_running = [torch.tensor(mean), torch.tensor(var)]
    y = F.batch_norm(ours[0], *running, *ours[1:], training=training, momentum=0.3, eps=1e-3)
    z = torch.nn.functional.batch_norm(theirs[0], *torch_running, *theirs[1:], training, 0.3, 1e-3)
    np.testing.assert_allclose(y.data, z.detach().numpy(), 1e-9, 1e-11)
    for array, t, before in zip(running, torch_running, (mean, var), strict=True):
        np.testing.assert_allclose(array, t.numpy(), 1e-12)
        assert training != np.array_equal(array, before)
    gy = np.random.default_rng(1).standard_normal(shape)
    y.backward(gy)
    z.backward(torch.tensor(gy))
    for a, array, t in zip(ours, (x, w, b), theirs, strict=True):
        np.testing.assert_allclose(a.grad, t.grad.numpy(), 1e-8, 1e-10)
        np.testing.assert_array_equal(a.data, array)


def test_batch_norm_by_loops():
    x, w, b, *_ = arrays((3, 2, 2, 3))
    y = ops.BatchNorm(eps=0.1).forward(x, w, b)
    for c in range(2):
        values = [x[n, c, i, j] for n in range(3) for i in range(2) for j in range(3)]
        mean = sum(values) / len(values)
        variance = sum((v - mean) ** 2 for v in values) / len(values)
        expected = [w[c] * (v - mean) / np.sqrt(variance + 0.1) + b[c] for v in values]
        np.testing.assert_allclose(y[:, c].reshape(-1), expected)


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_in_every_layout(training):
    x, w, b, mean, var = arrays((4, 3, 5, 6))
    gy = np.random.default_rng(1).standard_normal(x.shape)
    results = []
    for (_, a), (_, g) in zip(layouts(x), layouts(gy), strict=True):
        a.flags.writeable = g.flags.writeable = False
        op = ops.BatchNorm(mean.copy(), var.copy(), training)
        results.append((op.forward(a, w, b), *op.backward(g)))
    for result in results[1:]:
        for one, other in zip(result, results[0], strict=True):
            np.testing.assert_allclose(one, other, 1e-9, 1e-11)


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_without_weights_or_running_statistics(torch, training):
    x, w, b, mean, var = arrays((4, 3, 5, 6))
    running = [] if training else [mean, var]
    t = torch.tensor(x, requires_grad=True)
    z = torch.nn.functional.batch_norm(t, *(map(torch.tensor, running) if running else (None, None)), training=training)
    op = ops.BatchNorm(*running, training=training)
    np.testing.assert_allclose(op.forward(x), z.detach().numpy(), 1e-9, 1e-11)
    z.backward(torch.tensor(x**2))
    gx, gw, gb = op.backward(x**2)
    np.testing.assert_allclose(gx, t.grad.numpy(), 1e-8, 1e-10)
    assert gw is None and gb is None


@pytest.mark.parametrize("needs", [(True, False, False), (False, True, False), (False, False, True)], ids=str)
def test_only_the_gradients_that_are_needed_reach_their_tensors(needs):
    x, w, b, mean, var = arrays((4, 3, 5, 6))
    everything = ops.BatchNorm(mean.copy(), var.copy())
    everything.forward(x, w, b)
    gradients = everything.backward(x**2)
    tensors = [Tensor(a, requires_grad=n) for a, n in zip((x, w, b), needs, strict=True)]
    F.batch_norm(tensors[0], mean, var, *tensors[1:], training=True).backward(x**2)
    for tensor, gradient, need in zip(tensors, gradients, needs, strict=True):
        assert (tensor.grad is not None) == need
        if need:
            np.testing.assert_allclose(tensor.grad, gradient, 1e-10)


@pytest.mark.parametrize("ratio", [0, 1, 5, 5.5, 100, 1000, 1e4])
@pytest.mark.parametrize("std", [1e-2, 1, 100])
def test_float32_is_accurate_far_from_zero(ratio, std):
    """Against the same float32 values normalized in float64: mean / std of up to 10,000, and one channel near zero."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal((16, 4, 12, 12)) * std
    x += ratio * std * np.array([1, -1, 0.5, 0])[:, None, None]
    x, gy = x.astype(np.float32), rng.standard_normal(x.shape).astype(np.float32)
    w, b = np.array([1, 2, 0.5, 1.0]), np.array([0, 1, -1, 0.5])
    results = []
    for dtype in (np.float64, np.float32):
        running = np.zeros(4, dtype), np.ones(4, dtype)
        op = ops.BatchNorm(*running, eps=1e-12)
        y = op.forward(x.astype(dtype), w.astype(dtype), b.astype(dtype))
        results.append((y, *op.backward(gy.astype(dtype)), *running))
    exact, close = results
    # At 10,000 float32 itself is spaced by 1e-3 of the standard deviation; PyTorch's errors are as large there.
    limits = (2e-5, 1e-4) if ratio < 1e4 else (1e-4, 1e-3)
    for name, one, other in zip(("y", "gx", "gw", "gb", "mean", "variance"), close, exact, strict=True):
        assert one.dtype == np.float32
        error = np.abs(one - other).max() / np.abs(other).max()
        assert error < limits[name in ("gx", "gw")], f"{name}: {error:.1e}"


@pytest.mark.parametrize("value", [0.0, 1.0, -3.7, 1234.5, 1e4])
@pytest.mark.parametrize("shape", [(4, 2, 3, 3), (16, 2), (8, 2, 33, 31)], ids=str)
def test_a_constant_channel_becomes_its_shift(value, shape):
    x = np.random.default_rng(3).standard_normal(shape).astype(np.float32)
    x[:, 0] = value
    op = ops.BatchNorm()
    y = op.forward(x, np.ones(2, np.float32), np.array([5, 0], np.float32))
    np.testing.assert_allclose(y[:, 0], 5, atol=0.02 if abs(value) > 1e3 else 1e-3)
    gx, gw, gb = op.backward(np.ones_like(x))
    assert np.all(np.isfinite(gx)) and np.all(np.isfinite(gw)) and np.all(np.isfinite(gb))


def test_evaluation_of_an_empty_batch_and_of_one_value():
    layer = nn.BatchNorm2d(3).eval()
    assert layer(minidl.zeros(0, 3, 4, 4)).shape == (0, 3, 4, 4)
    assert layer(minidl.zeros(1, 3, 1, 1)).shape == (1, 3, 1, 1)


def test_momentum_0_and_1():
    x = np.random.default_rng(4).standard_normal((50, 2))
    for momentum in (0, 1):
        mean, var = np.zeros(2), np.ones(2)
        ops.BatchNorm(mean, var, momentum=momentum).forward(x)
        np.testing.assert_allclose(mean, momentum * x.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(var, x.var(axis=0, ddof=1) if momentum else 1)


def test_errors():
    with pytest.raises(ValueError, match="a variance needs two values a channel, x .* has 1: use a larger batch"):
        ops.BatchNorm().forward(np.ones((1, 3)))
    with pytest.raises(ValueError, match="a variance needs two values a channel"):
        ops.BatchNorm().forward(np.ones((0, 3, 2, 2)))
    with pytest.raises(ValueError, match="expected x"):
        ops.BatchNorm().forward(np.ones((2, 3, 4)))
    with pytest.raises(ValueError, match="running_mean and running_var must be given"):
        ops.BatchNorm(training=False)
    for i, name in enumerate(("w", "b")):
        vectors = [np.ones(3), np.ones(3)]
        vectors[i] = np.ones(4)
        with pytest.raises(ValueError, match=rf"batch_norm: {name} must have shape \(3,\), got \(4,\)"):
            ops.BatchNorm().forward(np.ones((2, 3)), *vectors)
    with pytest.raises(ValueError, match="running_mean must have shape"):
        ops.BatchNorm(np.ones(2), np.ones(2)).forward(np.ones((2, 3)))


def test_a_failed_forward_leaves_the_running_statistics_alone():
    mean, var = np.zeros(3), np.ones(3)
    with pytest.raises(ValueError):
        ops.BatchNorm(mean, var).forward(np.ones((1, 3)))
    assert np.all(mean == 0) and np.all(var == 1)
