"""Transposed convolution: nested loops, the transpose of convolution, PyTorch, the lectures, layouts, errors."""

import numpy as np
import pytest
from helpers import layouts

import minidl
from minidl import Tensor, nn, ops
from minidl import functional as F
from minidl.kernels import convolution

# (x shape, w shape, stride, padding, output_padding, dilation, groups)
SETTINGS = {
    "3x3": ((2, 3, 4, 5), (3, 4, 3, 3), (1, 1), (0, 0), (0, 0), (1, 1), 1),
    "3x3, padded": ((2, 3, 4, 5), (3, 4, 3, 3), (1, 1), (1, 1), (0, 0), (1, 1), 1),
    "doubling": ((2, 3, 4, 3), (3, 2, 4, 4), (2, 2), (1, 1), (0, 0), (1, 1), 1),
    "doubling, odd kernel": ((2, 3, 4, 3), (3, 2, 3, 3), (2, 2), (1, 1), (1, 1), (1, 1), 1),
    "2x2, stride 2": ((2, 3, 4, 3), (3, 2, 2, 2), (2, 2), (0, 0), (0, 0), (1, 1), 1),
    "gaps": ((2, 2, 3, 3), (2, 3, 2, 1), (3, 2), (0, 0), (0, 1), (1, 1), 1),
    "stride (1, 3)": ((1, 2, 5, 3), (2, 3, 3, 4), (1, 3), (2, 1), (0, 2), (1, 1), 1),
    "dilation": ((2, 2, 4, 4), (2, 3, 3, 2), (2, 1), (2, 1), (1, 0), (2, 3), 1),
    "output padding as large as stride": ((2, 2, 3, 4), (2, 3, 2, 3), (1, 2), (1, 0), (2, 3), (3, 4), 1),
    "groups": ((2, 4, 4, 3), (4, 3, 3, 3), (2, 2), (1, 0), (0, 1), (1, 1), 2),
    "groups, dilation": ((2, 6, 3, 4), (6, 1, 3, 2), (1, 2), (0, 1), (0, 0), (2, 2), 3),
    "depthwise": ((2, 3, 4, 4), (3, 1, 4, 4), (2, 2), (1, 1), (0, 0), (1, 1), 3),
    "1x1": ((2, 3, 4, 4), (3, 2, 1, 1), (1, 1), (0, 0), (0, 0), (1, 1), 1),
    "padding larger than the kernel": ((2, 2, 6, 7), (2, 3, 2, 2), (2, 2), (3, 4), (1, 0), (1, 1), 1),
    "image of 1x1": ((2, 3, 1, 1), (3, 2, 3, 4), (2, 2), (0, 0), (0, 0), (1, 1), 1),
    "batch of one": ((1, 3, 5, 4), (3, 2, 3, 3), (2, 2), (1, 1), (0, 0), (1, 1), 1),
    "empty batch": ((0, 4, 4, 3), (4, 3, 3, 3), (2, 2), (1, 1), (1, 1), (1, 1), 2),
}


def make(name):
    """(x, w, b, gy, settings in the order of ops.ConvTranspose2d) in float64."""
    x_shape, w_shape, *settings = SETTINGS[name]
    stride, padding, output_padding, dilation, groups = settings
    sizes = zip(x_shape[2:], w_shape[2:], stride, padding, output_padding, dilation, strict=True)
    outputs = [(n - 1) * s - 2 * p + d * (k - 1) + more + 1 for n, k, s, p, more, d in sizes]
    rng = np.random.default_rng(1)
    shapes = x_shape, w_shape, (w_shape[1] * groups,), (x_shape[0], w_shape[1] * groups, *outputs)
    return *(rng.standard_normal(shape) for shape in shapes), settings


def by_loops(x, w, b, y_shape, stride, padding, output_padding, dilation, groups, gy=None):
    """From the definition: every value of x lays the kernel, times itself, into y. With gy the gradients."""
    y, gx, gw = np.zeros(y_shape), np.zeros(x.shape), np.zeros(w.shape)
    inputs, outputs = w.shape[0] // groups, w.shape[1]
    for c, o, i, j, p, q in np.ndindex(w.shape[0], outputs, *x.shape[2:], *w.shape[2:]):
        row, column = i * stride[0] - padding[0] + p * dilation[0], j * stride[1] - padding[1] + q * dilation[1]
        if 0 <= row < y_shape[2] and 0 <= column < y_shape[3]:
            place = (slice(None), c // inputs * outputs + o, row, column)
            y[place] += x[:, c, i, j] * w[c, o, p, q]
            if gy is not None:
                gx[:, c, i, j] += gy[place] * w[c, o, p, q]
                gw[c, o, p, q] += np.sum(gy[place] * x[:, c, i, j])
    return y + b[:, None, None] if gy is None else (gx, gw, gy.sum(axis=(0, 2, 3)))


def close(actual, expected):
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, 1e-10, 1e-11)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_op_alone_against_nested_loops(name):
    x, w, b, gy, settings = make(name)
    op = ops.ConvTranspose2d(*settings)
    close(op.forward(x, w, b), by_loops(x, w, b, gy.shape, *settings))
    for actual, wanted in zip(op.backward(gy), by_loops(x, w, b, gy.shape, *settings, gy=gy), strict=True):
        close(actual, wanted)
    op = ops.ConvTranspose2d(*settings)
    close(op.forward(x, w), by_loops(x, w, 0 * b, gy.shape, *settings))
    assert op.backward(gy)[2] is None


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("name", SETTINGS)
def test_against_pytorch(torch, name, biased):
    x, w, b, gy, (stride, padding, output_padding, dilation, groups) = make(name)
    order = stride, padding, output_padding, groups, dilation
    arrays = (x, w, b) if biased else (x, w)
    ours = [Tensor(a.copy(), requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    y = F.conv_transpose2d(*ours, *([] if biased else [None]), *order)
    z = torch.nn.functional.conv_transpose2d(*theirs, *([] if biased else [None]), *order)
    close(y.data, z.detach().numpy())
    y.backward(gy)
    z.backward(torch.tensor(gy))
    for a, one, other in zip(arrays, ours, theirs, strict=True):
        close(one.grad, other.grad.numpy())
        np.testing.assert_array_equal(one.data, a)


@pytest.mark.parametrize("name", [n for n in SETTINGS if "as large as stride" not in n])
def test_it_is_the_transpose_of_convolution(name):
    """<conv(y), x> = <y, conv_transpose(x)> with the same weights and settings."""
    x, w, _, y, (stride, padding, output_padding, dilation, groups) = make(name)
    down = F.conv2d(Tensor(y), Tensor(w), None, stride, padding, dilation, groups).data
    up = F.conv_transpose2d(Tensor(x), Tensor(w), None, stride, padding, output_padding, groups, dilation).data
    assert down.shape == x.shape and up.shape == y.shape
    np.testing.assert_allclose(np.sum(down * x), np.sum(y * up), 1e-10, 1e-12)


def test_it_calls_the_kernels_of_convolution(monkeypatch):
    x, w, b, gy, settings = make("doubling")
    called = []
    for name in ("conv2d", "conv2d_input_gradient", "conv2d_weight_gradient"):
        kernel = getattr(convolution, name)
        monkeypatch.setattr(convolution, name, lambda *a, n=name, k=kernel: called.append(n) or k(*a))
    op = ops.ConvTranspose2d(*settings)
    op.forward(x, w, b)
    op.backward(gy)
    assert called == ["conv2d_input_gradient", "conv2d", "conv2d_weight_gradient"]


@pytest.mark.parametrize("name", ["doubling", "groups", "output padding as large as stride"])
@pytest.mark.parametrize("plain", [False, True])
def test_memory_order_the_plain_kernels_and_nothing_is_written_to(name, plain, monkeypatch):
    x, w, b, gy, settings = make(name)
    if plain:  # as on a GPU
        monkeypatch.setattr(convolution, "conv2d", convolution.plain_conv2d)
        monkeypatch.setattr(convolution, "conv2d_input_gradient", convolution.plain_input_gradient)
        monkeypatch.setattr(convolution, "conv2d_weight_gradient", convolution.plain_weight_gradient)
    y, gradients = by_loops(x, w, b, gy.shape, *settings), by_loops(x, w, b, gy.shape, *settings, gy=gy)
    for (_, a), (_, c), (_, g) in zip(layouts(x), layouts(w), layouts(gy), strict=True):
        for array in (a, c, g, b):
            array.flags.writeable = False
        op = ops.ConvTranspose2d(*settings)
        close(op.forward(a, c, b), y)
        for actual, wanted in zip(op.backward(g), gradients, strict=True):
            close(actual, wanted)


@pytest.mark.parametrize("needs", [(True, False, False), (False, True, False), (False, False, True)], ids=str)
@pytest.mark.parametrize("one", [False, True])
def test_gradients_that_nobody_needs_are_not_computed(needs, one):
    x, w, b, gy, settings = make("doubling")
    op, wanted = ops.ConvTranspose2d(*settings), by_loops(x, w, b, gy.shape, *settings, gy=gy)
    if one:
        x, w, gy, op = x[:, :, 0], w[:, :, 0], np.ones((2, 2, 6)), ops.ConvTranspose1d(2, 1)
    op(*(Tensor(a, requires_grad=need) for a, need in zip((x, w, b), needs, strict=True)))
    gradients = op.backward(gy)
    assert [g is not None for g in gradients] == list(needs)
    for actual, expected in zip(gradients, wanted, strict=True):
        if actual is not None and not one:
            close(actual, expected)


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("n", [3, 40])
def test_one_dimension_is_two_with_an_axis_of_length_one(torch, name, n):
    _, w_shape, *settings = SETTINGS[name]
    stride, padding, output_padding, dilation, groups = (s if isinstance(s, int) else s[0] for s in settings)
    rng = np.random.default_rng(2)
    n = 0 if "empty" in name else n
    arrays = [rng.standard_normal(s) for s in ((n, w_shape[0], 7), w_shape[:3], (w_shape[1] * groups,))]
    ours = [Tensor(a, requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    y = F.conv_transpose1d(*ours, stride, padding, output_padding, groups, dilation)
    z = torch.nn.functional.conv_transpose1d(*theirs, stride, padding, output_padding, groups, dilation)
    close(y.data, z.detach().numpy())
    gy = rng.standard_normal(y.shape)
    y.backward(gy)
    z.backward(torch.tensor(gy))
    for one, other in zip(ours, theirs, strict=True):
        close(one.grad, other.grad.numpy())


def test_the_worked_examples_of_the_lectures():
    """Kernel (x, y, z): stride 1 on (a, b, c, d), and stride 2 on (a, b) with one more position at the end."""
    (x, y, z), (a, b, c, d) = (2.0, 3.0, 5.0), (7.0, 11.0, 13.0, 17.0)

    def up(values, **settings):
        return F.conv_transpose1d(Tensor([[values]]), Tensor([[[x, y, z]]]), **settings).data[0, 0].tolist()

    middle = [a * z + b * y + c * x, b * z + c * y + d * x]
    assert up([a, b, c, d]) == [a * x, a * y + b * x, *middle, c * z + d * y, d * z]
    assert up([a, b], stride=2, output_padding=1) == [a * x, a * y, a * z + b * x, b * y, b * z, 0]


@pytest.mark.parametrize("types", [("f4", "f4", "f4"), ("f8", "f8", "f8"), ("f4", "f4", "f8"), ("f4", "f8", "f4")])
def test_types(types):
    x, w, b, gy, settings = make("doubling")
    arrays = [a.astype(t) for a, t in zip((x, w, b), types, strict=True)]
    op = ops.ConvTranspose2d(*settings)
    y = op.forward(*arrays)
    assert y.dtype == np.result_type(*types)
    np.testing.assert_allclose(y, by_loops(x, w, b, gy.shape, *settings), 1e-4, 1e-4)
    if len(set(types)) == 1:
        assert all(g.dtype == types[0] for g in op.backward(gy.astype(types[0])))


@pytest.mark.parametrize("name, dims", [("ConvTranspose1d", 1), ("ConvTranspose2d", 2)])
def test_layers_against_pytorch(torch, name, dims):
    for settings in ((4, 6, 3), (4, 6, 4, 2, 1), (4, 6, 3, 2, 1, 1, 2, False, 2)):
        ours, theirs = getattr(nn, name)(*settings), getattr(torch.nn, name)(*settings)
        for (key, one), (wanted, other) in zip(ours.state_dict().items(), theirs.state_dict().items(), strict=True):
            assert key == wanted and one.shape == tuple(other.shape)
            bound = 1 / np.sqrt(6 // ours.groups * ours.kernel_size[0] ** dims)  # PyTorch's fan_in is w.shape[1] kh kw
            assert 0.5 * bound < np.abs(one).max() <= bound >= other.abs().max()
        ours.load_state_dict({key: t.numpy() for key, t in theirs.state_dict().items()})
        x = minidl.randn(2, 4, *(5, 6)[:dims])
        np.testing.assert_allclose(ours(x).data, theirs(torch.tensor(x.data)).detach().numpy(), 1e-4, 1e-5)


def test_layers_print_their_settings():
    assert repr(nn.ConvTranspose2d(4, 8, 3)) == "ConvTranspose2d(4, 8, kernel_size=(3, 3))"
    assert repr(nn.ConvTranspose1d(4, 8, 3, 2, 1, 1, 2, False, 4)) == (
        "ConvTranspose1d(4, 8, kernel_size=(3,), stride=(2,), padding=(1,), output_padding=(1,), dilation=(4,), "
        "groups=2, bias=False)"
    )


ERRORS = {
    "channels": ((2, 3, 5, 5), (4, 6, 3, 3), {}, r"conv_transpose2d: x has 3 channels but w expects 4 .*groups 1\)\.$"),
    "swapped": ((2, 3, 5, 5), (4, 3, 3, 3), {}, r"swap the first two axes of w\? It is \(C, O / groups, kh, kw\)"),
    "groups": ((2, 3, 5, 5), (3, 4, 3, 3), {"groups": 2}, "3 input channels do not divide into 2 groups"),
    "one image": ((3, 5, 5), (3, 4, 3, 3), {}, r"One image is a batch of one: x\[None\]"),
    "flat kernel": ((2, 3, 5, 5), (3, 36), {}, r"expected x \(N, C, H, W\) and w \(C, O / groups, kh, kw\)"),
    "padding": ((2, 3, 2, 5), (3, 4, 3, 3), {"padding": 2}, r"nothing is left of the image \(2, 5\)"),
    "no rows": ((2, 3, 0, 5), (3, 4, 3, 3), {}, "nothing is left"),
    "negative padding": ((2, 3, 5, 5), (3, 4, 3, 3), {"padding": -1}, "at least 0"),
    "stride": ((2, 3, 5, 5), (3, 4, 3, 3), {"stride": 0}, "at least 1"),
    "output padding": (
        (2, 3, 5, 5), (3, 4, 3, 3), {"stride": (2, 1), "output_padding": 1},
        r"smaller than stride or dilation, got output_padding 1, stride \(2, 1\), dilation 1",
    ),
    "negative output padding": ((2, 3, 5, 5), (3, 4, 3, 3), {"output_padding": -1}, "at least 0"),
    "1-D channels": ((2, 3, 5), (4, 6, 3), {}, r"conv_transpose1d: x has 3 channels .* \(x \(2, 3, 5\), w \(4, 6, 3\)"),
    "1-D swapped": ((2, 3, 5), (4, 3, 3), {}, r"It is \(C, O / groups, k\)"),
    "1-D output padding": ((2, 3, 5), (3, 4, 3), {"output_padding": 1}, "conv_transpose1d: output_padding must be"),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    x_shape, w_shape, settings, message = ERRORS[name]
    function = F.conv_transpose1d if "1-D" in name else F.conv_transpose2d
    with pytest.raises(ValueError, match=message):
        function(minidl.zeros(x_shape), minidl.zeros(w_shape), **settings)


def test_a_bias_of_the_wrong_shape_and_bytes():
    with pytest.raises(ValueError, match=r"b must have shape \(6,\).*got \(3,\)"):
        F.conv_transpose2d(minidl.zeros(2, 4, 5, 5), minidl.zeros(4, 3, 3, 3), minidl.zeros(3), groups=2)
    with pytest.raises(TypeError, match="conv_transpose2d: x must be floating-point"):
        F.conv_transpose2d(Tensor(np.zeros((2, 4, 5, 5), np.uint8)), minidl.zeros(4, 3, 3, 3))
    with pytest.raises(ValueError, match="both divide into 2 groups"):
        nn.ConvTranspose2d(4, 3, 3, groups=2)
