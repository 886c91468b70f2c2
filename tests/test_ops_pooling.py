"""Pooling: nested loops, PyTorch, ties, overlaps, layouts, NaN, errors."""

from itertools import product

import numpy as np
import pytest
from helpers import away_from_kinks, layouts, pool_windows

import minidl
from minidl import Tensor, nn
from minidl import functional as F

# (x shape, kernel, stride, padding)
SETTINGS = {
    "2x2": ((2, 3, 6, 4), (2, 2), (2, 2), (0, 0)),
    "2x2, odd size": ((2, 3, 7, 5), (2, 2), (2, 2), (0, 0)),
    "3x3, stride 2, padded": ((2, 2, 7, 6), (3, 3), (2, 2), (1, 1)),
    "overlapping": ((1, 2, 6, 5), (3, 3), (1, 1), (1, 1)),
    "overlapping in width only": ((2, 2, 6, 7), (2, 3), (2, 1), (0, 1)),
    "overlapping in height only": ((2, 2, 6, 7), (3, 2), (1, 2), (1, 0)),
    "gaps": ((2, 2, 9, 8), (2, 1), (4, 3), (0, 0)),
    "1x1": ((2, 2, 3, 4), (1, 1), (1, 1), (0, 0)),
    "1x1, stride 2": ((2, 2, 5, 4), (1, 1), (2, 2), (0, 0)),
    "whole image": ((3, 2, 4, 5), (4, 5), (4, 5), (0, 0)),
    "one pixel": ((2, 3, 1, 1), (1, 1), (1, 1), (0, 0)),
    "one pixel, padded": ((2, 3, 1, 1), (2, 2), (1, 1), (1, 1)),
    "non-square": ((1, 2, 8, 9), (3, 2), (2, 3), (1, 1)),
    "batch of one": ((1, 2, 6, 6), (2, 2), (2, 2), (0, 0)),
    "empty batch": ((0, 2, 6, 6), (2, 2), (2, 2), (0, 0)),
    "empty batch, padded": ((0, 2, 6, 6), (3, 3), (2, 2), (1, 1)),
}


def run(function, x, gy):
    x = Tensor(x, requires_grad=True)
    y = function(x)
    y.backward(gy if gy.shape == y.shape else gy[tuple(slice(n) for n in y.shape)])
    return y.data, x.grad


def by_loops(kind, x, kernel, stride, padding, gy=None):
    """y, or with gy the gradient of x; the first of equal maxima in reading order wins."""
    sizes = [(s + 2 * p - k) // t + 1 for s, k, t, p in zip(x.shape[2:], kernel, stride, padding, strict=True)]
    y, gx = np.zeros((*x.shape[:2], *sizes)), np.zeros(x.shape)
    for index, places in pool_windows(x.shape, kernel, stride, padding):
        n, c = index[:2]
        if kind == "max":
            best = max(places, key=lambda place: x[n, c, *place])
            y[index] = x[n, c, *best]
            gx[n, c, *best] += 0 if gy is None else gy[index]
        else:
            area = kernel[0] * kernel[1]
            y[index] = sum(x[n, c, *place] for place in places) / area
            for place in places:
                gx[n, c, *place] += 0 if gy is None else gy[index] / area
    return y if gy is None else gx


@pytest.mark.parametrize("kind", ["max", "avg"])
@pytest.mark.parametrize("name", SETTINGS)
def test_pooling_against_loops_in_every_layout(name, kind):
    shape, *settings = SETTINGS[name]
    rng = np.random.default_rng(1)
    x = away_from_kinks(rng, *shape)
    expected = by_loops(kind, x, *settings)
    gy = rng.standard_normal(expected.shape)
    gradient = by_loops(kind, x, *settings, gy=gy)
    function = getattr(F, f"{kind}_pool2d")
    for (_, a), (_, g) in zip(layouts(x), layouts(gy), strict=True):
        a.flags.writeable = g.flags.writeable = False
        y, gx = run(lambda t: function(t, *settings), a, g)
        np.testing.assert_allclose(y, expected, 1e-12, 1e-13)
        np.testing.assert_allclose(gx, gradient, 1e-12, 1e-13)


@pytest.mark.parametrize("kind", ["max", "avg"])
@pytest.mark.parametrize("name", [n for n in SETTINGS if "empty" not in n])
def test_pooling_against_pytorch(torch, name, kind):
    shape, *settings = SETTINGS[name]
    x = np.random.default_rng(2).integers(0, 4, shape).astype(float)  # with many ties
    t = torch.tensor(x, requires_grad=True)
    z = getattr(torch.nn.functional, f"{kind}_pool2d")(t, *settings)
    gy = np.random.default_rng(3).standard_normal(tuple(z.shape))
    z.backward(torch.tensor(gy))
    y, gx = run(lambda a: getattr(F, f"{kind}_pool2d")(a, *settings), x, gy)
    np.testing.assert_allclose(y, z.detach().numpy(), 1e-12)
    np.testing.assert_allclose(gx, t.grad.numpy(), 1e-12, 1e-13)


@pytest.mark.parametrize("kind", ["max", "avg"])
@pytest.mark.parametrize("settings", [((2, 2), (2, 2), (0, 0)), ((3, 3), (2, 2), (1, 1)), ((3, 3), (3, 3), (0, 0))])
def test_the_threads_share_large_images_without_losing_a_gradient(kind, settings, threads):
    rng = np.random.default_rng(4)
    x, gy = (rng.standard_normal((16, 16, 33, 30)).astype(np.float32) for _ in range(2))
    results = []
    for count in (1, 2, 3):
        threads(count)
        results.append(run(lambda t: getattr(F, f"{kind}_pool2d")(t, *settings), x, gy))
        np.testing.assert_allclose(results[-1][1].sum(), results[0][1].sum(), 1e-3)
        for one, other in zip(results[-1], results[0], strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_first_of_equal_maxima_gets_the_gradient():
    y, gx = run(lambda t: F.max_pool2d(t, 2), np.ones((1, 1, 4, 4)), np.arange(1.0, 5).reshape(1, 1, 2, 2))
    np.testing.assert_array_equal(gx[0, 0], [[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(y, np.ones((1, 1, 2, 2)))


def test_the_max_pooling_of_the_lectures():
    x = np.array([[1.0, 2, 6, 3], [3, 5, 2, 1], [1, 2, 2, 1], [7, 3, 4, 8]])[None, None]
    gy = np.array([[1.0, 2], [3, 4]])[None, None]
    y, gx = run(lambda t: F.max_pool2d(t, 2), x, gy)
    np.testing.assert_array_equal(y[0, 0], [[5, 6], [7, 8]])
    np.testing.assert_array_equal(gx[0, 0], [[0, 0, 2, 0], [0, 1, 0, 0], [0, 0, 0, 0], [3, 0, 0, 4]])


def test_padding_is_never_the_maximum_but_counts_as_zeros_in_the_mean():
    x = np.full((1, 1, 2, 2), -5.0)
    np.testing.assert_array_equal(F.max_pool2d(Tensor(x), 2, padding=1).data, np.full((1, 1, 2, 2), -5))
    np.testing.assert_array_equal(F.avg_pool2d(Tensor(x), 2, padding=1).data, np.full((1, 1, 2, 2), -1.25))


@pytest.mark.parametrize("padding", [0, 1])
def test_nan_comes_through(padding):
    x = np.zeros((1, 1, 4, 4))
    x[0, 0, 1, 1] = np.nan
    for function in (F.max_pool2d, F.avg_pool2d):
        y = function(Tensor(x), 2, padding=padding).data[0, 0]
        assert np.isnan(y).sum() == 1 and np.isnan(y[padding, padding])


def test_types_stay():
    for dtype in (np.float32, np.float64):
        x = np.ones((1, 1, 5, 5), dtype)
        for function in (F.max_pool2d, F.avg_pool2d):
            y, gx = run(lambda t, f=function: f(t, 3, 2, 1), x, np.ones((1, 1, 3, 3), dtype))
            assert y.dtype == gx.dtype == dtype
        assert F.adaptive_avg_pool2d(Tensor(x), 2).dtype == dtype


@pytest.mark.parametrize("function", [F.max_pool2d, F.avg_pool2d])
@pytest.mark.parametrize(
    "shape, settings, message",
    [
        ((2, 3, 4), (2,), "expected images"),
        ((1, 1, 4, 4), (5,), "larger than the image"),
        ((1, 1, 4, 4), (2, 2, 2), "more than half"),
        ((1, 1, 4, 4), (0,), "at least 1"),
        ((1, 1, 4, 4), (2, 0), "at least 1"),
        ((1, 1, 4, 4), (2, 2, -1), "at least 0"),
    ],
)
def test_errors(function, shape, settings, message):
    with pytest.raises(ValueError, match=message):
        function(minidl.zeros(shape), *settings)


@pytest.mark.parametrize("function", [F.max_pool2d, F.avg_pool2d, F.adaptive_avg_pool2d, F.adaptive_max_pool2d])
def test_integers_and_images_without_pixels_are_errors(function):
    with pytest.raises(TypeError, match="floating-point"):
        function(Tensor(np.ones((1, 1, 4, 4), np.uint8)), 2)
    with pytest.raises(ValueError, match="at least one pixel"):
        function(minidl.zeros(1, 1, 0, 4), 2)


# ---- Rounding up ----

# (x shape, kernel, stride, padding)
ROUNDED_UP = {
    "2x2, odd size": ((2, 3, 7, 5), (2, 2), (2, 2), (0, 0)),
    "3x3, stride 2": ((2, 2, 8, 7), (3, 3), (2, 2), (0, 0)),
    "3x3, stride 2, padded": ((2, 2, 6, 8), (3, 3), (2, 2), (1, 1)),
    "nothing to round": ((2, 2, 6, 4), (2, 2), (2, 2), (0, 0)),
    "a window would start in the padding": ((1, 2, 5, 5), (2, 2), (2, 3), (1, 1)),
    "gaps, a window would start behind the image": ((1, 2, 5, 6), (1, 2), (3, 4), (0, 0)),
    "larger than the image": ((2, 1, 3, 2), (4, 3), (2, 2), (0, 1)),
    "one pixel": ((2, 1, 1, 1), (3, 3), (2, 2), (1, 1)),
    "overlapping in one direction": ((1, 2, 6, 8), (3, 1), (2, 3), (1, 0)),
    "empty batch": ((0, 2, 7, 7), (2, 2), (2, 2), (0, 0)),
}


def windows_rounded_up(size, k, s, p):
    """(start, stop) of every window along one axis: as many as it takes to reach the end of the padding."""
    windows = [(-p, k - p)]
    while windows[-1][1] < size + p and windows[-1][0] + s < size:
        windows.append((windows[-1][0] + s, windows[-1][1] + s))
    return windows


@pytest.mark.parametrize("kind", ["max", "avg"])
@pytest.mark.parametrize("name", ROUNDED_UP)
def test_ceil_mode_against_loops(name, kind):
    shape, *settings = ROUNDED_UP[name]
    rng = np.random.default_rng(7)
    x = away_from_kinks(rng, *shape)
    rows, columns = (windows_rounded_up(*numbers) for numbers in zip(shape[2:], *settings, strict=True))
    y, gx = np.zeros((*shape[:2], len(rows), len(columns))), np.zeros(shape)
    gy = rng.standard_normal(y.shape)
    for (i, (top, bottom)), (j, (left, right)) in product(enumerate(rows), enumerate(columns)):
        places = [
            (r, q) for r in range(max(top, 0), min(bottom, shape[2])) for q in range(max(left, 0), min(right, shape[3]))
        ]
        padding = settings[2]
        area = (min(bottom, shape[2] + padding[0]) - top) * (min(right, shape[3] + padding[1]) - left)
        for n, c in np.ndindex(*shape[:2]):
            if kind == "max":
                best = max(places, key=lambda place: x[n, c, *place])
                y[n, c, i, j] = x[n, c, *best]
                gx[n, c, *best] += gy[n, c, i, j]
            else:
                y[n, c, i, j] = sum(x[n, c, *place] for place in places) / area
                for place in places:
                    gx[n, c, *place] += gy[n, c, i, j] / area
    for (_, a), (_, g) in zip(layouts(x), layouts(gy), strict=True):
        result, gradient = run(lambda t: getattr(F, f"{kind}_pool2d")(t, *settings, ceil_mode=True), a, g)
        assert result.shape == y.shape
        np.testing.assert_allclose(result, y, 1e-12, 1e-13)
        np.testing.assert_allclose(gradient, gx, 1e-12, 1e-13)


@pytest.mark.parametrize("kind", ["max", "avg"])
def test_ceil_mode_against_pytorch_over_many_sizes(torch, kind):
    rng = np.random.default_rng(8)
    for size, k, s, p in product(range(1, 9), range(1, 5), range(1, 5), range(3)):
        if 2 * p > k:
            continue
        x = rng.integers(0, 5, (1, 2, size, size + 2)).astype(float)
        t = torch.tensor(x, requires_grad=True)
        try:
            z = getattr(torch.nn.functional, f"{kind}_pool2d")(t, k, s, p, ceil_mode=True)
        except RuntimeError:
            with pytest.raises(ValueError, match="larger than the image"):
                getattr(F, f"{kind}_pool2d")(Tensor(x), k, s, p, ceil_mode=True)
            continue
        gy = rng.standard_normal(tuple(z.shape))
        z.backward(torch.tensor(gy))
        y, gx = run(lambda a, s=(k, s, p): getattr(F, f"{kind}_pool2d")(a, *s, ceil_mode=True), x, gy)
        np.testing.assert_allclose(y, z.detach().numpy(), 1e-12, err_msg=f"{size} {k} {s} {p}")
        np.testing.assert_allclose(gx, t.grad.numpy(), 1e-12, 1e-13, err_msg=f"{size} {k} {s} {p}")


# ---- Positions ----


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("name", SETTINGS)
def test_positions_of_the_maxima(torch, name, ceil_mode):
    shape, *settings = SETTINGS[name]
    x = np.random.default_rng(9).integers(-3, 3, shape).astype(np.float32)  # with many ties
    for _, a in layouts(x):
        y, indices = F.max_pool2d(Tensor(a), *settings, ceil_mode=ceil_mode, return_indices=True)
        assert indices.dtype == np.int64 and indices.shape == y.shape and y.dtype == np.float32
        for n, c, i, j in np.ndindex(y.shape):
            assert x[n, c, *divmod(indices.data[n, c, i, j], shape[3])] == y.data[n, c, i, j]
        if x.size:
            z, places = torch.nn.functional.max_pool2d(
                torch.tensor(x), *settings, ceil_mode=ceil_mode, return_indices=True
            )
            np.testing.assert_array_equal(y.data, z.numpy())
            np.testing.assert_array_equal(indices.data, places.numpy())


def test_the_gradient_of_a_maximum_of_minus_infinity_is_not_lost():
    x = np.full((1, 1, 3, 3), -np.inf)
    for settings in ((3, 2, 1), (2, 2, 1), (3, 1, 1)):
        y, indices = F.max_pool2d(Tensor(x), *settings, return_indices=True)
        gy = np.random.default_rng(10).standard_normal(y.shape)
        _, gx = run(lambda t, s=settings: F.max_pool2d(t, *s), x, gy)
        expected = np.zeros(9)
        np.add.at(expected, indices.data.ravel(), gy.ravel())
        np.testing.assert_allclose(gx.ravel(), expected)
        assert (y.data == -np.inf).all()
        np.testing.assert_allclose(gx.sum(), gy.sum())


def test_the_position_of_a_nan_is_its_own():
    x = np.array([[[[1.0, 2, 3, 4], [5, np.nan, 9, 7]]]])
    y, indices = F.max_pool2d(Tensor(x), 2, return_indices=True)
    np.testing.assert_array_equal(indices.data, [[[[5, 6]]]])
    np.testing.assert_array_equal(y.data, [[[[np.nan, 9]]]])


# ---- Adaptive ----


@pytest.mark.parametrize("size", [1, 2, 3, (2, 5), (7, 1), (6, 7), (9, 10)], ids=str)
def test_adaptive_average_pooling(torch, size):
    rng = np.random.default_rng(5)
    x = rng.standard_normal((2, 3, 6, 7))
    t = torch.tensor(x, requires_grad=True)
    z = torch.nn.functional.adaptive_avg_pool2d(t, size)
    gy = rng.standard_normal(tuple(z.shape))
    z.backward(torch.tensor(gy))
    for (_, a), (_, g) in zip(layouts(x), layouts(gy), strict=True):
        y, gx = run(lambda b: F.adaptive_avg_pool2d(b, size), a, g)
        np.testing.assert_allclose(y, z.detach().numpy(), 1e-12, 1e-13)
        np.testing.assert_allclose(gx, t.grad.numpy(), 1e-12, 1e-13)


def test_adaptive_average_pooling_to_one_is_the_mean_and_to_the_same_size_the_identity():
    x = np.random.default_rng(6).standard_normal((2, 3, 5, 4))
    np.testing.assert_allclose(F.adaptive_avg_pool2d(Tensor(x), 1).data[:, :, 0, 0], x.mean(axis=(2, 3)))
    np.testing.assert_allclose(F.adaptive_avg_pool2d(Tensor(x), (5, 4)).data, x)


def test_adaptive_average_pooling_of_an_empty_batch_and_errors():
    y, gx = run(lambda t: F.adaptive_avg_pool2d(t, 2), np.ones((0, 2, 4, 4)), np.ones((0, 2, 2, 2)))
    assert y.shape == (0, 2, 2, 2) and gx.shape == (0, 2, 4, 4)
    with pytest.raises(ValueError, match="at least 1"):
        F.adaptive_avg_pool2d(minidl.zeros(1, 1, 4, 4), 0)
    with pytest.raises(ValueError, match="expected images"):
        F.adaptive_avg_pool2d(minidl.zeros(1, 4, 4), 1)


@pytest.mark.parametrize("size", [1, 2, 3, (2, 5), (7, 1), (6, 7), (9, 10)], ids=str)
def test_adaptive_max_pooling(torch, size):
    rng = np.random.default_rng(11)
    x = away_from_kinks(rng, 2, 3, 6, 7)  # with ties, PyTorch is free in which one it takes
    t = torch.tensor(x, requires_grad=True)
    z = torch.nn.functional.adaptive_max_pool2d(t, size)
    gy = rng.standard_normal(tuple(z.shape))
    z.backward(torch.tensor(gy))
    for (_, a), (_, g) in zip(layouts(x), layouts(gy), strict=True):
        y, gx = run(lambda b: F.adaptive_max_pool2d(b, size), a, g)
        np.testing.assert_array_equal(y, z.detach().numpy())
        np.testing.assert_allclose(gx, t.grad.numpy(), 1e-12, 1e-13)


def test_adaptive_max_pooling_of_equals_of_nothing_and_of_other_types():
    x = np.ones((1, 1, 4, 4), np.float32)
    y, gx = run(lambda t: F.adaptive_max_pool2d(t, 2), x, np.arange(1, 5, dtype=np.float32).reshape(1, 1, 2, 2))
    assert y.dtype == gx.dtype == np.float32
    np.testing.assert_array_equal(gx[0, 0], [[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]])
    y, gx = run(lambda t: F.adaptive_max_pool2d(t, 2), np.ones((0, 2, 4, 4)), np.ones((0, 2, 2, 2)))
    assert y.shape == (0, 2, 2, 2) and gx.shape == (0, 2, 4, 4)
    assert np.isnan(F.adaptive_max_pool2d(Tensor([[[[1.0, np.nan, 2.0]]]]), 1).item())


def test_global_pooling():
    x = np.random.default_rng(12).standard_normal((3, 4, 5, 6))
    y, gx = run(F.global_avg_pool2d, x, np.ones((3, 4)))
    np.testing.assert_allclose(y, x.mean(axis=(2, 3)))
    np.testing.assert_allclose(gx, np.full(x.shape, 1 / 30))
    y, gx = run(F.global_max_pool2d, x, np.ones((3, 4)))
    np.testing.assert_array_equal(y, x.max(axis=(2, 3)))
    np.testing.assert_array_equal(gx, x == x.max(axis=(2, 3), keepdims=True))


@pytest.mark.parametrize("size", [(13, 13), (10, 7), (3, 5)])
def test_a_spatial_pyramid(torch, size):
    x = away_from_kinks(np.random.default_rng(13), 2, 3, *size)
    gy = np.random.default_rng(14).standard_normal((2, 3 * 21))
    t = torch.tensor(x, requires_grad=True)
    z = torch.cat([torch.nn.functional.adaptive_max_pool2d(t, level).flatten(1) for level in (1, 2, 4)], 1)
    z.backward(torch.tensor(gy))
    for function in (F.spatial_pyramid_pool, nn.SpatialPyramidPool()):
        y, gx = run(function, x, gy)
        np.testing.assert_array_equal(y, z.detach().numpy())
        np.testing.assert_allclose(gx, t.grad.numpy(), 1e-12, 1e-13)
    np.testing.assert_array_equal(y[:, :3], x.max(axis=(2, 3)))
