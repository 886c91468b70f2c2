"""What every loss must do: PyTorch, loops from the definitions, types, layouts, extremes, modules, messages."""

import math
import warnings
from typing import NamedTuple

import numpy as np
import pytest
from helpers import layouts

from minidl import Tensor, nn
from minidl import functional as F

REDUCTIONS = ["mean", "sum", "none"]
K = 4
WEIGHT = np.array([0.5, 2.0, 1.0, 0.25])
POS_WEIGHT = np.array([[3.0], [0.5], [1.0], [2.0]])  # one a class, of x (N, K, L)


# ---- Inputs: (arrays that get gradients, settings that follow them) for a batch of n -------------------------------


def pair(rng, n):
    return (rng.standard_normal((n, K, 3)) * 2, rng.standard_normal((n, K, 3))), ()


def logits_and_probabilities(rng, n):
    return (rng.standard_normal((n, K, 3)) * 2, rng.uniform(0, 1, (n, K, 3))), ()


def log_probabilities(rng, n, log_target=False):
    x, target = (np.log(rng.dirichlet(np.ones(K), n).reshape(n, K)) for _ in range(2))
    return (x, target if log_target else np.exp(target)), ()


def scores(*positions):
    return lambda rng, n: ((rng.standard_normal((n, K, *positions)),), (rng.integers(0, K, (n, *positions)),))


def masks(rng, n):
    return (rng.uniform(0, 1, (n, 2, 5, 3)), rng.integers(0, 2, (n, 2, 5, 3)).astype(float)), ()


def pairs_of_vectors(rng, n):
    return (rng.standard_normal((n, 3)), rng.standard_normal((n, 3))), (np.arange(n) % 3 == 0,)


def triplets(rng, n):
    return tuple(rng.standard_normal((n, 5)) for _ in range(3)), ()


# ---- The losses one number at a time ------------------------------------------------------------------------------


def each(formula):
    """formula(x, t, index) for every element."""

    def loop(x, t):
        return np.array([formula(x[i], t[i], i) for i in np.ndindex(x.shape)]).reshape(x.shape)

    return loop


def each_item(formula):
    """formula(scores of the K classes, y) for every class number y."""

    def loop(x, y):
        return np.array([formula(x[(i[0], slice(None), *i[1:])], y[i]) for i in np.ndindex(y.shape)]).reshape(y.shape)

    return loop


def huber(x, t, delta):
    return (x - t) ** 2 / 2 if abs(x - t) <= delta else delta * (abs(x - t) - delta / 2)


def bce(x, t, w=1.0, v=1.0):
    p = 1 / (1 + math.exp(-x))
    return -w * (v * t * math.log(p) + (1 - t) * math.log(1 - p))


def focal(x, t, alpha, gamma):
    p = 1 / (1 + math.exp(-x))
    right = p * t + (1 - p) * (1 - t)
    return (alpha * t + (1 - alpha) * (1 - t)) * (1 - right) ** gamma * bce(x, t)


def weston_watkins(s, y, margin=1.0, p=1):
    return sum(max(0.0, s[j] - s[y] + margin) ** p for j in range(K) if j != y)


def per_class(s, y, margin):
    return sum(max(0.0, margin - (1 if k == y else -1) * s[k]) for k in range(K))


def dice(x, t, smooth):
    losses = np.zeros(x.shape[:2])
    for n, c in np.ndindex(losses.shape):
        both = squares = 0.0
        for i in np.ndindex(x.shape[2:]):
            both += x[(n, c, *i)] * t[(n, c, *i)]
            squares += x[(n, c, *i)] ** 2 + t[(n, c, *i)] ** 2
        losses[n, c] = 1 - (2 * both + smooth) / (squares + smooth)
    return losses


def contrastive(a, b, same, margin):
    d = [math.sqrt(sum((p - q) ** 2 for p, q in zip(u, v, strict=True))) for u, v in zip(a, b, strict=True)]
    return np.array([d_i**2 / 2 if s else max(0, margin - d_i) ** 2 / 2 for d_i, s in zip(d, same, strict=True)])


def triplet(a, b, c, margin, p):
    def distance(u, v):
        return sum(abs(m - n + 1e-6) ** p for m, n in zip(u, v, strict=True)) ** (1 / p)

    return np.array([max(0, margin + distance(*t[:2]) - distance(*t[::2])) for t in zip(a, b, c, strict=True)])


# ---- The losses in PyTorch, which differentiates them on its own --------------------------------------------------


def of_torch(name, **settings):
    def loss(torch, *tensors, reduction):
        arrays = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in settings.items()}
        return getattr(torch.nn.functional, name)(*tensors, reduction=reduction, **arrays)

    return loss


def composed(losses):
    """For what PyTorch has no function: losses(torch, *tensors), then reduced."""

    def loss(torch, *tensors, reduction):
        values = losses(torch, *tensors)
        return values if reduction == "none" else getattr(values, reduction)()

    return loss


def signs(torch, x, y):
    return 2 * torch.nn.functional.one_hot(y, K).movedim(-1, 1) - 1


def torch_focal(torch, x, t, alpha=0.3, gamma=1.5):  # as torchvision writes it
    p = torch.sigmoid(x)
    ce = torch.nn.functional.binary_cross_entropy_with_logits(x, t, reduction="none")
    return (alpha * t + (1 - alpha) * (1 - t)) * ce * (1 - (p * t + (1 - p) * (1 - t))) ** gamma


def torch_weston_watkins(torch, x, y):
    own = x.gather(1, y[:, None])
    return torch.where(signs(torch, x, y) > 0, 0, (x - own + 1).clamp(min=0)).sum(1)


def torch_dice(torch, x, t):
    return 1 - (2 * (x * t).sum((2, 3)) + 0.5) / ((x * x).sum((2, 3)) + (t * t).sum((2, 3)) + 0.5)


def torch_contrastive(torch, a, b, same):
    d = torch.linalg.vector_norm(a - b, dim=1)
    return torch.where(same, d**2, (2 - d).clamp(min=0) ** 2) / 2


class Case(NamedTuple):
    name: str  # of the function
    settings: dict
    inputs: object
    loop: object  # the losses, unreduced
    theirs: object
    module: type


def case(name, inputs, loop, module, theirs=None, **settings):
    return Case(name, settings, inputs, loop, theirs or of_torch(name, **settings), module)


def triplet_case(p, margin=1.0):
    return case(
        "triplet_margin_loss", triplets, lambda *a: triplet(*a, margin, p), nn.TripletMarginLoss, margin=margin, p=p
    )


CASES = {
    "mse": case("mse_loss", pair, each(lambda x, t, i: (x - t) ** 2), nn.MSELoss),
    "l1": case("l1_loss", pair, each(lambda x, t, i: abs(x - t)), nn.L1Loss),
    "huber": case("huber_loss", pair, each(lambda x, t, i: huber(x, t, 1.7)), nn.HuberLoss, delta=1.7),
    "smooth l1": case(
        "smooth_l1_loss", pair, each(lambda x, t, i: huber(x, t, 0.6) / 0.6), nn.SmoothL1Loss, beta=0.6
    ),
    "bce": case(
        "binary_cross_entropy_with_logits", logits_and_probabilities, each(lambda x, t, i: bce(x, t)),
        nn.BCEWithLogitsLoss,
    ),
    "bce, weights": case(
        "binary_cross_entropy_with_logits", logits_and_probabilities,
        each(lambda x, t, i: bce(x, t, WEIGHT[i[2]], POS_WEIGHT[i[1], 0])), nn.BCEWithLogitsLoss,
        weight=WEIGHT[:3], pos_weight=POS_WEIGHT,
    ),
    "focal": case(
        "sigmoid_focal_loss", logits_and_probabilities, each(lambda x, t, i: focal(x, t, 0.3, 1.5)), nn.FocalLoss,
        composed(torch_focal), alpha=0.3, gamma=1.5,
    ),
    "kl": case("kl_div", log_probabilities, each(lambda x, t, i: t * (math.log(t) - x)), nn.KLDivLoss),
    "kl, log target": case(
        "kl_div", lambda rng, n: log_probabilities(rng, n, True), each(lambda x, t, i: math.exp(t) * (t - x)),
        nn.KLDivLoss, log_target=True,
    ),
    "dice": case("dice_loss", masks, lambda x, t: dice(x, t, 0.5), nn.DiceLoss, composed(torch_dice), smooth=0.5),
    "nll": case("nll_loss", scores(3), each_item(lambda s, y: -s[y]), nn.NLLLoss),
    "hinge": case("hinge_loss", scores(), each_item(weston_watkins), nn.HingeLoss, composed(torch_weston_watkins)),
    "hinge, images": case(
        "hinge_loss", scores(2, 3), each_item(weston_watkins), nn.HingeLoss, composed(torch_weston_watkins)
    ),
    "hinge per class": case(
        "hinge_loss", scores(3), each_item(lambda s, y: per_class(s, y, 0.7)), nn.HingeLoss,
        composed(lambda torch, x, y: (0.7 - signs(torch, x, y) * x).clamp(min=0).sum(1)),
        form="per-class", margin=0.7,
    ),
    "multi margin": case(
        "multi_margin_loss", scores(), each_item(lambda s, y: weston_watkins(s, y) / K), nn.MultiMarginLoss
    ),
    "multi margin squared, weights": case(
        "multi_margin_loss", scores(), each_item(lambda s, y: WEIGHT[y] * weston_watkins(s, y, 0.5, 2) / K),
        nn.MultiMarginLoss, p=2, margin=0.5, weight=WEIGHT,
    ),
    "contrastive": case(
        "contrastive_loss", pairs_of_vectors, lambda *a: contrastive(*a, 2.0), nn.ContrastiveLoss,
        composed(torch_contrastive), margin=2.0,
    ),
    "triplet": triplet_case(2),
    "triplet, p 1": triplet_case(1),
    "triplet, p 3": triplet_case(3, margin=0.3),
}  # fmt: skip

every_case = pytest.mark.parametrize("name", CASES)


def problem(name, n=6, dtype=np.float64):
    arrays, settings = CASES[name].inputs(np.random.default_rng(n), n)
    return [a.astype(dtype) for a in arrays], settings


def run(name, arrays, settings, reduction, gy=None):
    """The loss and every gradient."""
    tensors = [Tensor(a, requires_grad=True) for a in arrays]
    loss = getattr(F, CASES[name].name)(*tensors, *settings, reduction=reduction, **CASES[name].settings)
    before = [a.copy() for a in arrays]
    gy = np.random.default_rng(1).standard_normal(loss.shape).astype(loss.dtype) if gy is None else gy
    loss.backward(gy)
    for a, b in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(a, b)
    return loss.data, [t.grad for t in tensors]


@every_case
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("n", [6, 1])
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides:UserWarning")  # PyTorch on KL divergence
def test_values_and_gradients_against_pytorch(torch, name, reduction, n):
    arrays, settings = problem(name, n)
    loss, gradients = run(name, arrays, settings, reduction)
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    expected = CASES[name].theirs(torch, *tensors, *map(torch.tensor, settings), reduction=reduction)
    assert loss.shape == tuple(expected.shape)
    np.testing.assert_allclose(loss, expected.detach().numpy(), 1e-10, 1e-12)
    expected.backward(torch.tensor(np.random.default_rng(1).standard_normal(loss.shape)))
    for gradient, tensor in zip(gradients, tensors, strict=True):
        np.testing.assert_allclose(gradient, tensor.grad.numpy(), 1e-8, 1e-11)


@every_case
def test_values_by_loops(name):
    arrays, settings = problem(name)
    expected = CASES[name].loop(*arrays, *settings)
    for reduction, value in (("none", expected), ("sum", expected.sum()), ("mean", expected.mean())):
        loss, _ = run(name, arrays, settings, reduction)
        assert isinstance(loss, np.ndarray) and loss.shape == value.shape
        np.testing.assert_allclose(loss, value, 1e-10)


@every_case
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_float32_stays_float32(name, reduction):
    arrays, settings = problem(name, dtype=np.float32)
    loss, gradients = run(name, arrays, settings, reduction, np.float32(1) if reduction != "none" else None)
    exact = [a.astype(np.float64) for a in arrays]
    expected, exact_gradients = run(name, exact, settings, reduction, np.float64(1) if reduction != "none" else None)
    assert {a.dtype for a in (loss, *gradients)} == {np.dtype(np.float32)}
    np.testing.assert_allclose(loss, expected, 1e-5, 1e-6)
    if reduction != "none":  # whose gradient from above is rounded
        for a, b in zip(gradients, exact_gradients, strict=True):
            np.testing.assert_allclose(a, b, 1e-4, 1e-6)


@every_case
def test_every_layout_in_memory_gives_the_same(name):
    arrays, settings = problem(name)
    expected, gradients = run(name, arrays, settings, "none")
    for stored in zip(*map(layouts, arrays), strict=True):
        loss, others = run(name, [a for _, a in stored], settings, "none")
        np.testing.assert_allclose(loss, expected, 1e-12)
        for a, b in zip(others, gradients, strict=True):
            np.testing.assert_allclose(a, b, 1e-12, 1e-15)


@every_case
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_an_empty_batch_is_no_loss(name, reduction):
    arrays, settings = problem(name, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss, gradients = run(name, arrays, settings, reduction)
    assert loss.shape[:1] == (0,) if reduction == "none" else loss == 0
    assert [g.shape for g in gradients] == [a.shape for a in arrays]


@every_case
def test_large_values_neither_overflow_nor_become_nan(name):
    arrays, settings = problem(name, dtype=np.float32)
    arrays[0] = np.where(arrays[0] > np.median(arrays[0]), np.float32(1e4), np.float32(-1e4))
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        loss, gradients = run(name, arrays, settings, "mean")
    assert np.isfinite(loss) and all(np.isfinite(g).all() for g in gradients)


@every_case
def test_nan_passes_through(name):
    arrays, settings = problem(name)
    arrays[0][...] = np.nan
    assert np.isnan(run(name, arrays, settings, "none")[0]).all()


@every_case
def test_inputs_that_need_no_gradient_get_none(name):
    arrays, settings = problem(name)
    _, gradients = run(name, arrays, settings, "mean", np.ones(()))
    for i in range(len(arrays)):
        tensors = [Tensor(a, requires_grad=i == j) for j, a in enumerate(arrays)]
        getattr(F, CASES[name].name)(*tensors, *settings, reduction="mean", **CASES[name].settings).backward()
        assert [t.grad is not None for t in tensors] == [i == j for j in range(len(arrays))]
        np.testing.assert_array_equal(tensors[i].grad, gradients[i])


@every_case
def test_modules_are_the_functions(name):
    arrays, settings = problem(name)
    for reduction in REDUCTIONS:
        module = CASES[name].module(reduction=reduction, **CASES[name].settings)
        loss = module(*map(Tensor, arrays), *settings)
        np.testing.assert_array_equal(loss.data, run(name, arrays, settings, reduction)[0])
        assert f"reduction='{reduction}'" in repr(module) and not list(module.parameters())
    assert CASES[name].module().reduction == ("none" if name == "focal" else "mean")


@every_case
def test_a_reduction_that_is_none_of_the_three(name):
    arrays, settings = problem(name)
    with pytest.raises(ValueError, match=rf"^{CASES[name].name}: reduction must be 'mean', .* 'none', got 'max'$"):
        run(name, arrays, settings, "max")


@every_case
def test_whole_numbers_are_no_scores(name):
    arrays, settings = problem(name)
    whole = [np.ones(a.shape, np.int64) for a in arrays]
    with pytest.raises(TypeError, match=rf"^{CASES[name].name}: x must be floating-point, got int64"):
        getattr(F, CASES[name].name)(*whole, *settings, **CASES[name].settings)


@pytest.mark.parametrize("name", [name for name in CASES if len(problem(name)[0]) > 1])
def test_shapes_that_would_broadcast(name):
    arrays, settings = problem(name)
    for i, other in ((-1, arrays[-1][..., :1]), (-1, arrays[-1][0]), (0, arrays[0][:1])):
        wrong = [other if j == i % len(arrays) else a for j, a in enumerate(arrays)]
        with pytest.raises(ValueError, match=f"^{CASES[name].name}: .* must have the same shape; ") as error:
            getattr(F, CASES[name].name)(*wrong, *settings, **CASES[name].settings)
        assert all(str(a.shape) in str(error.value) for a in wrong)


@pytest.mark.parametrize("name", ["mse", "l1", "huber", "smooth l1", "bce", "focal", "kl"])
def test_shared_out_over_threads_the_same_to_the_last_bit(name, threads):
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(0, 1, (500, K, 3, 100)).astype(np.float32).transpose(0, 1, 3, 2) for _ in range(2)]
    results = []
    for count in (1, 3):
        threads(count)
        results.append(run(name, arrays, (), "mean", np.ones((), np.float32)))
    assert results[0][0] == results[1][0]
    for a, b in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.strides == arrays[0].strides
