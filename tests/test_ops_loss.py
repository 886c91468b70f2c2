"""Cross entropy and mean squared error: PyTorch, loops, extremes, errors."""

import numpy as np
import pytest

import minidl
from minidl import Tensor, nn
from minidl import functional as F

SHAPES = [(6, 4), (1, 1), (2, 5, 3, 4), (3, 4, 2), (0, 4)]


def problem(shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape) * 3, rng.integers(0, shape[1], (shape[0], *shape[2:]))


def compare(torch, x, targets, scale=1.0, **settings):
    """Value and gradient of minidl and PyTorch."""
    ours, theirs = Tensor(x.copy(), requires_grad=True), torch.tensor(x, requires_grad=True)
    weight = settings.pop("weight", None)
    loss = F.cross_entropy(ours, targets, weight=weight, **settings)
    expected = torch.nn.functional.cross_entropy(
        theirs, torch.tensor(targets).long(), weight=None if weight is None else torch.tensor(weight), **settings
    )
    assert loss.shape == tuple(expected.shape)
    np.testing.assert_allclose(loss.data, expected.detach().numpy(), 1e-10, 1e-12)
    gy = np.random.default_rng(1).standard_normal(loss.shape) * scale
    loss.backward(gy)
    expected.backward(torch.tensor(gy))
    np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), 1e-9, 1e-12)
    np.testing.assert_array_equal(ours.data, x)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", SHAPES[:-1], ids=str)
def test_cross_entropy_against_pytorch(torch, shape, weighted, smoothing, reduction):
    x, targets = problem(shape)
    weight = np.random.default_rng(2).uniform(0.2, 3, shape[1]) if weighted else None
    compare(torch, x, targets, reduction=reduction, label_smoothing=smoothing, weight=weight)
    if shape[0] > 1:  # some ignored
        targets.reshape(-1)[::3] = -100
        compare(torch, x, targets, reduction=reduction, label_smoothing=smoothing, weight=weight)


@pytest.mark.parametrize("ignored", [-100, 255, 0, -1])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_any_number_can_mean_ignored(torch, ignored, smoothing):
    x, targets = problem((2, 5, 3, 4))
    targets[0, 0] = ignored
    compare(torch, x, targets, ignore_index=ignored, label_smoothing=smoothing)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, np.int64, np.uint64])
def test_every_type_of_integer_is_a_label(torch, dtype):
    x, targets = problem((6, 4))
    compare(torch, x, targets.astype(dtype))


def test_cross_entropy_by_loops():
    x, targets = problem((5, 3))
    weight, smoothing = np.array([1.0, 2, 4]), 0.3
    total = weights = 0
    for row, target in zip(x, targets, strict=True):
        probabilities = np.exp(row) / sum(np.exp(v) for v in row)
        for k in range(3):
            share = (1 - smoothing) * (k == target) + smoothing / 3
            total -= share * weight[k] * np.log(probabilities[k])
        weights += weight[target]
    loss = F.cross_entropy(Tensor(x), targets, weight, label_smoothing=smoothing)
    np.testing.assert_allclose(loss.item(), total / weights)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1, 100])
def test_all_ignored_is_no_loss_and_no_gradient(reduction, dtype, scale):
    x = Tensor(np.random.default_rng(3).standard_normal((4, 3)).astype(dtype), requires_grad=True)
    loss = F.cross_entropy(x, np.full(4, -100), reduction=reduction)
    (loss * scale).sum().backward()
    assert loss.dtype == dtype and np.all(loss.data == 0)
    np.testing.assert_array_equal(x.grad, np.zeros((4, 3)))


def test_an_empty_batch_is_no_loss():
    x = Tensor(np.zeros((0, 3)), requires_grad=True)
    loss = F.cross_entropy(x, np.zeros(0, int))
    loss.backward()
    assert loss.item() == 0 and x.grad.shape == (0, 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_logits(torch, dtype):
    x = np.array([[1e4, -1e4, 0], [1e4, -1e4, 0], [-1e4, -1e4, -1e4], [1e4, 1e4, 0]], dtype)
    targets = np.array([0, 1, 2, 0])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        losses = F.cross_entropy(Tensor(x), targets, reduction="none")
        np.testing.assert_allclose(losses.data, [0, 2e4, np.log(3), np.log(2)], 1e-6)
        compare(torch, x.astype(np.float64), targets)


def test_logits_of_minus_infinity_mask_a_class(torch):
    x = np.array([[0.5, -np.inf, 1.0], [1.0, 2.0, -np.inf]])
    compare(torch, x, np.array([0, 1]))


def test_memory_order_of_the_logits(torch):
    x, targets = problem((2, 5, 3, 4))
    for order in ((2, 1, 3, 0), (0, 2, 3, 1), (3, 2, 1, 0)):
        stored = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
        a, b = Tensor(stored, requires_grad=True), Tensor(x, requires_grad=True)
        for t in (a, b):
            F.cross_entropy(t, targets).backward()
        np.testing.assert_allclose(a.grad, b.grad, 1e-12)


def test_targets_and_weights_may_be_tensors():
    x, targets = problem((6, 4))
    weight = np.array([1.0, 2, 3, 4])
    expected = F.cross_entropy(Tensor(x), targets, weight).item()
    assert F.cross_entropy(Tensor(x), Tensor(targets), Tensor(weight)).item() == expected
    assert nn.CrossEntropyLoss(weight)(Tensor(x), targets).item() == expected


ERRORS = [
    ((3, 4), np.array([0, 1, 4]), {}, ValueError, "target 4 is no class: 4 logits a row mean classes 0 to 3"),
    ((3, 4), np.array([0, -1, 3]), {}, ValueError, "target -1 is no class"),
    ((3, 4), np.array([0.0, 1, 2]), {}, TypeError, "integers .class numbers., got float64"),
    ((3, 4), np.array([[0], [1], [2]]), {}, ValueError, r"logits .* for \(3, 4\) .* \(3,\), got \(3, 1\)"),
    ((3, 4), np.array([0, 1]), {}, ValueError, r"got \(2,\)"),
    ((2, 4, 3), np.array([0, 1]), {}, ValueError, "need targets .* one class number each"),
    ((4,), np.array(1), {}, ValueError, "need targets .* one class number each"),
    ((3, 4), np.array([0, 1, 2]), {"weight": np.ones(3)}, ValueError, r"weight must have shape \(4,\).*got \(3,\)"),
    ((3, 4), np.array([0, 1, 2]), {"reduction": "max"}, ValueError, "'mean', 'sum' or 'none', got 'max'"),
    ((3, 4), np.array([0, 1, 2]), {"label_smoothing": 1.5}, ValueError, "between 0 and 1, got 1.5"),
]


@pytest.mark.parametrize("shape, targets, settings, error, message", ERRORS)
def test_cross_entropy_errors(shape, targets, settings, error, message):
    with pytest.raises(error, match=message):
        F.cross_entropy(minidl.zeros(shape), targets, **settings)


# ---- Mean squared error ----


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(3, 4), (5,), (1,), ()], ids=str)
def test_mse_against_pytorch(torch, shape, reduction):
    rng = np.random.default_rng(4)
    arrays = rng.standard_normal(shape), rng.standard_normal(shape)
    ours = [Tensor(a, requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    loss = F.mse_loss(*ours, reduction)
    expected = torch.nn.functional.mse_loss(*theirs, reduction=reduction)
    np.testing.assert_allclose(loss.data, expected.detach().numpy(), 1e-12)
    gy = rng.standard_normal(loss.shape)
    loss.backward(gy)
    expected.backward(torch.tensor(gy))
    for x, t in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(x.grad, t.grad.numpy(), 1e-12)
    np.testing.assert_array_equal(nn.MSELoss(reduction)(*ours).data, loss.data)


@pytest.mark.parametrize("shapes", [((3, 1), (3,)), ((3,), (1,)), ((2, 3), (3, 2)), ((3,), ())], ids=str)
def test_mse_of_shapes_that_differ(shapes):
    with pytest.raises(ValueError, match="same shape") as error:
        F.mse_loss(*(minidl.zeros(s) for s in shapes))
    assert all(str(s) in str(error.value) for s in shapes)


def test_mse_reduction():
    with pytest.raises(ValueError, match="got 'max'"):
        F.mse_loss(minidl.zeros(2), minidl.zeros(2), "max")
