"""The operators and methods of Tensor against PyTorch: values, gradients, broadcasting, types, indexing."""

import operator

import numpy as np
import pytest
from helpers import away_from_kinks

import minidl
from minidl import Tensor
from minidl import functional as F

SHAPES = [((3, 4), (3, 4)), ((2, 3, 4), (4,)), ((4,), (2, 3, 4)), ((2, 1, 4), (3, 1)), ((), (2, 3)), ((2, 3), ()),
          ((), ()), ((1, 1), (5,)), ((0, 3), (3,)), ((1,), (2, 0))]  # fmt: skip


def compare(torch, function, *arrays, torch_function=None, rtol=1e-12):
    """Hold function(*tensors) against PyTorch, values and the gradient of every floating-point input, in float64."""
    ours = [Tensor(a.copy(), requires_grad=a.dtype.kind == "f") for a in arrays]
    theirs = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    y, z = function(*ours), (torch_function or function)(*theirs)
    assert y.shape == tuple(z.shape)
    assert str(z.dtype) == f"torch.{y.dtype}"
    np.testing.assert_allclose(y.numpy(), z.detach().numpy(), rtol, 1e-14)
    gy = np.random.default_rng(99).standard_normal(y.shape).astype(y.dtype)
    y.backward(gy)
    z.backward(torch.tensor(gy))
    for a, x, t in zip(arrays, ours, theirs, strict=True):
        np.testing.assert_array_equal(x.data, a, "an input was changed")
        if x.requires_grad:
            np.testing.assert_allclose(x.grad, t.grad.numpy(), rtol, 1e-14)
            assert x.grad.dtype == a.dtype and x.grad.shape == a.shape


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("name", ["add", "sub", "mul", "truediv"])
def test_arithmetic_broadcasts(torch, name, shapes):
    rng = np.random.default_rng(1)
    compare(torch, getattr(operator, name), *(rng.uniform(0.5, 2, s) for s in shapes))


MATRICES = [((3, 4), (4, 2)), ((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 2)), ((2, 3, 4), (4, 5)), ((3, 4), (2, 4, 5)),
            ((2, 3, 4), (2, 4, 5)), ((2, 1, 3, 4), (5, 4, 3)), ((4,), (2, 4, 5)), ((2, 3, 4), (4,)),
            ((0, 4), (4, 2)), ((3, 0), (0, 2)), ((200, 300), (300, 400))]  # fmt: skip


@pytest.mark.parametrize("shapes", MATRICES, ids=str)
def test_matmul(torch, shapes):
    rng = np.random.default_rng(2)
    compare(torch, operator.matmul, *(rng.standard_normal(s) for s in shapes), rtol=1e-9)


@pytest.mark.parametrize("shapes", [((3, 4), (3, 4)), ((), (3,)), ((3,), (4,)), ((2, 3), (2,))], ids=str)
def test_matmul_of_shapes_that_do_not_fit(shapes):
    a, b = (Tensor(np.ones(s)) for s in shapes)
    with pytest.raises(ValueError, match=r"matmul: .*\(3?") as error:
        a @ b
    assert all(str(s) in str(error.value) for s in shapes)


ELEMENTWISE = {
    "neg": operator.neg,
    "exp": lambda x: x.exp(),
    "log": lambda x: (x * x + 0.1).log(),
    "sqrt": lambda x: (x * x + 0.1).sqrt(),
    "abs": abs,
    "abs()": lambda x: x.abs(),
    "cube": lambda x: x**3,
    "to the power 0": lambda x: x**0,
    "to the power 1": lambda x: x**1,
    "to the power -1.5": lambda x: (x * x) ** -1.5,
    "clip": lambda x: x.clip(-0.5, 1.1),
    "clip below": lambda x: x.clip(min=0.2),
    "clamp above": lambda x: x.clamp(max=-0.2),
    "numbers": lambda x: (2 - x) / 3 + 1 / (x + 5) * 0.1 - 4,
}


@pytest.mark.parametrize("shape", [(3, 4), (), (0, 2), (1,)], ids=str)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_element_by_element(torch, name, shape):
    compare(torch, ELEMENTWISE[name], away_from_kinks(np.random.default_rng(3), *shape))


def test_gradients_at_kinks_are_those_of_pytorch(torch):
    edges = np.array([-1.0, 0.0, 1.0, 0.5])
    for function in (abs, lambda x: x.clip(-1, 1), lambda x: x.clip(min=0), lambda x: x**2):
        compare(torch, function, edges)


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dim", [None, 0, -1, (0, 2), (-1, 0), [1], (0, 1, 2)], ids=str)
@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "var", "std", "population variance"])
def test_reductions(torch, name, dim, keepdim):
    x = np.random.default_rng(4).standard_normal((2, 3, 4))
    kind, settings = ("var", {"correction": 0}) if name.startswith("pop") else (name, {})
    reference = {"max": "amax", "min": "amin"}.get(kind, kind)
    dims = tuple(range(3)) if dim is None else dim
    compare(torch, lambda t: getattr(t, kind)(dim, keepdim, **settings), x,
            torch_function=lambda t: getattr(t, reference)(dim=dims, keepdim=keepdim, **settings))  # fmt: skip


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min"])
def test_reductions_of_a_single_number(torch, name):
    compare(torch, lambda t: getattr(t, name)(), np.array(2.5))


@pytest.mark.parametrize("name", ["max", "min"])
def test_equal_extremes_share_the_gradient(torch, name):
    x = np.array([[1.0, 3, 3, 0, 0], [2, 2, 2, 2, 2], [5, 1, 4, 1, 5]])
    for dim in (0, 1, (0, 1)):
        compare(torch, lambda t, d=dim: getattr(t, name)(d), x,
                torch_function=lambda t, d=dim: getattr(t, f"a{name}")(dim=d))  # fmt: skip


@pytest.mark.parametrize(
    "call", [lambda x: x.mean(0), lambda x: x.max(0), lambda x: x.sum(3), lambda x: x[:, :1].var(1)]
)
def test_reductions_that_mean_nothing_raise(call):
    with pytest.raises((ValueError, np.exceptions.AxisError)):
        call(Tensor(np.ones((0, 3))))


SHAPING = {
    "reshape": lambda x: x.reshape(4, 6),
    "reshape to a tuple": lambda x: x.reshape((-1, 2)),
    "view": lambda x: x.view(24),
    "flatten": lambda x: x.flatten(),
    "flatten from 1": lambda x: x.flatten(1),
    "permute": lambda x: x.permute(2, 0, 1),
    "permute by negative numbers": lambda x: x.permute((-1, 0, -2)),
    "transpose": lambda x: x.transpose(0, -1),
    "squeeze": lambda x: x[:, :1, 1:2].squeeze(),
    "squeeze an axis": lambda x: x[:, :1, 1:2].squeeze(-1),
    "squeeze two axes": lambda x: x[:1, :1, 1:2].squeeze((0, 2)),
    "squeeze an axis that is longer": lambda x: x[:, :1].squeeze(0),
    "unsqueeze": lambda x: x.unsqueeze(1),
    "unsqueeze at the end": lambda x: x.unsqueeze(-1),
    "reshape of a transpose": lambda x: x.transpose(0, 2).reshape(6, 4) * 2,
}


@pytest.mark.parametrize("name", SHAPING)
def test_shapes(torch, name):
    compare(torch, SHAPING[name], np.random.default_rng(5).standard_normal((2, 3, 4)))


def test_transpose_of_a_matrix(torch):
    compare(torch, lambda x: x.T, np.random.default_rng(5).standard_normal((2, 3)))


@pytest.mark.parametrize("call", [lambda x: x.reshape(5, -1), lambda x: x.reshape(-1, -1), lambda x: x.reshape(7),
                                  lambda x: x.permute(0, 1), lambda x: x.permute(0, 0, 1), lambda x: x.squeeze(3),
                                  lambda x: x.transpose(0, 3), lambda x: x.argmax(3), lambda x: x.any(-4)])  # fmt: skip
def test_shapes_that_do_not_fit_raise(call):
    with pytest.raises(ValueError, match=r"\(2, 3, 4\)"):
        call(Tensor(np.ones((2, 3, 4))))


def test_an_empty_batch_can_be_flattened(torch):
    compare(torch, lambda x: x.flatten(1), np.ones((0, 3, 4)))


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_concatenate_and_stack(torch, dim):
    rng = np.random.default_rng(6)
    lengths = [1, 3, 2]
    shapes = [tuple(n if i == dim % 2 else 2 for i in range(2)) for n in lengths]
    arrays = [rng.standard_normal(s) for s in shapes]
    compare(torch, lambda *t: minidl.concatenate(t, dim), *arrays, torch_function=lambda *t: torch.cat(t, dim))
    same = [rng.standard_normal((2, 3)) for _ in range(3)]
    compare(torch, lambda *t: minidl.stack(t, dim), *same, torch_function=lambda *t: torch.stack(t, dim))


def test_joining_shapes_that_do_not_fit_names_them():
    a, b = Tensor(np.ones((2, 3))), Tensor(np.ones((3, 4)))
    for join in (minidl.concatenate, minidl.stack):
        with pytest.raises(ValueError, match=r"2, 3\).*3, 4\)"):
            join([a, b])


@pytest.mark.parametrize(
    "shapes, dim", [([(), ()], 0), ([(2, 3), (2, 3)], 2), ([(2, 3), (2, 3)], -3), ([(2, 3), (3,)], -1)]
)
def test_concatenating_what_cannot_be(shapes, dim):
    with pytest.raises(ValueError) as error:
        minidl.concatenate([np.ones(shape) for shape in shapes], dim)
    expected = f"concatenate: tensors must have an axis {dim} and agree in all others, got {shapes}"
    assert str(error.value) == expected


@pytest.mark.parametrize("batch", [1, 2, 8])
def test_branches_are_concatenated_where_images_lie(torch, batch):
    rng = np.random.default_rng(6)
    x, *w = (rng.standard_normal(s) for s in ((batch, 3, 5, 4), (4, 3, 1, 1), (1, 3, 1, 1), (2, 3, 1, 1)))

    def ours(x, *w):
        return minidl.concatenate([F.conv2d(x, wi) for wi in w], 1)

    compare(torch, ours, x, *w, torch_function=lambda x, *w: torch.cat([torch.conv2d(x, wi) for wi in w], 1), rtol=1e-9)
    y = ours(Tensor(x), *map(Tensor, w)).data
    # Rows outermost and the batch innermost; or, where rows are short, channels in one piece each.
    assert (y.transpose(2, 1, 3, 0) if batch == 8 else y.swapaxes(0, 1)).flags.c_contiguous


def test_joining_one_tensor_several_times_adds_its_gradients(torch):
    x = np.random.default_rng(6).standard_normal((2, 3))
    compare(torch, lambda t: minidl.concatenate([t, t * 2, t]), x, torch_function=lambda t: torch.cat([t, t * 2, t]))
    compare(torch, lambda t: minidl.stack([t, t]), x, torch_function=lambda t: torch.stack([t, t]))


INTEGERS = np.array([0, 2, 2, -1, 0])
BOOLEANS = np.array([[True, False, True], [False, False, True]])
INDICES = {
    "integer": 1,
    "negative integer": -1,
    "NumPy integer": np.int64(1),
    "slice": slice(0, 2),
    "slice with a step": (slice(None), slice(None, None, 2)),
    "ellipsis": (..., 1),
    "nothing but an ellipsis": ...,
    "new axis": (None, 0, None, ..., None),
    "integer array": (slice(None), INTEGERS[:3]),
    "integer array with repeats": (slice(None), slice(None), INTEGERS),
    "two integer arrays": (np.array([0, 1, 0, 0]), np.array([2, 2, 0, 2])),
    "arrays with a slice between": (np.array([0, 1, 0]), slice(None), np.array([1, 1, 1])),
    "arrays that broadcast": (np.array([[0], [1]]), np.array([[1, 1, 2]])),
    "list": [0, 0, 1],
    "list in a tuple": (slice(None), [1, 1]),
    "tuple in a tuple": ((0, 0, 1),),
    "boolean array": BOOLEANS,
    "boolean array of one axis": (slice(None), np.array([True, False, True])),
    "boolean array, all false": BOOLEANS & False,
    "integer and array": (0, INTEGERS[:3]),
    "empty slice": slice(0, 0),
    "all integers": (1, 2, 3),
}


@pytest.mark.parametrize("name", INDICES)
def test_indexing(torch, name):
    x, index = np.random.default_rng(7).standard_normal((2, 3, 4)), INDICES[name]

    def of_torch(t):
        indices = index if isinstance(index, tuple) else (index,)
        return t[tuple(torch.tensor(i) if isinstance(i, (np.ndarray, list)) else i for i in indices)]

    compare(torch, lambda t: t[index], x, torch_function=of_torch)


def test_a_tensor_is_an_index_too(torch):
    x = np.random.default_rng(7).standard_normal((4, 3))
    rows, mask = np.array([3, 0, 3]), np.array([True, False, True, True])
    compare(torch, lambda t, i: t[i], x, rows)
    compare(torch, lambda t: t[Tensor(mask)], x, torch_function=lambda t: t[torch.tensor(mask)])
    compare(torch, lambda t, i: t[i, 1], x, rows)


def test_an_index_out_of_range_raises():
    with pytest.raises(IndexError):
        Tensor(np.ones((2, 3)))[2]


def test_iterating_over_a_tensor_gives_its_rows():
    x = Tensor(np.arange(6.0).reshape(3, 2), requires_grad=True)
    first, _, last = x
    (first.sum() + 2 * last.sum()).backward()
    np.testing.assert_array_equal(x.grad, [[1, 1], [0, 0], [2, 2]])


@pytest.mark.parametrize("shapes", [((3, 4), (3, 4)), ((4,), (3, 1)), ((), (3, 4))], ids=str)
def test_where(torch, shapes):
    rng = np.random.default_rng(8)
    condition = rng.random((3, 4)) > 0.5
    compare(torch, lambda a, b: minidl.where(condition, a, b), *(rng.standard_normal(s) for s in shapes),
            torch_function=lambda a, b: torch.where(torch.tensor(condition), a, b))  # fmt: skip


def test_where_takes_a_tensor_as_condition_and_numbers_exactly():
    x = Tensor(np.array([1.0, -2.0]), requires_grad=True)
    y = minidl.where(x > 0, x, 0.1)
    np.testing.assert_array_equal(y.data, [1, 0.1])
    assert y.dtype == np.float64
    y.backward(np.ones(2))
    np.testing.assert_array_equal(x.grad, [1, 0])


@pytest.mark.parametrize("condition", [np.array([1, 0]), np.array([1.0, 0.0]), True], ids=repr)
def test_where_with_a_condition_that_is_no_boolean_array_raises_or_is_right(condition):
    a, b = (Tensor(np.array(v), requires_grad=True) for v in ([1.0, 2.0], [3.0, 4.0]))
    try:
        y = minidl.where(condition, a, b)
    except TypeError:
        return
    y.backward(np.ones(2))
    held = np.broadcast_to(np.asarray(condition, bool), 2)
    np.testing.assert_array_equal(a.grad, held)
    np.testing.assert_array_equal(b.grad, ~held)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("number", [2, 0.1, True], ids=repr)
@pytest.mark.parametrize("shape", [(3,), ()], ids=str)
def test_python_numbers_keep_the_type(dtype, number, shape):
    x = Tensor(np.full(shape, 0.7, dtype), requires_grad=True)
    expected = dtype(0.7)
    for name in ("add", "sub", "mul", "truediv"):
        function = getattr(operator, name)
        for y, value in ((function(x, number), function(expected, dtype(number))),
                         (function(number, x), function(dtype(number), expected))):  # fmt: skip
            assert y.dtype == dtype
            np.testing.assert_array_equal(y.data, np.full(shape, value))
    y = ((x * number - 0.5) ** 2 / 3 + x.exp() * 0.1).clip(-10, 10).sum()
    y.backward()
    assert y.dtype == x.grad.dtype == dtype


def test_mixed_types_give_the_larger():
    a, b = Tensor(np.ones(3, np.float32), requires_grad=True), Tensor(np.ones(3), requires_grad=True)
    for function in (operator.add, operator.sub, operator.mul, operator.truediv):
        assert function(a, b).dtype == np.float64


def test_numpy_arrays_and_scalars_on_either_side():
    x, array = Tensor(np.array([1.0, 2.0]), requires_grad=True), np.array([3.0, 4.0])
    for y in (array * x, x * array, array + x, array - x, np.float64(3) * x, x / np.float64(2), array @ x):
        assert isinstance(y, Tensor) and y.requires_grad


def test_comparisons_give_boolean_tensors():
    x, y = Tensor([1.0, 2.0, 3.0], requires_grad=True), Tensor([2.0, 2.0, 2.0])
    expected = {"lt": [1, 0, 0], "le": [1, 1, 0], "gt": [0, 0, 1], "ge": [0, 1, 1], "eq": [0, 1, 0], "ne": [1, 0, 1]}
    for name, values in expected.items():
        for other in (y, 2, y.numpy()):
            z = getattr(operator, name)(x, other)
            assert z.dtype == bool and not z.requires_grad
            np.testing.assert_array_equal(z.data, np.array(values, bool))


def test_operands_that_are_no_numbers_raise():
    x = Tensor([1.0])
    for call in (lambda: x + "a", lambda: x * None, lambda: [1] - x, lambda: x ** Tensor([2.0]), lambda: x @ "a"):
        with pytest.raises(TypeError):
            call()


@pytest.mark.parametrize("dim", [None, 0, 1, -1], ids=str)
def test_places_of_extremes_and_truth(torch, dim):
    x = np.random.default_rng(6).integers(0, 3, (3, 4, 2)) - 0.0  # with equal values, and zeros
    ours, theirs = Tensor(x, requires_grad=True), torch.tensor(x)
    dims = {} if dim is None else {"dim": dim}
    for name in ("argmax", "argmin", "any", "all"):
        y = getattr(ours, name)(**dims)
        assert not y.requires_grad
        np.testing.assert_array_equal(y.data, getattr(theirs, name)(**dims).numpy())
    assert (ours > 0).any(1, keepdim=True).shape == (3, 1, 2)


def test_types_change(torch):
    x = np.random.default_rng(7).standard_normal((3, 4))
    ours, theirs = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    for name in ("float", "double"):
        ours.grad = theirs.grad = None
        y, z = getattr(ours, name)(), getattr(theirs, name)()
        assert str(z.dtype) == f"torch.{y.dtype}"
        gy = np.random.default_rng(8).standard_normal(x.shape).astype(y.dtype)
        y.backward(gy)
        z.backward(torch.tensor(gy))
        assert ours.grad.dtype == x.dtype
        np.testing.assert_array_equal(ours.grad, theirs.grad.numpy())
    assert (ours > 0).float().mean().dtype == np.float32
    np.testing.assert_array_equal(ours.long().numpy(), theirs.detach().long().numpy())
    assert ours.long().dtype == np.int64 and not ours.long().requires_grad


def test_boolean_tensors_combine():
    a, b = Tensor([True, True, False, False]), Tensor([True, False, True, False])
    assert (a & b).numpy().tolist() == [True, False, False, False]
    assert (a | b).numpy().tolist() == [True, True, True, False]
    assert (~a).numpy().tolist() == [False, False, True, True]
    with pytest.raises(TypeError):
        Tensor([1.0]) & a


def test_every_method_says_what_it_does():
    methods = [name for name in dir(Tensor) if not name.startswith("_") and callable(getattr(Tensor, name))]
    assert len(methods) > 20
    for name in methods:
        assert getattr(Tensor, name).__doc__, name
        assert getattr(Tensor, name).__name__ != "<lambda>", name
