"""Convolution with half the multiplications: against the plain way, where it is chosen, how exact it is."""

import numpy as np
import pytest
from test_kernels import GEOMETRIES, equal, make

from minidl import backend
from minidl.kernels import convolution, lowering, matrix, winograd
from minidl.kernels.lowering import Geometry

FITTING = [
    name
    for name, (_, w_shape, stride, padding, dilation, groups) in GEOMETRIES.items()
    if winograd.fits(w_shape, Geometry(w_shape[2:], stride, padding, dilation, groups))
]
LARGE = {  # (x shape, w shape, geometry) that go this way by themselves
    "3x3": ((3, 16, 14, 13), (24, 16, 3, 3), Geometry((3, 3), padding=(1, 1))),
    "no padding, groups": ((5, 40, 15, 13), (32, 20, 3, 3), Geometry((3, 3), groups=2)),
    "3x1": ((4, 17, 13, 12), (16, 17, 3, 1), Geometry((3, 1), padding=(1, 0))),
    "3x5, padding 2 and 3": ((4, 16, 18, 30), (16, 16, 3, 5), Geometry((3, 5), padding=(2, 3))),
    "one image, short rows": ((1, 32, 28, 28), (48, 32, 3, 3), Geometry((3, 3), padding=(1, 1))),
}  # fmt: skip


def draw(x_shape, w_shape, geometry, dtype=np.float64):
    """x, w, b, gy, standard normal; the weights scaled so that y is about as large as x."""
    rng = np.random.default_rng(0)
    shapes = x_shape, w_shape, w_shape[:1], (x_shape[0], w_shape[0], *geometry.outputs(x_shape))
    x, w, b, gy = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    return x, w / np.sqrt(w[0].size).astype(dtype), b, gy


@pytest.fixture
def everywhere(monkeypatch):
    """Small convolutions go this way too, if they can."""
    monkeypatch.setattr(winograd, "pays", lambda shape, *others: all(shape) and winograd.fits(*others))


@pytest.fixture(params=[0, 1000, 10**6])
def small_product(request, monkeypatch):
    """Processors whose BLAS has no fast way for small products, a fast way for very small ones, and for small ones."""
    monkeypatch.setattr(matrix, "SMALL_PRODUCT", request.param)


@pytest.mark.parametrize("small_blocks", [False, True])
@pytest.mark.parametrize("name", FITTING)
def test_equals_the_plain_way(name, small_blocks, small_product, everywhere, monkeypatch):
    x, w, b, gy, geometry = make(name)
    if small_blocks:
        monkeypatch.setattr(lowering, "BLOCK_BYTES", 64)
    equal(convolution.conv2d(x, w, b, geometry), convolution.plain_conv2d(x, w, b, geometry), rtol=1e-9)
    if min(convolution._padding_backwards(geometry)) >= 0 and geometry.stride == (1, 1):
        gx, gw = convolution._gradients_turned_around(x, w, gy, geometry)
        equal(gx, convolution.plain_input_gradient(gy, w, x.shape, geometry), rtol=1e-9)
        equal(gw, convolution.plain_weight_gradient(x, gy, w.shape, geometry), rtol=1e-9)


@pytest.mark.parametrize("name", LARGE)
def test_large_convolutions_go_this_way_with_any_number_of_threads(name, small_product, threads, monkeypatch):
    x, w, b, gy = draw(*LARGE[name])
    geometry, calls, slide = LARGE[name][2], [], winograd.slide
    monkeypatch.setattr(winograd, "slide", lambda *args, **options: calls.append(1) or slide(*args, **options))
    monkeypatch.setattr(backend, "SHARE_BYTES", 1)
    results = []
    for count in (1, 2, 5):
        threads(count)
        results.append((convolution.conv2d(x, w, b, geometry), *convolution.conv2d_gradients(x, w, gy, geometry)))
    assert len(calls) in (3, 6)  # forward, and backward where that is a convolution of its own
    for one, *others in zip(*results, strict=True):
        for other in others:
            np.testing.assert_array_equal(one, other)
    equal(results[0][0], convolution.plain_conv2d(x, w, b, geometry), rtol=1e-9)
    equal(results[0][1], convolution.plain_input_gradient(gy, w, x.shape, geometry), rtol=1e-9)
    equal(results[0][2], convolution.plain_weight_gradient(x, gy, w.shape, geometry), rtol=1e-9)


@pytest.mark.parametrize("name", LARGE)
def test_a_digit_less_in_float32(name):
    x, w, b, gy = draw(*LARGE[name], np.float32)
    geometry = LARGE[name][2]
    exact = convolution.plain_conv2d(*(a.astype(np.float64) for a in (x, w, b)), geometry)
    assert np.abs(convolution.conv2d(x, w, b, geometry) - exact).max() < 1e-5 * np.abs(exact).max()
    gx, gw = convolution.conv2d_gradients(x, w, gy, geometry)
    exact = convolution.plain_weight_gradient(x.astype(np.float64), gy, w.shape, geometry)
    assert gx.dtype == gw.dtype == np.float32
    assert np.abs(gw - exact).max() < 1e-5 * np.abs(exact).max()


def test_the_matrices_are_those_of_six_points():
    """For polynomials: w (3) times d (4) has six coefficients, found from its values at 0, 1, -1, 2, -2, infinity."""
    points = np.array([0, 1, -1, 2, -2])
    w, d, x = np.random.default_rng(0).standard_normal((3, 6))
    values = (winograd.G * [[4], [-6], [-6], [24], [24], [1]]) @ w[:3]  # the scales that B^T takes back
    np.testing.assert_allclose(values[:5], np.polyval(w[2::-1], points))
    np.testing.assert_allclose((winograd.AT.T @ d[:4])[:5], np.polyval(d[3::-1], points))
    y = winograd.AT @ ((winograd.G @ w[:3]) * (winograd.BT @ x))
    np.testing.assert_allclose(y, np.correlate(x, w[:3]), rtol=1e-12)


def test_an_infinite_pixel_stays_among_its_own_image_and_columns(threads):
    threads(1)  # whose warnings errstate holds back
    x, w, b, _ = draw((3, 16, 20, 20), (16, 16, 3, 3), Geometry((3, 3)))
    x[1, 3, 10, 10] = np.inf
    with np.errstate(invalid="ignore"):
        y = convolution.conv2d(x, w, b, Geometry((3, 3), padding=(1, 1)))
    bad = ~np.isfinite(y).all(axis=1)
    assert not bad[[0, 2]].any()
    rows, columns = np.nonzero(bad[1])
    assert rows.min() >= 10 - 5 and rows.max() <= 10 + 5 and set(columns) <= {9, 10, 11}
    assert {9, 10, 11} <= set(rows)


def test_small_or_strided_convolutions_go_another_way():
    geometry = Geometry((3, 3), padding=(1, 1))
    assert winograd.pays((64, 16, 32, 32), (16, 16, 3, 3), geometry)
    assert not winograd.pays((64, 16, 32, 32), (16, 3, 3, 3), geometry)  # three channels
    assert not winograd.pays((1, 256, 12, 12), (256, 256, 3, 3), geometry)
    assert winograd.pays((1, 256, 14, 14), (256, 256, 3, 3), geometry) == bool(matrix.SMALL_PRODUCT)
    assert not winograd.pays((64, 16, 16, 16), (16, 16, 3, 3), geometry._replace(stride=(2, 2)))
    assert not winograd.pays((64, 16, 32, 32), (16, 16, 5, 5), Geometry((5, 5)))
    assert not winograd.pays((64, 64, 32, 32), (64, 1, 3, 3), geometry._replace(groups=64))
