"""Unfold and Fold, padding and cropping, and padding that keeps a size: definitions, PyTorch, errors."""

import numpy as np
import pytest
from helpers import layouts

import minidl
from minidl import Tensor, nn, ops
from minidl import functional as F

# (x shape, kernel, dilation, padding, stride)
WINDOWS = {
    "2x2": ((2, 3, 4, 5), (2, 2), (1, 1), (0, 0), (1, 1)),
    "tiles": ((2, 3, 4, 6), (2, 2), (1, 1), (0, 0), (2, 2)),
    "3x2, padded, stride": ((2, 3, 7, 5), (3, 2), (1, 1), (1, 2), (2, 1)),
    "dilation": ((1, 2, 7, 8), (3, 2), (2, 3), (1, 0), (1, 2)),
    "gaps": ((2, 2, 7, 8), (1, 2), (1, 1), (0, 0), (3, 4)),
    "whole image": ((2, 2, 3, 4), (3, 4), (1, 1), (0, 0), (1, 1)),
    "empty batch": ((0, 2, 4, 4), (3, 3), (1, 1), (1, 1), (1, 1)),
}


def gradient_of(function, x, gy):
    x = Tensor(x, requires_grad=True)
    y = function(x)
    assert y.shape == gy.shape
    y.backward(gy)
    return y.data, x.grad


def by_loops(x, kernel, dilation, padding, stride):
    """The columns of unfold, window by window."""
    x = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    span = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    size = x.shape[1] * kernel[0] * kernel[1]
    columns = [
        x[:, :, i : i + span[0] : dilation[0], j : j + span[1] : dilation[1]].reshape(len(x), size)
        for i in range(0, x.shape[2] - span[0] + 1, stride[0])
        for j in range(0, x.shape[3] - span[1] + 1, stride[1])
    ]
    return np.stack(columns, axis=2)


@pytest.mark.parametrize("name", WINDOWS)
def test_unfold_and_fold_in_every_layout(name):
    """Unfold by loops, Fold as its transpose: a value of fold(y) is <unfold(e), y> for a unit image e."""
    shape, *settings = WINDOWS[name]
    rng = np.random.default_rng(1)
    x = rng.standard_normal(shape)
    columns = by_loops(x, *settings)
    gy = rng.standard_normal(columns.shape)
    image = np.zeros(shape)
    for index in np.ndindex(shape[1:]):
        unit = np.zeros((1, *shape[1:]))
        unit[0, *index] = 1
        image[:, *index] = np.sum(by_loops(unit, *settings) * gy, axis=(1, 2))
    for (_, a), (_, g) in zip(layouts(x), [*layouts(gy)] * 2, strict=False):
        a.flags.writeable = g.flags.writeable = False
        y, gx = gradient_of(lambda t: F.unfold(t, *settings), a, g)
        np.testing.assert_array_equal(y, columns)
        np.testing.assert_allclose(gx, image, 1e-12, 1e-13)
        y, gx = gradient_of(lambda t: F.fold(t, shape[2:], *settings), g, a)
        np.testing.assert_allclose(y, image, 1e-12, 1e-13)
        np.testing.assert_array_equal(gx, columns)


@pytest.mark.parametrize("name", [n for n in WINDOWS if "empty" not in n])
def test_unfold_and_fold_against_pytorch(torch, name):
    shape, *settings = WINDOWS[name]
    x = np.random.default_rng(2).standard_normal(shape).astype(np.float32)
    columns = nn.Unfold(*settings)(Tensor(x))
    expected = torch.nn.Unfold(*settings)(torch.tensor(x))
    np.testing.assert_array_equal(columns.data, expected.numpy())
    image = nn.Fold(shape[2:], *settings)(columns)
    assert columns.dtype == image.dtype == np.float32
    np.testing.assert_allclose(image.data, torch.nn.Fold(shape[2:], *settings)(expected).numpy(), 1e-5, 1e-6)


def test_convolution_is_a_product_with_the_columns():
    x, w = minidl.randn(2, 3, 6, 5), minidl.randn(4, 3, 3, 3)
    y = Tensor(w.data.reshape(4, -1)) @ F.unfold(x, 3, padding=1)
    np.testing.assert_allclose(y.data.reshape(2, 4, 6, 5), F.conv2d(x, w, padding=1).data, 1e-4, 1e-4)


WINDOW_ERRORS = [
    (lambda: F.unfold(minidl.zeros(3, 4, 4), 2), r"unfold: expected images .* got shape \(3, 4, 4\).*x\[None\]"),
    (lambda: F.unfold(minidl.zeros(1, 3, 4, 4), 5), r"unfold: the window \(5, 5\) .* larger than the image \(4, 4\)"),
    (lambda: F.unfold(minidl.zeros(1, 3, 4, 4), 2, stride=0), "unfold: .* at least 1"),
    (lambda: F.unfold(minidl.zeros(1, 3, 4, 4), 2, padding=-1), "at least 0"),
    (lambda: F.fold(minidl.zeros(1, 3, 4, 4), 4, 2), "expected columns"),
    (lambda: F.fold(minidl.zeros(1, 6, 9), 4, 2), "multiple of 4; got shape"),
    (lambda: F.fold(minidl.zeros(1, 8, 9), 4, (2, 1)), r"3 x 4 = 12 positions on an image \(4, 4\), but x has 9 col"),
    (lambda: F.fold(minidl.zeros(1, 8, 9), 1, 2), "fold: the window .* larger"),
]


@pytest.mark.parametrize("call, message", WINDOW_ERRORS)
def test_errors_of_unfold_and_fold(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    "function", [lambda x: F.unfold(x, 2), lambda x: F.fold(x[0], 2, 1), lambda x: F.pad(x, (1, 1))]
)
def test_bytes_are_refused(function):
    with pytest.raises(TypeError, match="floating-point, got uint8"):
        function(Tensor(np.zeros((1, 2, 4, 4), np.uint8)))


def test_layers_print_their_settings():
    assert repr(nn.Unfold(3, padding=1)) == "Unfold(kernel_size=3, dilation=1, padding=1, stride=1)"
    assert repr(nn.Fold((4, 5), 2)) == "Fold(output_size=(4, 5), kernel_size=2, dilation=1, padding=0, stride=1)"


# ---- Padding and cropping ----

PADS = [(1, 2), (0, 0), (-1, 2), (2, -1, 1, 3), (-1, -2, -1, 0), (-5, 2), (1, 0, 0, 2, -1, 1), (1,) * 8, ()]


@pytest.mark.parametrize("pad", PADS, ids=str)
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (0, 3, 4, 5)], ids=str)
def test_pad_against_pytorch(torch, shape, pad):
    rng = np.random.default_rng(3)
    x = rng.standard_normal(shape)
    t = torch.tensor(x, requires_grad=True)
    z = torch.nn.functional.pad(t, pad, value=2.5)
    gy = rng.standard_normal(tuple(z.shape))
    z.backward(torch.tensor(gy))
    for (_, a), (_, g) in zip(layouts(x), layouts(gy), strict=True):
        a.flags.writeable = g.flags.writeable = False
        y, gx = gradient_of(lambda u: F.pad(u, pad, 2.5), a, g)
        np.testing.assert_array_equal(y, z.detach().numpy())
        np.testing.assert_array_equal(gx, t.grad.numpy())


def test_pad_keeps_type_and_memory_order_and_takes_any_number():
    rows = np.ones((4, 3, 5, 2), np.float32)
    op = ops.Pad((1, 1, 2, 0), -np.inf)
    y = op.forward(rows.transpose(3, 1, 0, 2))
    (gx,) = op.backward(y)
    for array in (y, gx):
        assert array.dtype == np.float32 and array.transpose(2, 1, 3, 0).flags.c_contiguous
    assert np.isneginf(y).sum() == y.size - rows.size and (gx == 1).all()
    assert F.pad(minidl.ones(2), [1, 0]).data.tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    "shape, settings, message",
    [
        ((2, 3), ((1, 2, 3),), r"two an axis, got \(1, 2, 3\)"),
        ((2, 3), (1,), "two an axis, got 1"),
        ((2, 3), ((1, 0.5),), "whole numbers"),
        ((2, 3), ((0, 0, 0, 0, 1, 1),), r"3 pairs are more than the 2 axes of x \(2, 3\)"),
        ((2, 3), ((-2, -2),), r"\(-2, -2\) crops more than the 3 values"),
        ((2, 3), ((-4, 5),), "crops more"),
        ((2, 3), ((1, 1), "reflect"), "constant padding only"),
    ],
)
def test_errors_of_pad(shape, settings, message):
    with pytest.raises(ValueError, match=message):
        F.pad(minidl.zeros(shape), *settings)


# ---- Padding that keeps a size ----


@pytest.mark.parametrize("stride", [1, 2, (3, 4)], ids=str)
@pytest.mark.parametrize("kernel", [1, 2, 3, (4, 5), (1, 7)], ids=str)
@pytest.mark.parametrize("dilation", [1, (2, 3)], ids=str)
def test_same_padding_gives_ceil_of_size_over_stride_with_as_little_as_it_takes(stride, kernel, dilation):
    for size in ((7, 8), (1, 12), (9, 5)):
        (top, bottom), (left, right) = F.same_padding(size, kernel, stride, dilation)
        assert 0 <= bottom - top <= 1 and 0 <= right - left <= 1
        x, w = minidl.zeros(1, 1, *size), minidl.zeros(1, 1, *np.broadcast_to(kernel, 2))
        y = F.conv2d(F.pad(x, (left, right, top, bottom)), w, None, stride, 0, dilation)
        steps = np.broadcast_to(stride, 2)
        assert y.shape[2:] == tuple(-(-n // s) for n, s in zip(size, steps, strict=True))
        for axis, total in enumerate((top + bottom, left + right)):
            if total:  # one less, and the last window has no place
                fewer = [(top, bottom - 1), (left, right)] if axis == 0 else [(top, bottom), (left, right - 1)]
                smaller = F.pad(x, [n for margin in fewer[::-1] for n in margin])
                span = (np.broadcast_to(dilation, 2) * (np.broadcast_to(kernel, 2) - 1) + 1)[axis]
                assert (smaller.shape[2 + axis] - span) // steps[axis] + 1 < y.shape[2 + axis]


def test_same_padding_as_tensorflow_documents_it():
    assert F.same_padding((224, 224), 7, 2) == ((2, 3), (2, 3))
    assert F.same_padding((5, 6), 3, 2) == ((1, 1), (0, 1))
    assert F.same_padding((5, 5), 1, 3) == ((0, 0), (0, 0))


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("kernel", [(3, 3), (2, 2), (4, 3), (1, 2), (5, 6)], ids=str)
@pytest.mark.parametrize("dilation", [1, (2, 3)], ids=str)
def test_convolution_of_the_same_size_against_pytorch(torch, kernel, dilation):
    rng = np.random.default_rng(4)
    x, w, gy = (rng.standard_normal(s) for s in ((2, 4, 7, 6), (6, 2, *kernel), (2, 6, 7, 6)))
    ours = [Tensor(a, requires_grad=True) for a in (x, w)]
    theirs = [torch.tensor(a, requires_grad=True) for a in (x, w)]
    y = F.conv2d(*ours, padding="same", dilation=dilation, groups=2)
    z = torch.nn.functional.conv2d(*theirs, padding="same", dilation=dilation, groups=2)
    np.testing.assert_allclose(y.data, z.detach().numpy(), 1e-10, 1e-11)
    y.backward(gy)
    z.backward(torch.tensor(gy))
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one.grad, other.grad.numpy(), 1e-10, 1e-11)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("name, dims", [("Conv1d", 1), ("Conv2d", 2)])
def test_layers_of_the_same_size(torch, name, dims):
    ours, theirs = (getattr(module, name)(3, 4, 4, padding="same", dilation=3) for module in (nn, torch.nn))
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    x = minidl.randn(2, 3, *(8, 9)[:dims])
    np.testing.assert_allclose(ours(x).data, theirs(torch.tensor(x.data)).detach().numpy(), 1e-4, 1e-5)
    assert "padding=same" in repr(ours)


def test_the_same_size_errors():
    x = minidl.zeros(1, 3, 8, 8)
    with pytest.raises(ValueError, match=r'padding="same" is for stride 1, got stride \(2, 2\); see same_padding'):
        F.conv2d(x, minidl.zeros(4, 3, 3, 3), stride=2, padding="same")
    with pytest.raises(ValueError, match=r"expected x \(N, C, H, W\)"):
        F.conv2d(x, minidl.zeros(4, 27), padding="same")
