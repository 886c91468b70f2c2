"""The engine: graphs of every shape, memory, no_grad. Operators are in test_operators.py, errors in test_tensor.py."""

import gc
import threading
import weakref

import numpy as np
import pytest

import minidl
from minidl import Op, Tensor, no_grad
from minidl import functional as F


def leaf(*values):
    return Tensor(np.array(values, np.float64), requires_grad=True)


class Double(Op):
    """y = 2 x, and both a record of its calls and a saved array"""

    def forward(self, x):
        self.saved = x * 2
        return self.saved + 0

    def backward(self, gy):
        return (2 * gy,)


# ---- Graphs ----


def test_diamond():
    x = leaf(3.0)
    a = x * 2
    b, c = a * a, a + 1
    (b * c).backward(np.ones(1))
    assert x.grad == 2 * (2 * 6 * 7 + 36)


def test_nested_diamonds_are_walked_once():
    x = leaf(1.0)
    y = x
    for _ in range(60):  # 2^60 paths
        y = y + y
    y.backward(np.ones(1))
    assert x.grad == 2.0**60


def test_one_tensor_used_many_times():
    x = leaf(1.0, 2.0)
    y = x * 0
    for i in range(100):
        y = y + x * i
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [4950, 4950])


def test_the_same_tensor_on_both_sides():
    x = leaf(2.0, 3.0)
    ((x * x) / x - x + (x @ x)).sum().backward()
    np.testing.assert_allclose(x.grad, [8, 12], atol=1e-12)


@pytest.mark.parametrize("walk", [True, False])
def test_a_chain_of_thousands_of_operations(walk):
    x = leaf(1.0)
    y = x
    for _ in range(5000):
        y = y + 1
    if walk:
        y.backward(np.ones(1))
        assert x.grad == 1
    del y
    gc.collect()


def test_a_long_narrow_graph_and_a_wide_one_meet():
    x = leaf(0.5)
    long = x
    for _ in range(50):
        long = long * 1.01
    wide = sum((x * i for i in range(50)), x * 0)
    (long + wide).backward(np.ones(1))
    np.testing.assert_allclose(x.grad, 1.01**50 + 49 * 25)


def test_branches_that_nobody_uses_get_nothing():
    x, y = leaf(1.0), leaf(1.0)
    used = x * 2
    unused = used * y
    used.backward(np.ones(1))
    assert x.grad == 2 and y.grad is None
    assert unused.requires_grad


def test_one_output_of_two_parts_of_the_graph():
    x = leaf(1.0, 2.0, 3.0)
    first, _ = x[:1] * 5, x[1:] * 7
    first.sum().backward()
    np.testing.assert_array_equal(x.grad, [5, 0, 0])


def test_two_losses_over_separate_graphs_add_up():
    x = leaf(1.0, 2.0)
    (x * 2).sum().backward()
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad, [4, 6])


def test_two_losses_added_share_a_trunk():
    x = leaf(1.0, 2.0)
    trunk = x * x
    (trunk.sum() + (trunk * 3).sum()).backward()
    np.testing.assert_array_equal(x.grad, [8, 16])


def test_inputs_without_gradient_get_none():
    x, constant = leaf(1.0), Tensor(np.array([2.0]))
    (x * constant).backward(np.ones(1))
    assert x.grad == 2 and constant.grad is None


def test_detach_cuts_the_graph():
    x = leaf(3.0)
    y = x * 2
    (y.detach() * x).backward(np.ones(1))
    assert x.grad == 6
    assert not y.detach().requires_grad and y.detach().data is y.data


def test_backward_from_a_leaf():
    x = leaf(1.0, 2.0)
    x.backward(np.array([3.0, 4.0]))
    x.backward(np.array([3.0, 4.0]))
    np.testing.assert_array_equal(x.grad, [6, 8])


def test_backward_from_the_middle_leaves_the_rest_usable():
    x = leaf(2.0)
    middle = x * x
    middle.sum().backward()
    assert x.grad == 4


# ---- Gradients are arrays of their own ----


class SameTwice(Op):
    """y = 2 a + 2 b, whose gradients are one and the same new array"""

    def forward(self, a, b):
        return 2 * a + 2 * b

    def backward(self, gy):
        gx = 2 * gy
        return gx, gx


ALIASING = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: b - a,
    "concatenate": lambda a, b: minidl.concatenate([a, b]).reshape(2, -1).sum(0),
    "stack": lambda a, b: minidl.stack([a, b]).sum(0),
    "views": lambda a, b: a.reshape(2, 1).T.reshape(2) + b[:],
    "mse": lambda a, b: F.mse_loss(a, b, "none"),
    "an op of one's own": lambda a, b: SameTwice()(a, b),
}


@pytest.mark.parametrize("name", ALIASING)
def test_gradients_share_no_memory(name):
    a, b, gy = leaf(1.0, 2.0), leaf(3.0, 4.0), np.array([1.0, 2.0])
    y = ALIASING[name](a, b)
    y.backward(gy)
    for one, other in ((a.grad, b.grad), (a.grad, gy), (b.grad, gy), (a.grad, y.data), (a.grad, a.data)):
        assert not np.shares_memory(one, other)
    before = b.grad.copy()
    a.grad += 100
    np.testing.assert_array_equal(b.grad, before)
    np.testing.assert_array_equal(gy, [1, 2])


def test_the_gradient_of_a_leaf_walked_back_directly_is_no_alias_of_gy():
    x, gy = leaf(1.0), np.ones(1)
    x.backward(gy)
    assert not np.shares_memory(x.grad, gy)


def test_gradients_can_be_written_to():
    x = leaf(1.0, 2.0)
    x.sum().backward()
    x.grad *= 2
    np.testing.assert_array_equal(x.grad, [2, 2])


def test_accumulating_does_not_write_into_an_old_gradient():
    x = leaf(1.0)
    (x * 2).backward(np.ones(1))
    old = x.grad
    (x * 2).backward(np.ones(1))
    assert old == 2 and x.grad == 4


@pytest.mark.parametrize(
    "function", [lambda x: x * x, lambda x: x.exp(), lambda x: x**3, lambda x: x.sqrt() / x, lambda x: x.max(), abs]
)
def test_gradients_of_single_numbers_are_arrays(function):
    x = Tensor(np.array(2.0), requires_grad=True)
    for _ in range(2):  # the second time adds
        function(x).backward()
        assert isinstance(x.grad, np.ndarray) and x.grad.shape == ()


# ---- Memory ----


def test_saved_arrays_and_the_graph_are_let_go_during_backward():
    x, first, second = leaf(1.0), Double(), Double()
    y = second(first(x))
    saved = [weakref.ref(first.saved), weakref.ref(second.saved)]
    y.backward(np.ones(1))
    assert first.saved is None and second.saved is None
    assert [ref() for ref in saved] == [None, None]
    assert x.grad == 4


def test_the_last_ops_let_go_before_the_first_ones_run():
    order = []

    class Watched(Double):
        def __init__(self, later=None):
            self.later = later

        def backward(self, gy):
            order.append(self.later is None or self.later().saved is None)
            return super().backward(gy)

    x, later = leaf(1.0), Watched()
    y = later(Watched(weakref.ref(later))(x))
    y.backward(np.ones(1))
    assert order == [True, True]


def test_arrays_that_no_backward_needs_are_freed_at_once():
    x = leaf(*range(10))
    middle = x + 1  # an addition needs no values
    data = weakref.ref(middle.data)
    y = middle + 2
    del middle
    assert data() is None
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, np.ones(10))


def test_nothing_is_saved_without_gradients():
    op = Double()
    op(Tensor([1.0]))
    assert op.saved is None
    op = Double()
    with no_grad():
        op(leaf(1.0))
    assert op.saved is None


def test_a_graph_that_is_dropped_is_freed_without_the_garbage_collector():
    gc.disable()
    try:
        op = Double()
        y = op(leaf(1.0)) * 2
        saved = weakref.ref(op.saved)
        del op, y
        assert saved() is None
    finally:
        gc.enable()


# ---- no_grad ----


def test_no_grad_as_a_context_and_a_decorator():
    x = leaf(1.0)
    with no_grad():
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad

    @no_grad()
    def function(depth):
        inside = function(depth - 1) if depth else x * 2
        assert not (x * 2).requires_grad
        return inside

    assert not function(3).requires_grad
    assert (x * 2).requires_grad


def test_no_grad_nested_and_left_by_an_error():
    x, outer = leaf(1.0), no_grad()
    with outer:
        with outer, no_grad():
            assert not (x * 2).requires_grad
        with pytest.raises(KeyError), no_grad():
            raise KeyError
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad


def test_no_grad_holds_for_its_own_thread():
    x, seen = leaf(1.0), []
    with no_grad():
        thread = threading.Thread(target=lambda: seen.append((x * 2).requires_grad))
        thread.start()
        thread.join()
    assert seen == [True]


def test_a_function_under_no_grad_in_two_threads_that_overlap():
    """The second thread enters while the first is inside and leaves after it."""
    inside, leave, errors = threading.Barrier(2, timeout=10), threading.Event(), []

    @no_grad()
    def function(first):
        inside.wait()
        if not first:
            leave.wait(10)

    def run(first):
        try:
            function(first)
            assert (leaf(1.0) * 2).requires_grad
        except Exception as error:  # noqa: BLE001 - to be shown by the main thread
            errors.append(error)
        finally:
            if first:
                leave.set()

    threads = [threading.Thread(target=run, args=(first,)) for first in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not errors
