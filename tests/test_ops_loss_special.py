"""What is special to one loss: worked examples, corners, ignored targets, other axes, messages."""

import numpy as np
import pytest
from helpers import check_op

import minidl
from minidl import Tensor, nn, ops
from minidl import functional as F


def compare(torch, function, *arrays, **settings):
    """Values and gradients of F.<function> and PyTorch's, in float64; arrays of whole numbers are settings."""
    loss_and_gradients = []
    for module, tensor in ((F, Tensor), (torch.nn.functional, torch.tensor)):
        inputs = [tensor(a, requires_grad=True) if a.dtype.kind == "f" else tensor(a) for a in arrays]
        others = {k: tensor(v) if isinstance(v, np.ndarray) else v for k, v in settings.items()}
        loss = getattr(module, function)(*inputs, **others)
        gy = np.random.default_rng(1).standard_normal(tuple(loss.shape))
        loss.backward(gy if module is F else torch.tensor(gy))
        loss_and_gradients.append([loss.detach().numpy(), *(np.asarray(x.grad) for x in inputs if x.requires_grad)])
    for ours, theirs in zip(*loss_and_gradients, strict=True):
        np.testing.assert_allclose(ours, theirs, 1e-9, 1e-12)
    return loss_and_gradients[0]


# ---- Class numbers ------------------------------------------------------------------------------------------------


def test_the_svm_loss_of_a_cat_a_car_and_a_frog():
    scores = Tensor([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])
    np.testing.assert_allclose(F.hinge_loss(scores, [0, 1, 2], reduction="none").data, [2.9, 0, 12.9], 1e-6)
    np.testing.assert_allclose(F.hinge_loss(scores, [0, 1, 2]).item(), 15.8 / 3, 1e-6)
    np.testing.assert_allclose(F.multi_margin_loss(scores, [0, 1, 2]).item(), 15.8 / 9, 1e-6)


def test_a_term_of_exactly_0_has_no_gradient():
    x = Tensor([[1.0, 0.0, -1.0, 0.5]], requires_grad=True)
    F.hinge_loss(x, [0]).backward()
    np.testing.assert_array_equal(x.grad, [[-1, 0, 0, 1]])
    x.grad = None
    F.hinge_loss(x, [0], form="per-class").backward()
    np.testing.assert_array_equal(x.grad, [[0, 1, 0, 1]])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignored", [-100, 2])
def test_nll_with_weights_and_ignored_targets(torch, ignored, weighted, reduction):
    rng = np.random.default_rng(0)
    x, targets = rng.standard_normal((5, 4, 2, 3)), rng.integers(0, 4, (5, 2, 3))
    targets[::2, 1] = ignored
    settings = {"weight": np.array([1.0, 0.5, 3.0, 2.0])} if weighted else {}
    compare(torch, "nll_loss", x, targets, ignore_index=ignored, reduction=reduction, **settings)


def test_nll_after_log_softmax_is_cross_entropy():
    rng = np.random.default_rng(0)
    targets, weight = np.array([[1, -100, 3], [0, 2, 2]]), np.array([1.0, 2, 3, 4])
    a, b = (Tensor(rng.standard_normal((2, 4, 3)), requires_grad=True) for _ in range(2))
    b.data[...] = a.data
    one, other = F.nll_loss(F.log_softmax(a, 1), targets, weight), F.cross_entropy(b, targets, weight)
    one.backward()
    other.backward()
    np.testing.assert_allclose(one.data, other.data, 1e-12)
    np.testing.assert_allclose(a.grad, b.grad, 1e-9, 1e-12)


def test_nll_where_nothing_counts_is_0():
    x = Tensor([[-np.inf, -1.0], [0.0, -np.inf]], requires_grad=True)
    for targets, weight in (([-100, -100], None), ([0, 0], Tensor([0.0, 1.0]))):
        loss = F.nll_loss(x, targets, weight)
        loss.backward()
        assert loss.item() == 0 and not np.signbit(loss.data)
        np.testing.assert_array_equal(x.grad, np.zeros((2, 2)))


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint64])
@pytest.mark.parametrize("function", ["nll_loss", "hinge_loss", "multi_margin_loss"])
def test_every_type_of_integer_is_a_label(function, dtype):
    x, targets = np.random.default_rng(0).standard_normal((3, 4)), np.array([3, 0, 2])
    results = []
    for labels in (targets, targets.astype(dtype)):
        tensor = Tensor(x, requires_grad=True)
        loss = getattr(F, function)(tensor, labels)
        loss.backward()
        results.append((loss.item(), tensor.grad.tolist()))
    assert results[0] == results[1]


SCORES = {"nll_loss": "log-probabilities", "hinge_loss": "scores", "multi_margin_loss": "scores"}
LABEL_ERRORS = [
    ((3, 4), [0, 1, 4], ValueError, "target 4 is no class: 4 {} a row mean classes 0 to 3. Does the last layer"),
    ((3, 4), [0, -1, 3], ValueError, "target -1 is no class: 4 {} a row"),
    ((3, 4), [0.0, 1, 2], TypeError, r"expected {}, then targets as integers \(class numbers\), got float64"),
    ((3, 4), [[0], [1], [2]], ValueError, r"{} .* for \(3, 4\) targets of shape \(3,\), got \(3, 1\)"),
    ((2, 4, 3), [0, 1], ValueError, r"{} \(N, classes, ...\) need targets .* of shape \(2, 3\), got \(2,\)"),
    ((4,), 1, ValueError, r"{} .* need targets .*: for \(4,\) targets of shape \(N,\), got \(\)"),
]


@pytest.mark.parametrize("function", SCORES)
@pytest.mark.parametrize("shape, targets, error, message", LABEL_ERRORS)
def test_labels_that_cannot_be(function, shape, targets, error, message):
    with pytest.raises(error, match=f"^{function}: {message.format(SCORES[function])}"):
        getattr(F, function)(minidl.zeros(shape), np.array(targets))


@pytest.mark.parametrize("ignored", [-100, -1])
def test_only_nll_ignores_targets(ignored):
    F.nll_loss(minidl.zeros(2, 3), [0, ignored], ignore_index=ignored)
    for function in (F.hinge_loss, F.multi_margin_loss):
        with pytest.raises(ValueError, match=f"target {ignored} is no class"):
            function(minidl.zeros(2, 3), [0, ignored])


# ---- Regression ---------------------------------------------------------------------------------------------------


def test_smooth_l1_with_beta_0_is_l1(torch):
    x, target = np.array([1.0, 2.0, -3.0]), np.array([1.0, 2.5, 3.0])
    loss, gx, gt = compare(torch, "smooth_l1_loss", x, target, beta=0, reduction="none")
    np.testing.assert_array_equal(loss, [0, 0.5, 6])
    assert gx[0] == gt[0] == 0
    with pytest.raises(ValueError, match="beta must be positive, got 0; towards 0 it becomes L1"):
        ops.SmoothL1(0)


def test_at_the_corner_both_branches_agree(torch):
    x = np.array([-1.5, 1.5, 0.0, np.nextafter(1.5, 0), np.nextafter(1.5, 2)])
    for function, settings in (("huber_loss", {"delta": 1.5}), ("smooth_l1_loss", {"beta": 1.5})):
        compare(torch, function, x, np.zeros(5), reduction="none", **settings)


@pytest.mark.parametrize("shape", [(), (1,), (0,), (2, 3, 1)], ids=str)
def test_numbers_and_other_shapes(shape):
    for function in (F.mse_loss, F.l1_loss, F.huber_loss, F.smooth_l1_loss, F.binary_cross_entropy_with_logits):
        x = Tensor(np.full(shape, 3.0), requires_grad=True)
        assert function(x, Tensor(np.ones(shape)), reduction="none").shape == shape
        loss = function(x, Tensor(np.ones(shape)))
        loss.backward()
        assert loss.shape == () and x.grad.shape == shape


def test_targets_of_other_types_take_that_of_x():
    x = minidl.ones(3)
    for target in (Tensor([True, False, True]), Tensor([1, 0, 1]), np.array([1, 0, 1], np.uint8)):
        for function in (F.l1_loss, F.huber_loss, F.binary_cross_entropy_with_logits, F.sigmoid_focal_loss):
            loss = function(x, target)
            assert loss.dtype == np.float32
            np.testing.assert_array_equal(loss.data, function(x, Tensor([1.0, 0.0, 1.0])).data)


# ---- Probabilities ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_binary_cross_entropy_of_extreme_logits(dtype):
    x = Tensor(np.array([1e4, 1e4, -1e4, -1e4, 20, -20], dtype), requires_grad=True)
    target = np.array([1, 0, 1, 0, 1, 0], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        loss = F.binary_cross_entropy_with_logits(x, target, reduction="none")
        loss.sum().backward()
        focal = F.sigmoid_focal_loss(x, target, gamma=0.5)
        focal.sum().backward()
    small = np.log1p(np.exp(-20.0))
    np.testing.assert_allclose(loss.data, [0, 1e4, 1e4, 0, small, small], 1e-6)
    np.testing.assert_allclose(focal.data[:4], [0, 0.75e4, 0.25e4, 0], 1e-6)
    np.testing.assert_allclose(x.grad[:4], [0, 1.75, -1.25, 0], 1e-6)


@pytest.mark.parametrize("shape", [(3,), (1, 3), (4, 1), (4, 3), (1,), ()], ids=str)
def test_weights_of_every_shape_that_fits(torch, shape):
    rng = np.random.default_rng(2)
    x, target = rng.standard_normal((4, 3)), rng.uniform(0, 1, (4, 3))
    weight, pos_weight = rng.uniform(0.2, 3, shape), rng.uniform(0.2, 3, shape)
    for settings in ({"weight": weight}, {"pos_weight": pos_weight}, {"weight": weight, "pos_weight": pos_weight}):
        compare(torch, "binary_cross_entropy_with_logits", x, target, **settings)
    loss = F.binary_cross_entropy_with_logits(Tensor(x), target, Tensor(weight), pos_weight=Tensor(pos_weight))
    assert nn.BCEWithLogitsLoss(weight, pos_weight=pos_weight)(Tensor(x), target).item() == loss.item()


def test_the_focal_loss_without_its_factors_is_binary_cross_entropy(torch):
    rng = np.random.default_rng(2)
    x, target = rng.standard_normal((4, 3)), rng.uniform(0, 1, (4, 3))
    plain = compare(torch, "binary_cross_entropy_with_logits", x, target, reduction="sum")
    ours = [Tensor(a, requires_grad=True) for a in (x, target)]
    loss = F.sigmoid_focal_loss(*ours, alpha=-1, gamma=0, reduction="sum")
    loss.backward(np.random.default_rng(1).standard_normal(()))
    for a, b in zip((loss.data, ours[0].grad, ours[1].grad), plain, strict=True):
        np.testing.assert_allclose(a, b, 1e-10)


def test_the_focal_loss_is_not_reduced_unless_asked():
    assert F.sigmoid_focal_loss(minidl.zeros(2, 3), minidl.ones(2, 3)).shape == (2, 3)
    assert nn.FocalLoss()(minidl.zeros(2, 3), minidl.ones(2, 3)).shape == (2, 3)
    x = Tensor([0.0], requires_grad=True)  # p = 1/2: a quarter of a quarter of log 2
    np.testing.assert_allclose(F.sigmoid_focal_loss(x, [1.0]).data, [np.log(2) / 16], 1e-6)


def test_kl_divergence_of_distributions(torch):
    rng = np.random.default_rng(2)
    p, q = rng.dirichlet(np.ones(5), 3), rng.dirichlet(np.ones(5), 3)
    compare(torch, "kl_div", np.log(q), p, reduction="batchmean")
    compare(torch, "kl_div", np.log(q), np.log(p), reduction="batchmean", log_target=True)
    expected = sum(p[n, k] * np.log(p[n, k] / q[n, k]) for n, k in np.ndindex(3, 5)) / 3
    np.testing.assert_allclose(nn.KLDivLoss("batchmean")(Tensor(np.log(q)), p).item(), expected)
    assert F.kl_div(Tensor(np.zeros((0, 5))), np.zeros((0, 5)), "batchmean").item() == 0


@pytest.mark.parametrize("log_target", [False, True])
def test_kl_divergence_where_probabilities_are_0(log_target):
    p = np.array([[0.0, 1.0, 0.0]])
    with np.errstate(divide="ignore"):
        x, target = Tensor([[-np.inf, -2.0, -1.0]], requires_grad=True), np.log(p) if log_target else p
    target = Tensor(target, requires_grad=True)
    with np.errstate(all="raise"):
        loss = F.kl_div(x, target, "none", log_target)
        loss.sum().backward()
    np.testing.assert_array_equal(loss.data, [[0, 2, 0]])
    np.testing.assert_array_equal(x.grad, -p)
    np.testing.assert_array_equal(target.grad, [[0, 3, 0]])


def test_dice_of_masks():
    full, empty = np.ones((1, 1, 2, 2), np.float32), np.zeros((1, 1, 2, 2), np.float32)
    half = np.array([[[[1.0, 1], [0, 0]]]], np.float32)
    for x, target, expected in ((full, full, 0), (empty, empty, 0), (full, empty, 0.8), (full, half, 1 - 5 / 7)):
        np.testing.assert_allclose(F.dice_loss(Tensor(x), target).item(), expected, 1e-6, 1e-7)
    assert F.dice_loss(Tensor(np.ones((2, 3, 4))), np.ones((2, 3, 4)), reduction="none").shape == (2, 3)


# ---- Vectors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 2, 1), (2, 1, 3)], ids=str)
def test_cosine_similarity_against_pytorch_and_loops(torch, shape, dim):
    rng = np.random.default_rng(3)
    x1, x2 = rng.standard_normal(shape), rng.standard_normal(shape)
    y, *_ = compare(torch, "cosine_similarity", x1, x2, dim=dim)
    rows = [np.moveaxis(a, dim, -1).reshape(-1, shape[dim]) for a in (x1, x2)]
    for value, a, b in zip(y.reshape(-1), *rows, strict=True):
        norms = [sum(v * v for v in c) ** 0.5 for c in (a, b)]
        np.testing.assert_allclose(value, sum(p * q for p, q in zip(a, b, strict=True)) / (norms[0] * norms[1]))
    np.testing.assert_array_equal(nn.CosineSimilarity(dim)(Tensor(x1), Tensor(x2)).data, y)
    assert F.cosine_similarity(minidl.ones(2, 3), minidl.ones(2, 3)).dtype == np.float32


def test_cosine_similarity_of_short_vectors(torch):
    x1, x2 = (
        np.array([[0.0, 0.0], [3.0, 4.0], [0.03, 0.04], [1e4, 1e4]]),
        np.array([[1.0, 2], [0, 0], [3, 4], [1e4, 0]]),
    )
    y, *gradients = compare(torch, "cosine_similarity", x1, x2)
    np.testing.assert_allclose(y, [0, 0, 1, 0.5**0.5])
    assert all(np.isfinite(g).all() for g in gradients)
    np.testing.assert_allclose(F.cosine_similarity(Tensor(x1), Tensor(x2), eps=0.1).data[2], 0.05 / 0.1)
    check_op(lambda: ops.CosineSimilarity(eps=0.1), [x1[2:3], x2[2:3] + 1], np.random.default_rng(0))
    check_op(lambda: ops.CosineSimilarity(eps=0.1), [x2[2:3] + 1, x1[2:3]], np.random.default_rng(0))
    assert F.cosine_similarity(Tensor(np.zeros((0, 3))), Tensor(np.zeros((0, 3)))).shape == (0,)
    assert F.cosine_similarity(Tensor(np.ones(3)), Tensor(np.ones(3)), dim=0).shape == ()


def test_contrastive_pairs_at_one_place_and_beyond_the_margin():
    x1 = Tensor(np.array([[1.0, 2], [1, 2], [9, 9], [0, 0.6]]), requires_grad=True)
    x2 = Tensor(np.array([[1.0, 2], [1, 2], [0, 0], [0.8, 0]]), requires_grad=True)
    with np.errstate(all="raise"):
        loss = F.contrastive_loss(x1, x2, [True, False, False, False], margin=2.0, reduction="none")
        loss.backward(np.ones(4))
    np.testing.assert_allclose(loss.data, [0, 2, 0, 0.5])
    np.testing.assert_allclose(x1.grad, [[0, 0], [0, 0], [0, 0], [0.8, -0.6]], 1e-12)
    np.testing.assert_array_equal(x2.grad, -x1.grad)


@pytest.mark.parametrize("p", [1, 1.5, 2, 4])
def test_triplets_with_other_norms(torch, p):
    rng = np.random.default_rng(3)
    for shape in ((5,), (2, 3, 4), (3, 1)):
        arrays = [rng.standard_normal(shape) for _ in range(3)]
        compare(torch, "triplet_margin_loss", *arrays, p=p, margin=2.0, eps=1e-3, reduction="none")


def test_a_triplet_at_one_place(torch):
    zeros = [np.zeros((2, 3)) for _ in range(3)]
    loss, *_ = compare(torch, "triplet_margin_loss", *zeros, margin=0.5)
    assert loss == 0.5
    tensors = [Tensor(a, requires_grad=True) for a in zeros]
    with np.errstate(all="raise"):
        F.triplet_margin_loss(*tensors, eps=0.0).backward()
    assert all(not t.grad.any() for t in tensors)


# ---- Messages -----------------------------------------------------------------------------------------------------

ONES = np.ones((2, 3))
ERRORS = [
    (lambda: F.nll_loss(ONES, [0, 1], weight=np.ones(2)), ValueError, r"nll_loss: weight must have shape \(3,\)"),
    (lambda: F.multi_margin_loss(ONES, [0, 1], weight=np.ones((3, 1))), ValueError, r"weight must .* got \(3, 1\)"),
    (lambda: F.multi_margin_loss(ONES, [0, 1], p=3), ValueError, "multi_margin_loss: p must be 1 or 2, got 3"),
    (lambda: F.hinge_loss(ONES, [0, 1], form="ww"), ValueError, "form must be 'weston-watkins' or .*, got 'ww'"),
    (lambda: F.huber_loss(ONES, ONES, delta=0), ValueError, "huber_loss: delta must be positive, got 0"),
    (lambda: F.smooth_l1_loss(ONES, ONES, beta=-1), ValueError, "smooth_l1_loss: beta must be positive, got -1"),
    (
        lambda: F.binary_cross_entropy_with_logits(ONES, ONES, pos_weight=np.ones(2)),
        ValueError,
        r"pos_weight \(2,\) does not fit x \(2, 3\)",
    ),
    (
        lambda: F.binary_cross_entropy_with_logits(ONES, ONES, np.ones((1, 2, 3))),
        ValueError,
        r": weight \(1, 2, 3\) does not fit x \(2, 3\): give it the shape of its last axes",
    ),
    (lambda: F.sigmoid_focal_loss(ONES, ONES, alpha=2), ValueError, "alpha must be at most 1 .* got 2 and 2"),
    (lambda: F.sigmoid_focal_loss(ONES, ONES, gamma=-1), ValueError, "gamma at least 0, got 0.25 and -1"),
    (lambda: F.kl_div(ONES, ONES, "all"), ValueError, "'mean', 'batchmean', 'sum' or 'none', got 'all'"),
    (lambda: F.mse_loss(ONES, ONES, "batchmean"), ValueError, "'mean', 'sum' or 'none', got 'batchmean'"),
    (lambda: F.dice_loss(ONES, ONES), ValueError, r"expected probabilities \(N, C, ...\) .* got \(2, 3\)"),
    (lambda: F.dice_loss(ONES[None], ONES[None], smooth=0), ValueError, "smooth must be positive, .*; got 0"),
    (lambda: F.cosine_similarity(ONES, ONES[:1]), ValueError, r"x1 \(2, 3\) and x2 \(1, 3\) must have the same shape"),
    (lambda: F.cosine_similarity(ONES, ONES, dim=2), ValueError, "there is no axis 2: an array of shape"),
    (lambda: F.cosine_similarity(ONES.astype(int), ONES.astype(int)), TypeError, "floating-point, got int64"),
    (lambda: F.contrastive_loss(ONES, ONES, [1, 0]), TypeError, "same must be boolean, .* got int64"),
    (lambda: F.contrastive_loss(ONES, ONES, [[True], [False]]), ValueError, r"one boolean a pair, got \(2, 1\)"),
    (lambda: F.triplet_margin_loss(ONES, ONES, ONES, p=0.5), ValueError, "p must be a number from 1, got 0.5"),
    (lambda: F.triplet_margin_loss(*[np.ones(())] * 3), ValueError, "expected vectors along the last axis"),
    (
        lambda: F.triplet_margin_loss(ONES, ONES, ONES[:1]),
        ValueError,
        r"anchor \(2, 3\) and positive \(2, 3\) and negative \(1, 3\) must have the same shape",
    ),
]


@pytest.mark.parametrize("call, error, message", ERRORS)
def test_messages(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
