"""Tensors as objects, and what the engine says when it is used wrongly."""

import numpy as np
import pytest

import minidl
from minidl import Op, Tensor, no_grad


def leaf(*values):
    return Tensor(np.array(values, np.float64), requires_grad=True)


# ---- Errors ----


def test_a_second_backward_says_what_to_do():
    x = leaf(1.0)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="ran through this graph already"):
        y.backward()
    assert x.grad == 2


def test_a_second_loss_over_a_trunk_that_was_walked_raises_and_changes_nothing():
    x, other = leaf(1.0), leaf(5.0)
    trunk = x * x
    first, second = trunk.sum(), (trunk * other).sum()
    first.backward()
    with pytest.raises(RuntimeError, match="call backward\\(\\) once"):
        second.backward()
    assert x.grad == 2 and other.grad is None


def test_backward_without_gradients():
    with pytest.raises(RuntimeError, match="requires no gradient"):
        Tensor([1.0]).backward()
    with no_grad():
        y = leaf(1.0) * 2
    with pytest.raises(RuntimeError, match="no_grad"):
        y.backward()


def test_backward_of_several_numbers_needs_a_gradient():
    with pytest.raises(ValueError, match=r"single number.*\(2,\)"):
        (leaf(1.0, 2.0) * 2).backward()


def test_backward_with_a_gradient_of_another_shape():
    with pytest.raises(ValueError, match=r"\(3,\).*\(2,\)"):
        (leaf(1.0, 2.0) * 2).backward(np.ones(3))


def test_backward_takes_arrays_and_tensors():
    for gy in (np.array([1.0, 3.0]), Tensor(np.array([1.0, 3.0]))):
        x = leaf(1.0, 2.0)
        (x * 2).backward(gy)
        np.testing.assert_array_equal(x.grad, [2, 6])


@pytest.mark.parametrize(
    "result, error, message",
    [
        (lambda gy: gy, TypeError, "tuple of 1 gradients"),
        (lambda gy: (gy, gy), TypeError, "tuple of 1 gradients.* got 2"),
        (lambda gy: [gy], TypeError, "got list"),
        (lambda gy: (gy[:1],), ValueError, r"input 0 .*\(1,\).*\(2,\)"),
        (lambda gy: None, TypeError, "got NoneType"),
    ],
)
def test_an_op_whose_backward_is_wrong_is_named(result, error, message):
    class Wrong(Op):
        def forward(self, x):
            return x * 2

        def backward(self, gy):
            return result(gy)

    with pytest.raises(error, match=f"Wrong.backward.*{message}"):
        Wrong()(leaf(1.0, 2.0)).backward(np.ones(2))


def test_an_op_without_forward_or_backward_says_so():
    class Empty(Op):
        pass

    with pytest.raises(NotImplementedError, match="Empty must define forward"):
        Empty()(leaf(1.0))
    with pytest.raises(NotImplementedError, match="Empty must define backward"):
        Empty().backward(np.ones(1))


def test_only_floating_point_tensors_require_gradients():
    with pytest.raises(TypeError, match="int64"):
        Tensor([1, 2], requires_grad=True)


@pytest.mark.parametrize("data", ["abc", None, [object()], {"a": 1}], ids=repr)
def test_a_tensor_of_no_numbers(data):
    with pytest.raises(TypeError, match="cannot make a tensor"):
        Tensor(data)


# ---- Tensor ----


def test_types_of_new_tensors():
    assert Tensor([1.0]).dtype == Tensor(1.5).dtype == np.float32
    assert Tensor([1]).dtype == np.int64 and Tensor([True]).dtype == bool
    for dtype in (np.float64, np.float32, np.uint8):
        assert Tensor(np.ones(2, dtype)).dtype == dtype
        assert minidl.tensor(np.ones(2, dtype)).dtype == dtype
    assert minidl.tensor([1, 2], dtype=np.float64).dtype == np.float64


def test_tensor_copies_and_the_class_does_not():
    array = np.ones(2)
    assert Tensor(array).data is array
    assert not np.shares_memory(minidl.tensor(array).data, array)
    assert not np.shares_memory(minidl.tensor(Tensor(array)).data, array)


def test_conversions():
    x = Tensor([[1.5, 2.0]], requires_grad=True)
    assert (x.shape, x.ndim, x.size, len(x), x.device, str(x.dtype)) == ((1, 2), 2, 2, 1, "cpu", "float32")
    assert float(x[0, 0]) == x[0, 0].item() == 1.5
    assert bool(Tensor(1)) and not bool(Tensor(0))
    np.testing.assert_array_equal(np.asarray(x), [[1.5, 2]])
    assert np.asarray(x, np.float64).dtype == np.float64
    assert x.numpy() is x.data
    assert repr(x) == "tensor([[1.5, 2. ]], requires_grad=True)"
    assert repr(Tensor(np.ones(1))) == "tensor([1.], dtype=float64)"


def test_creation():
    for make, value in ((minidl.zeros, 0), (minidl.ones, 1)):
        for x in (make(2, 3), make((2, 3))):
            assert x.shape == (2, 3) and x.dtype == np.float32 and np.all(x.data == value)
    assert minidl.zeros(2, dtype=np.float64, requires_grad=True).requires_grad
    for make in (minidl.rand, minidl.randn):
        minidl.manual_seed(4)
        first = make(100, 100).data
        minidl.manual_seed(4)
        np.testing.assert_array_equal(first, make((100, 100)).data)
    assert minidl.rand(1000).data.min() >= 0 and minidl.rand(1000).data.max() < 1
    assert abs(minidl.randn(100, 100).data.std() - 1) < 0.03
