"""The array functions: windows, convolution by every way there is, pooling, channel sums."""

import numpy as np
import pytest
from helpers import conv2d_loops, layouts

from minidl import backend
from minidl.kernels import channels, convolution, lowering, matrix
from minidl.kernels.layout import as_images, as_rows, pair
from minidl.kernels.lowering import Geometry
from minidl.kernels.windows import col2im, im2col, output_size

# (x shape, w shape, stride, padding, dilation, groups)
GEOMETRIES = {
    "3x3": ((2, 3, 6, 5), (4, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    "valid": ((2, 3, 6, 5), (4, 3, 3, 2), (1, 1), (0, 0), (1, 1), 1),
    "1x1": ((2, 3, 4, 5), (4, 3, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    "1x1, stride 2": ((2, 3, 5, 6), (4, 3, 1, 1), (2, 2), (0, 0), (1, 1), 1),
    "1x1, padded": ((2, 3, 4, 5), (4, 3, 1, 1), (1, 1), (1, 2), (1, 1), 1),
    "3x1": ((2, 3, 6, 5), (4, 3, 3, 1), (1, 1), (0, 0), (1, 1), 1),
    "1x3": ((2, 3, 6, 5), (4, 3, 1, 3), (1, 1), (0, 1), (1, 1), 1),
    "3x1, stride down": ((2, 3, 7, 5), (4, 3, 3, 1), (2, 1), (0, 0), (1, 1), 1),
    "stride 2": ((2, 3, 7, 6), (4, 3, 3, 3), (2, 2), (1, 1), (1, 1), 1),
    "stride 3, size 8": ((1, 2, 8, 8), (3, 2, 2, 2), (3, 3), (0, 0), (1, 1), 1),
    "stride (1, 2)": ((2, 3, 6, 7), (4, 3, 3, 3), (1, 2), (1, 0), (1, 1), 1),
    "stride larger than the kernel": ((2, 2, 9, 9), (3, 2, 2, 2), (4, 3), (1, 0), (1, 1), 1),
    "stride far larger than the image": ((1, 1, 2, 1), (1, 1, 1, 1), (1, 20), (0, 0), (1, 1), 1),
    "dilation 2": ((2, 3, 7, 8), (4, 3, 3, 3), (1, 1), (2, 2), (2, 2), 1),
    "dilation (2, 3), stride 2": ((2, 2, 9, 9), (3, 2, 3, 2), (2, 2), (1, 2), (2, 3), 1),
    "groups": ((2, 4, 5, 6), (6, 2, 3, 3), (1, 1), (1, 1), (1, 1), 2),
    "groups, stride, dilation": ((2, 6, 8, 7), (6, 2, 3, 2), (2, 1), (1, 2), (1, 2), 3),
    "depthwise": ((2, 4, 5, 6), (4, 1, 3, 3), (1, 1), (1, 1), (1, 1), 4),
    "depthwise, twice the channels": ((2, 3, 5, 6), (6, 1, 3, 3), (2, 2), (1, 1), (1, 1), 3),
    "as big as the image": ((3, 2, 5, 4), (4, 2, 5, 4), (1, 1), (0, 0), (1, 1), 1),
    "padding larger than the kernel": ((2, 2, 4, 3), (3, 2, 2, 3), (1, 1), (4, 5), (1, 1), 1),
    "3x3, padding larger than the image": ((2, 2, 7, 3), (3, 2, 3, 3), (1, 1), (9, 5), (1, 1), 1),
    "padding larger than kernel and image, stride": ((1, 1, 2, 2), (2, 1, 2, 2), (3, 2), (7, 5), (1, 1), 1),
    "image of 1x1": ((2, 3, 1, 1), (4, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    "one row": ((2, 3, 1, 9), (4, 3, 1, 3), (1, 2), (0, 1), (1, 1), 1),
    "one column": ((2, 3, 9, 1), (4, 3, 3, 1), (2, 1), (1, 0), (1, 1), 1),
    "batch of one": ((1, 3, 6, 6), (4, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    "empty batch": ((0, 3, 6, 6), (4, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    "empty batch, stride 2": ((0, 4, 6, 6), (4, 2, 3, 3), (2, 2), (1, 1), (1, 1), 2),
    "even kernel": ((2, 2, 6, 6), (3, 2, 4, 2), (1, 1), (2, 1), (1, 1), 1),
}


@pytest.fixture(autouse=True)
def every_convolution_goes_by_rows(monkeypatch):
    """As it does for images of a usual size; the plain way is called by name."""
    monkeypatch.setattr(convolution, "SHORT_ROW", 0)


def make(name, seed=0):
    """(x, w, b, gy, geometry) of a case, in float64."""
    x_shape, w_shape, stride, padding, dilation, groups = GEOMETRIES[name]
    rng = np.random.default_rng(seed)
    geometry = Geometry(w_shape[2:], stride, padding, dilation, groups)
    x, w, b = (rng.standard_normal(s) for s in (x_shape, w_shape, w_shape[:1]))
    gy = rng.standard_normal((x_shape[0], w_shape[0], *geometry.outputs(x_shape)))
    return x, w, b, gy, geometry


def equal(actual, expected, rtol=1e-12):
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol, 1e-12)


@pytest.mark.parametrize("name", GEOMETRIES)
def test_every_way_to_convolve_agrees_with_nested_loops(name):
    x, w, b, gy, geometry = make(name)
    expected = conv2d_loops(x, w, b, *geometry[1:])
    equal(convolution.conv2d(x, w, b, geometry), expected)
    equal(convolution.plain_conv2d(x, w, b, geometry), expected)
    equal(convolution.conv2d(x, w, None, geometry), expected - b[:, None, None], rtol=1e-9)


@pytest.mark.parametrize("name", GEOMETRIES)
def test_every_way_to_the_gradients_agrees_with_nested_loops(name):
    x, w, b, gy, geometry = make(name)
    gx, gw, _ = conv2d_loops(x, w, b, *geometry[1:], gy=gy)
    ways = [
        convolution.conv2d_gradients(x, w, gy, geometry),
        (
            convolution.conv2d_input_gradient(gy, w, x.shape, geometry),
            convolution.conv2d_weight_gradient(x, gy, w.shape, geometry),
        ),
        (
            convolution.plain_input_gradient(gy, w, x.shape, geometry),
            convolution.plain_weight_gradient(x, gy, w.shape, geometry),
        ),
    ]
    if geometry.stride == (1, 1) and min(convolution._padding_backwards(geometry)) >= 0:
        ways.append(convolution._gradients_turned_around(x, w, gy, geometry))
    for actual_gx, actual_gw in ways:
        equal(actual_gx, gx)
        equal(actual_gw, gw)


@pytest.mark.parametrize("short_row, small_product", [(0, 0), (10**6, 0), (10**6, 50)])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_small_blocks_short_rows_and_threads_change_nothing(name, short_row, small_product, threads, monkeypatch):
    x, w, b, gy, geometry = make(name)
    y, gradients = conv2d_loops(x, w, b, *geometry[1:]), conv2d_loops(x, w, b, *geometry[1:], gy=gy)
    monkeypatch.setattr(lowering, "BLOCK_BYTES", 64)
    monkeypatch.setattr(lowering, "SHORT_ROW", short_row)
    monkeypatch.setattr(matrix, "SMALL_PRODUCT", small_product)
    monkeypatch.setattr(backend, "SHARE_BYTES", 1)
    for count in (1, 3):
        threads(count)
        equal(convolution.conv2d(x, w, b, geometry), y)
        for actual, expected in zip(convolution.conv2d_gradients(x, w, gy, geometry), gradients, strict=False):
            equal(actual, expected)
        equal(convolution.conv2d_input_gradient(gy, w, x.shape, geometry), gradients[0])


@pytest.mark.parametrize("height, plain", [(30, True), (3000, False)])
def test_small_maps_go_the_plain_way_and_tall_ones_not(height, plain, monkeypatch):
    """All windows of a tall image at once would take much memory."""
    monkeypatch.setattr(convolution, "SHORT_ROW", lowering.SHORT_ROW)
    rng = np.random.default_rng(0)
    x, w, geometry = rng.standard_normal((1, 2, height, 6)), rng.standard_normal((3, 2, 3, 3)), Geometry((3, 3))
    y = convolution.conv2d(x, w, None, geometry)
    equal(y, convolution.plain_conv2d(x, w, None, geometry))
    assert (y.swapaxes(0, 1) if plain else y.transpose(2, 1, 3, 0)).flags.c_contiguous


@pytest.mark.parametrize("name", ["3x3", "stride 2", "empty batch"])
def test_only_the_gradients_that_are_needed(name):
    x, w, _, gy, geometry = make(name)
    gx, gw = convolution.conv2d_gradients(x, w, gy, geometry)
    only_x, none = convolution.conv2d_gradients(x, w, gy, geometry, (True, False))
    equal(only_x, gx)
    assert none is None
    none, only_w = convolution.conv2d_gradients(x, w, gy, geometry, (False, True))
    equal(only_w, gw)
    assert none is None


@pytest.mark.parametrize("name", GEOMETRIES)
def test_the_input_gradient_is_the_adjoint_of_convolution(name):
    x, w, _, gy, geometry = make(name, seed=1)
    left = np.sum(convolution.conv2d(x, w, None, geometry) * gy)
    for adjoint in (convolution.conv2d_input_gradient, convolution.plain_input_gradient):
        np.testing.assert_allclose(left, np.sum(x * adjoint(gy, w, x.shape, geometry)), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["3x3", "stride 2", "groups, stride, dilation", "1x1, stride 2", "3x1"])
def test_memory_order_does_not_matter_and_nothing_is_written_to(name):
    x, w, b, gy, geometry = make(name)
    y = convolution.conv2d(x, w, b, geometry)
    gradients = convolution.conv2d_gradients(x, w, gy, geometry)
    for (order, x2), (_, gy2), (_, w2) in zip(layouts(x), layouts(gy), layouts(w), strict=True):
        for array in (x2, gy2, w2, b):
            array.flags.writeable = False
        equal(convolution.conv2d(x2, w2, b, geometry), y), order
        for actual, expected in zip(
            convolution.conv2d_gradients(x2, w2, gy2, geometry), gradients, strict=True
        ):
            equal(actual, expected)


def test_a_large_convolution_in_float32_is_close_to_float64(threads):
    rng = np.random.default_rng(2)
    shapes = (16, 16, 32, 32), (32, 16, 3, 3), (16, 32, 32, 32)
    x, w, gy = (rng.standard_normal(s) for s in shapes)
    geometry = Geometry((3, 3), padding=(1, 1))
    exact = (convolution.conv2d(x, w, None, geometry), *convolution.conv2d_gradients(x, w, gy, geometry))
    x, w, gy = (a.astype(np.float32) for a in (x, w, gy))
    close = (convolution.conv2d(x, w, None, geometry), *convolution.conv2d_gradients(x, w, gy, geometry))
    for actual, expected in zip(close, exact, strict=True):
        assert actual.dtype == np.float32
        assert np.abs(actual - expected).max() < 1e-5 * np.abs(expected).max()


def test_the_worked_examples_of_the_lectures():
    """One dimension, kernel (x, y, z) and input (a, b, c, d) padded by 1; and the 3x3 kernel on a 4x4 image."""
    kernel, image = np.array([2.0, 3, 5]), np.array([7.0, 11, 13, 17])
    (x, y, z), (a, b, c, d) = kernel, image

    def row(values):
        return np.array(values, float).reshape(1, 1, 1, -1)

    stride1, stride2 = (Geometry((1, 3), (1, s), (0, 1)) for s in (1, 2))
    full = [a * y + b * z, a * x + b * y + c * z, b * x + c * y + d * z, c * x + d * y]
    equal(convolution.conv2d(row(image), row(kernel), None, stride1), row(full))
    equal(convolution.conv2d(row(image), row(kernel), None, stride2), row(full[::2]))
    transposed = [a * x, a * y + b * x, a * z + b * y + c * x, b * z + c * y + d * x, c * z + d * y, d * z]
    equal(
        convolution.conv2d_input_gradient(row(image), row(kernel), (1, 1, 1, 6), Geometry((1, 3))), row(transposed)
    )
    transposed = [a * x, a * y, a * z + b * x, b * y, b * z, 0]
    equal(
        convolution.conv2d_input_gradient(row([a, b]), row(kernel), (1, 1, 1, 6), Geometry((1, 3), (1, 2))),
        row(transposed),
    )
    kernel = np.array([[1.0, 4, 1], [1, 4, 3], [3, 3, 1]])[None, None]
    image = np.array([[4.0, 5, 8, 7], [1, 8, 8, 8], [3, 6, 6, 4], [6, 5, 7, 8]])[None, None]
    equal(convolution.conv2d(image, kernel, None, Geometry((3, 3)))[0, 0], np.array([[122.0, 148], [126, 134]]))


# ---- Windows and layout ----


@pytest.mark.parametrize("name", ["3x3", "stride (1, 2)", "dilation (2, 3), stride 2", "1x1, padded", "empty batch"])
def test_im2col_writes_every_window_as_a_column_and_col2im_is_its_transpose(name):
    x, _, _, _, geometry = make(name)
    (kh, kw), stride, padding, dilation = geometry[:4]
    oh, ow = geometry.outputs(x.shape)
    columns = im2col(x, *geometry[:4])
    padded = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    expected = np.empty((x.shape[1], kh, kw, x.shape[0], oh, ow))
    for c, p, q, n, i, j in np.ndindex(expected.shape):
        expected[c, p, q, n, i, j] = padded[n, c, i * stride[0] + p * dilation[0], j * stride[1] + q * dilation[1]]
    np.testing.assert_array_equal(columns, expected.reshape(columns.shape))
    values = np.random.default_rng(3).standard_normal(columns.shape)
    image = col2im(values, x.shape, *geometry[:4])
    assert image.shape == x.shape
    np.testing.assert_allclose(np.sum(columns * values), np.sum(x * image), rtol=1e-10)


def test_output_sizes_of_the_lectures():
    assert output_size(224, 11, 4, 2) == 55  # AlexNet: 55, 27, 27, 13, 13, 6
    assert output_size(55, 3, 2) == 27 and output_size(27, 5, 1, 2) == 27 and output_size(13, 3, 2) == 6
    assert output_size(32, 5) == 28 and output_size(7, 3, 1, 0, dilation=3) == 1 and output_size(2, 3) == 0


def test_rows_and_images_are_views_of_each_other():
    rows = np.random.default_rng(4).standard_normal((4, 3, 5, 2))
    images = as_images(rows)
    assert images.shape == (2, 3, 4, 5)
    assert np.shares_memory(as_rows(images), rows)
    np.testing.assert_array_equal(as_rows(np.ascontiguousarray(images)), rows)


@pytest.mark.parametrize("value", [1.5, (1, 2, 3), "3", (1, 2.5), None, ()], ids=repr)
def test_sizes_that_are_no_pair(value):
    with pytest.raises(ValueError, match="whole number or a pair"):
        pair(value)


# ---- Channels and matrices ----


@pytest.mark.parametrize("shape", [(3, 4, 5, 6), (1, 2, 1, 1), (1, 5, 7, 6), (2, 3, 40, 30), (0, 3, 2, 2)], ids=str)
def test_channel_sums_moments_products_and_scaling(shape, threads):
    threads(3)
    rng = np.random.default_rng(5)
    x, gy = rng.standard_normal(shape) + 3, rng.standard_normal(shape)
    scale, shift, slope = (rng.standard_normal(shape[1]) for _ in range(3))
    for (_, a), (_, b) in zip(layouts(x), layouts(gy), strict=True):
        equal(channels.channel_sums(a), x.sum(axis=(0, 2, 3)), rtol=1e-9)
        sums, products = channels.channel_products(b, a)
        np.testing.assert_allclose(sums, gy.sum(axis=(0, 2, 3)), 1e-9, 1e-9)
        np.testing.assert_allclose(products, (gy * x).sum(axis=(0, 2, 3)), 1e-9, 1e-9)
        scaled = x * scale[:, None, None] + shift[:, None, None]
        equal(channels.channel_affine(a, scale, shift), scaled)
        equal(channels.channel_affine(a, scale, shift, b, slope), (scaled + gy) * slope[:, None, None], rtol=1e-9)
        np.testing.assert_array_equal(a, x)


@pytest.mark.parametrize("n", [8, 2, 1])  # rows, and short rows, in planes
@pytest.mark.parametrize("mean", [0, 3, 100, 1e4])
def test_channel_moments_far_from_zero(mean, n):
    x = np.random.default_rng(6).standard_normal((3, n, 10, 10)) + mean * np.array([1, -1, 0])[:, None, None, None]
    x = x.astype(np.float32).swapaxes(0, 1)
    values, shift, means, variances = channels.channel_moments(x)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(means, exact.mean(axis=(0, 2, 3)), 1e-6, 1e-6)
    np.testing.assert_allclose(variances, exact.var(axis=(0, 2, 3)), 2e-5)
    np.testing.assert_allclose(values + np.asarray(shift)[:, None, None], x, 1e-6, 1e-6)
