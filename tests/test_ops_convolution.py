"""conv1d and conv2d: PyTorch, layouts, types, what is skipped, errors; kernels are in test_kernels.py."""

import numpy as np
import pytest
from helpers import conv2d_loops, layouts
from test_kernels import GEOMETRIES, make

import minidl
from minidl import Tensor, nn, ops
from minidl import functional as F


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_conv2d_against_pytorch(torch, name, biased):
    x, w, b, gy, geometry = make(name, seed=2)
    arrays = (x, w, b) if biased else (x, w)
    ours = [Tensor(a.copy(), requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    y = F.conv2d(*ours, *([] if biased else [None]), *geometry[1:])
    z = torch.nn.functional.conv2d(*theirs, *([] if biased else [None]), *geometry[1:])
    assert y.shape == tuple(z.shape)
    np.testing.assert_allclose(y.data, z.detach().numpy(), 1e-10, 1e-12)
    y.backward(gy)
    z.backward(torch.tensor(gy))
    for a, x, t in zip(arrays, ours, theirs, strict=True):
        np.testing.assert_allclose(x.grad, t.grad.numpy(), 1e-10, 1e-11)
        np.testing.assert_array_equal(x.data, a)


@pytest.mark.parametrize("name", ["3x3", "stride 2", "groups", "empty batch"])
def test_the_op_alone_gives_arrays(name):
    x, w, b, gy, geometry = make(name)
    op = ops.Conv2d(*geometry[1:])
    np.testing.assert_allclose(op.forward(x, w, b), conv2d_loops(x, w, b, *geometry[1:]), 1e-10, 1e-12)
    expected = conv2d_loops(x, w, b, *geometry[1:], gy=gy)
    for actual, wanted in zip(op.backward(gy), expected, strict=True):
        np.testing.assert_allclose(actual, wanted, 1e-10, 1e-12)
    op = ops.Conv2d(*geometry[1:])
    op.forward(x, w)
    assert op.backward(gy)[2] is None


@pytest.mark.parametrize("name", ["3x3", "stride 2"])
@pytest.mark.parametrize("needs", [(True, False, False), (False, True, False), (False, False, True)], ids=str)
def test_gradients_that_nobody_needs_are_not_computed(name, needs):
    x, w, b, gy, geometry = make(name)
    inputs = [Tensor(a, requires_grad=need) for a, need in zip((x, w, b), needs, strict=True)]
    op = ops.Conv2d(*geometry[1:])
    op(*inputs)
    gradients = op.backward(gy)
    assert [g is not None for g in gradients] == list(needs)
    expected = conv2d_loops(x, w, b, *geometry[1:], gy=gy)
    for gradient, wanted in zip(gradients, expected, strict=True):
        if gradient is not None:
            np.testing.assert_allclose(gradient, wanted, 1e-10, 1e-12)


def test_types():
    x, w, b, gy, geometry = make("3x3")
    single, double = np.float32, np.float64
    for types in ([single] * 3, [double] * 3, (single, double, double), (double, single, single)):
        arrays = [Tensor(a.astype(t), requires_grad=True) for a, t in zip((x, w, b), types, strict=True)]
        assert F.conv2d(*arrays, padding=1).dtype == np.result_type(*types)


def test_a_bias_of_float64_is_not_rounded():
    x, w = np.ones((1, 1, 2, 2), np.float32), np.ones((1, 1, 1, 1), np.float32)
    assert F.conv2d(Tensor(x), Tensor(w), Tensor(np.array([1e-9]))).dtype == np.float64


def test_a_chain_of_layers_in_both_memory_orders():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((4, 3, 8, 8)).astype(np.float32)
    w1, w2 = (rng.standard_normal(s).astype(np.float32) for s in ((5, 3, 3, 3), (6, 5, 3, 3)))
    results = []
    for array in (x, np.ascontiguousarray(x.transpose(2, 1, 3, 0)).transpose(3, 1, 0, 2)):
        tensors = [Tensor(a, requires_grad=True) for a in (array, w1, w2)]
        y = F.max_pool2d(F.conv2d(F.relu(F.conv2d(tensors[0], tensors[1], padding=1)), tensors[2]), 2)
        (y * y).sum().backward()
        results.append([y.data, *(t.grad for t in tensors)])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, 1e-5, 1e-4)


ERRORS = {
    "channels": ((2, 3, 5, 5), (4, 5, 3, 3), {}, "x has 3 channels but w expects 5"),
    "swapped": ((2, 3, 5, 5), (3, 4, 3, 3), {}, "Did you swap"),
    "groups of x": ((2, 4, 5, 5), (4, 4, 3, 3), {"groups": 2}, "x has 4 channels but w expects 8"),
    "groups of w": ((2, 4, 5, 5), (5, 2, 3, 3), {"groups": 2}, "5 output channels do not divide into 2 groups"),
    "one image": ((3, 5, 5), (4, 3, 3, 3), {}, "expected x"),
    "flat kernel": ((2, 3, 5, 5), (4, 27), {}, "expected x"),
    "kernel too large": ((2, 3, 5, 5), (4, 3, 7, 3), {}, r"larger than the image \(5, 5\)"),
    "dilated kernel too large": ((2, 3, 5, 5), (4, 3, 3, 3), {"dilation": 3}, "larger than the image"),
    "stride": ((2, 3, 5, 5), (4, 3, 3, 3), {"stride": 0}, "at least 1"),
    "padding": ((2, 3, 5, 5), (4, 3, 3, 3), {"padding": -1}, "at least 0"),
    "pair": ((2, 3, 5, 5), (4, 3, 3, 3), {"stride": (1, 2, 3)}, "pair"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    x_shape, w_shape, settings, message = ERRORS[name]
    with pytest.raises(ValueError, match=message):
        F.conv2d(minidl.zeros(x_shape), minidl.zeros(w_shape), **settings)


def test_a_bias_of_the_wrong_shape():
    with pytest.raises(ValueError, match=r"b must have shape \(4,\).*got \(3,\)"):
        F.conv2d(minidl.zeros(2, 3, 5, 5), minidl.zeros(4, 3, 3, 3), minidl.zeros(3))


# ---- Sequences ----

# (C, L, O, k, stride, padding, dilation, groups)
SEQUENCES = {
    "3": (3, 7, 4, 3, 1, 1, 1, 1),
    "valid": (2, 6, 3, 4, 1, 0, 1, 1),
    "1": (3, 5, 4, 1, 1, 0, 1, 1),
    "stride": (3, 8, 4, 3, 2, 1, 1, 1),
    "dilation": (2, 9, 3, 3, 1, 2, 2, 1),
    "groups, stride, dilation": (4, 11, 6, 3, 3, 4, 2, 2),
    "depthwise": (3, 6, 3, 3, 1, 1, 1, 3),
    "as long as the sequence": (2, 5, 3, 5, 1, 0, 1, 1),
    "padding larger than the kernel": (2, 4, 3, 2, 2, 5, 1, 1),
    "one position": (2, 1, 3, 3, 1, 1, 1, 1),
}
BATCHES = [0, 1, 3, 40]  # small ones and large ones are convolved along different axes


def make_sequences(name, n):
    c, length, o, k, *settings = SEQUENCES[name]
    rng = np.random.default_rng(4)
    x, w, b = (rng.standard_normal(s) for s in ((n, c, length), (o, c // settings[-1], k), (o,)))
    positions = (length + 2 * settings[1] - settings[2] * (k - 1) - 1) // settings[0] + 1
    return x, w, b, rng.standard_normal((n, o, positions)), settings


@pytest.mark.parametrize("n", BATCHES)
@pytest.mark.parametrize("name", SEQUENCES)
def test_conv1d_against_loops_in_every_layout(name, n):
    x, w, b, gy, settings = make_sequences(name, n)
    stride, padding, dilation, groups = settings
    image = {"stride": (1, stride), "padding": (0, padding), "dilation": (1, dilation), "groups": groups}
    y = conv2d_loops(x[:, :, None], w[:, :, None], b, **image)[:, :, 0]
    gx, gw, gb = conv2d_loops(x[:, :, None], w[:, :, None], b, **image, gy=gy[:, :, None])
    for (_, a), (_, c), (_, g) in zip(layouts(x), layouts(w), layouts(gy), strict=True):
        for array in (a, c, b, g):
            array.flags.writeable = False
        op = ops.Conv1d(*settings)
        actual = op.forward(a, c, b), *op.backward(g)
        for one, wanted in zip(actual, (y, gx[:, :, 0], gw[:, :, 0], gb), strict=True):
            assert one.shape == wanted.shape
            np.testing.assert_allclose(one, wanted, 1e-10, 1e-11)


@pytest.mark.parametrize("n", BATCHES)
@pytest.mark.parametrize("name", SEQUENCES)
def test_conv1d_against_pytorch(torch, name, n):
    x, w, b, gy, settings = make_sequences(name, n)
    ours = [Tensor(a, requires_grad=True) for a in (x, w, b)]
    theirs = [torch.tensor(a, requires_grad=True) for a in (x, w, b)]
    y, z = F.conv1d(*ours, *settings), torch.nn.functional.conv1d(*theirs, *settings)
    np.testing.assert_allclose(y.data, z.detach().numpy(), 1e-10, 1e-11)
    y.backward(gy)
    z.backward(torch.tensor(gy))
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one.grad, other.grad.numpy(), 1e-10, 1e-11)


@pytest.mark.parametrize("n", [2, 40])
@pytest.mark.parametrize("needs", [(True, False, False), (False, True, False), (False, False, True)], ids=str)
def test_conv1d_computes_what_is_needed_in_the_type_that_came(needs, n):
    arrays = [a.astype(np.float32) for a in make_sequences("3", n)[:4]]
    op = ops.Conv1d(1, 1)
    y = op(*(Tensor(a, requires_grad=need) for a, need in zip(arrays[:3], needs, strict=True)))
    gradients = op.backward(arrays[3])
    assert [g is not None for g in gradients] == list(needs)
    assert all(a.dtype == np.float32 for a in (y, *gradients) if a is not None)


def test_layers_of_sequences(torch):
    for settings in ((4, 6, 3), (4, 6, 3, 2, 1, 2, 2, False)):
        ours, theirs = nn.Conv1d(*settings), torch.nn.Conv1d(*settings)
        ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
        x = minidl.randn(2, 4, 9)
        np.testing.assert_allclose(ours(x).data, theirs(torch.tensor(x.data)).detach().numpy(), 1e-4, 1e-5)
    assert repr(nn.Conv1d(4, 6, 3, 2)) == "Conv1d(4, 6, kernel_size=(3,), stride=(2,))"


SEQUENCE_ERRORS = {
    "channels": ((2, 3, 5), (4, 5, 3), {}, r"conv1d: x has 3 channels but w expects 5 \(x \(2, 3, 5\), w \(4, 5, 3\)"),
    "swapped": ((2, 3, 5), (3, 4, 3), {}, r"Did you swap .* It is \(O, C / groups, k\)"),
    "groups": ((2, 4, 5), (5, 2, 3), {"groups": 2}, "5 output channels do not divide into 2 groups"),
    "one sequence": ((3, 5), (4, 3, 3), {}, r"expected x \(N, C, L\) .* One sequence is a batch of one: x\[None\]"),
    "an image": ((2, 3, 5, 5), (4, 3, 3), {}, r"expected x \(N, C, L\) and w \(O, C / groups, k\) \(x \(2, 3, 5, 5\)"),
    "kernel too long": ((2, 3, 5), (4, 3, 7), {}, r"the kernel \(7,\) .* larger than the sequence \(5,\)"),
    "stride": ((2, 3, 5), (4, 3, 3), {"stride": 0}, "conv1d: stride, dilation and groups must be at least 1"),
    "pair": ((2, 3, 5), (4, 3, 3), {"stride": (1, 2)}, r"expected a whole number or a tuple of one, got \(1, 2\)"),
}


@pytest.mark.parametrize("name", SEQUENCE_ERRORS)
def test_errors_of_conv1d(name):
    x_shape, w_shape, settings, message = SEQUENCE_ERRORS[name]
    with pytest.raises(ValueError, match=message):
        F.conv1d(minidl.zeros(x_shape), minidl.zeros(w_shape), **settings)
