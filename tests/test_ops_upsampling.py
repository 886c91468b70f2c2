"""Unpooling, interpolation and pixel shuffle: worked examples, loops, PyTorch, transposes, layouts, errors."""

from itertools import product

import numpy as np
import pytest
from helpers import away_from_kinks, layouts

import minidl
from minidl import Tensor, backend, nn, ops
from minidl import functional as F
from minidl.kernels import lowering, resampling
from minidl.kernels.layout import as_images, as_rows

SMALL = np.array([[[[1.0, 2], [3, 4]]]])


def run(function, x, gy):
    x = Tensor(x, requires_grad=True)
    y = function(x)
    y.backward(gy)
    return y.data, x.grad


def agrees_with_pytorch(torch, ours, theirs, x, rtol=1e-12):
    """Forward and gradient, for every layout of x and gy; rtol may be that of float32."""
    t = torch.tensor(x, requires_grad=True)
    z = theirs(t)
    gy = np.random.default_rng(0).standard_normal(tuple(z.shape)).astype(x.dtype)
    z.backward(torch.tensor(gy))
    for (_, a), (_, g) in zip(layouts(x), layouts(gy), strict=True):
        a.flags.writeable = g.flags.writeable = False
        y, gx = run(ours, a, g)
        assert y.dtype == gx.dtype == x.dtype and y.shape == tuple(z.shape)
        np.testing.assert_allclose(y, z.detach().numpy(), rtol, rtol)
        np.testing.assert_allclose(gx, t.grad.numpy(), rtol, 10 * rtol)


# ---- Unpooling ----


@pytest.mark.parametrize("local", [True, False])
def test_positions_that_blocks_of_rows_share(local, threads, monkeypatch):
    """Blocks are given to threads as long as each keeps to rows of its own; else the last in reading order stays."""
    monkeypatch.setattr(lowering, "BLOCK_BYTES", 64)
    monkeypatch.setattr(backend, "SHARE_BYTES", 1)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, 8, 5))
    rows = 2 * np.arange(8)[:, None] + rng.integers(0, 2, x.shape) if local else rng.integers(0, 16, x.shape)
    positions = rows * 11 + rng.integers(0, 11, x.shape)
    expected = np.zeros((2, 3, 16, 11))
    for n, c, i, j in np.ndindex(x.shape):
        expected[n, c].flat[positions[n, c, i, j]] = x[n, c, i, j]
    gy = rng.standard_normal(expected.shape)
    for count in (1, 3):
        threads(count)
        y, places = resampling.scatter(x, positions, (16, 11))
        np.testing.assert_array_equal(y, expected)
        gathered = np.take_along_axis(gy.reshape(2, 3, -1), positions.reshape(2, 3, -1), axis=2)
        np.testing.assert_array_equal(resampling.gather(gy, places, x.shape), gathered.reshape(x.shape))



def test_the_unpooling_of_the_lectures():
    nearest = [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    nails = [[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(F.unpool_nearest(Tensor(SMALL), 2).data[0, 0], nearest)
    np.testing.assert_array_equal(F.unpool_bed_of_nails(Tensor(SMALL), 2).data[0, 0], nails)
    np.testing.assert_array_equal(F.interpolate(Tensor(SMALL), scale_factor=2).data[0, 0], nearest)
    x = Tensor(np.array([[[[1.0, 2, 6, 3], [3, 5, 2, 1], [1, 2, 2, 1], [7, 3, 4, 8]]]]))
    y, indices = F.max_pool2d(x, 2, return_indices=True)
    np.testing.assert_array_equal(y.data[0, 0], [[5, 6], [7, 8]])
    np.testing.assert_array_equal(
        F.max_unpool2d(Tensor(SMALL), indices, 2).data[0, 0], [[0, 0, 2, 0], [0, 1, 0, 0], [0, 0, 0, 0], [3, 0, 0, 4]]
    )


@pytest.mark.parametrize("factor", [1, 2, 3, (1, 3), (4, 2)], ids=str)
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 2, 1, 1), (0, 2, 3, 3)], ids=str)
def test_unpooling_by_a_factor_against_loops(shape, factor):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    n, c, h, w = shape
    rng = np.random.default_rng(1)
    x, gy = rng.standard_normal(shape), rng.standard_normal((n, c, h * fh, w * fw))
    for kind in ("nearest", "bed_of_nails"):
        y, gx = np.zeros(gy.shape), np.zeros(shape)
        for i, j, p, q in np.ndindex(h, w, fh, fw):
            if kind == "nearest" or p == q == 0:
                y[:, :, i * fh + p, j * fw + q] = x[:, :, i, j]
                gx[:, :, i, j] += gy[:, :, i * fh + p, j * fw + q]
        for (_, a), (_, g) in zip(layouts(x), layouts(gy), strict=True):
            result, gradient = run(lambda t, kind=kind: getattr(F, f"unpool_{kind}")(t, factor), a, g)
            np.testing.assert_array_equal(result, y)
            np.testing.assert_allclose(gradient, gx, 1e-12, 1e-13)


# (x shape, kernel, stride, padding)
POOLINGS = [
    ((2, 3, 6, 4), 2, None, 0),
    ((2, 3, 7, 5), 2, 2, 0),
    ((2, 2, 7, 8), (2, 3), (2, 3), 0),
    ((1, 2, 9, 9), 2, 3, 1),
    ((2, 1, 1, 1), 1, 1, 0),
    ((3, 2, 8, 6), (4, 2), None, (2, 1)),
]


@pytest.mark.parametrize("shape, kernel, stride, padding", POOLINGS)
def test_max_unpooling_against_pytorch(torch, shape, kernel, stride, padding):
    x = away_from_kinks(np.random.default_rng(2), *shape)
    _, places = torch.nn.functional.max_pool2d(torch.tensor(x), kernel, stride, padding, return_indices=True)
    for output_size in (shape[2:], shape):
        values = np.random.default_rng(3).standard_normal(tuple(places.shape))
        for indices in (places.numpy(), np.asfortranarray(places.numpy()), as_images(as_rows(places.numpy()))):
            agrees_with_pytorch(
                torch,
                lambda t, i=indices, s=output_size: F.max_unpool2d(t, i, kernel, stride, padding, s),
                lambda t, s=output_size: torch.nn.functional.max_unpool2d(t, places, kernel, stride, padding, s),
                values,
            )


def test_max_unpooling_undoes_max_pooling_at_its_places():
    x = Tensor(away_from_kinks(np.random.default_rng(4), 2, 3, 7, 9).astype(np.float32))
    pool, unpool = nn.MaxPool2d(3, 2, return_indices=True), nn.MaxUnpool2d(3, 2)
    y, indices = pool(x)
    back = unpool(y, indices, x.shape)
    assert back.shape == x.shape and back.dtype == np.float32
    np.testing.assert_array_equal(back.data[back.data != 0], x.data[back.data != 0])
    np.testing.assert_array_equal(pool(back + 0 * x)[0].data[y.data > 0], y.data[y.data > 0])
    np.testing.assert_array_equal(F.max_unpool2d(y, indices.data.astype(np.uint8), 3, 2).data, back.data)
    assert F.max_unpool2d(minidl.zeros(0, 2, 3, 3), np.zeros((0, 2, 3, 3), int), 2).shape == (0, 2, 6, 6)


def test_of_two_values_for_one_place_the_last_stands():
    indices = np.array([[[[5, 5], [5, 0]]]])
    y, gx = run(lambda t: F.max_unpool2d(t, indices, 2), SMALL, np.arange(16.0).reshape(1, 1, 4, 4))
    assert y[0, 0, 1, 1] == 3 and y[0, 0, 0, 0] == 4 and np.count_nonzero(y) == 2
    np.testing.assert_array_equal(gx[0, 0], [[5, 5], [5, 0]])


# ---- Interpolation ----

RESIZINGS = [
    ((2, 3, 4, 5), (8, 10)),
    ((2, 3, 4, 5), (7, 3)),
    ((1, 2, 7, 6), (3, 2)),
    ((2, 2, 1, 1), (3, 4)),
    ((2, 2, 5, 4), (1, 1)),
    ((1, 2, 5, 1), (5, 6)),
    ((3, 2, 6, 6), (6, 6)),
    ((1, 1, 13, 11), (29, 5)),
]


@pytest.mark.parametrize("shape, size", RESIZINGS, ids=str)
@pytest.mark.parametrize("settings", [("nearest", None), ("bilinear", False), ("bilinear", True)], ids=str)
def test_interpolation_to_a_size_against_pytorch(torch, shape, size, settings):
    x = np.random.default_rng(5).standard_normal(shape)
    mode, corners = settings
    agrees_with_pytorch(
        torch,
        lambda t: F.interpolate(t, size, mode=mode, align_corners=corners),
        lambda t: torch.nn.functional.interpolate(t, size, mode=mode, align_corners=corners),
        x,
    )


@pytest.mark.parametrize("factor", [2, 3, 0.5, 1.5, (2.5, 0.7), (1, 4), (0.3, 1.7)], ids=str)
@pytest.mark.parametrize("settings", [("nearest", None), ("bilinear", None), ("bilinear", True)], ids=str)
def test_interpolation_by_a_factor_against_pytorch(torch, factor, settings):
    mode, corners = settings
    for dtype, rtol in ((np.float64, 1e-12), (np.float32, 1e-5)):
        agrees_with_pytorch(
            torch,
            lambda t: F.interpolate(t, scale_factor=factor, mode=mode, align_corners=corners),
            lambda t: torch.nn.functional.interpolate(t, scale_factor=factor, mode=mode, align_corners=corners),
            np.random.default_rng(6).standard_normal((2, 2, 6, 5)).astype(dtype),
            rtol,
        )


@pytest.mark.parametrize("corners", [False, True])
def test_bilinear_interpolation_against_loops(corners):
    rng = np.random.default_rng(7)
    for (h, w), (oh, ow) in product([(4, 3), (1, 5)], [(7, 6), (2, 1), (4, 3)]):
        x = rng.standard_normal((1, 1, h, w))
        y = np.zeros((oh, ow))
        for i, j in np.ndindex(oh, ow):
            at = []
            for k, size, outputs in ((i, h, oh), (j, w, ow)):
                if corners:
                    at.append(k * (size - 1) / (outputs - 1) if outputs > 1 else 0)
                else:
                    at.append(min(max((k + 0.5) * size / outputs - 0.5, 0), size - 1))
            for r, q in np.ndindex(h, w):  # a tent of width 1 around the place
                y[i, j] += max(0, 1 - abs(r - at[0])) * max(0, 1 - abs(q - at[1])) * x[0, 0, r, q]
        result = F.interpolate(Tensor(x), (oh, ow), mode="bilinear", align_corners=corners).data
        np.testing.assert_allclose(result[0, 0], y, 1e-12, 1e-13)


def test_nearest_is_exact_where_rounded_factors_are_not():
    for size, outputs in product(range(1, 40), range(1, 40)):
        x = np.arange(size, dtype=np.float32).reshape(1, 1, 1, size)
        expected = [i * size // outputs for i in range(outputs)]
        np.testing.assert_array_equal(F.interpolate(Tensor(x), (1, outputs)).data[0, 0, 0], expected)


def test_interpolation_keeps_constants_large_values_and_infinity_to_its_neighbours():
    x = np.full((1, 1, 3, 3), 3e38, np.float32)
    np.testing.assert_allclose(F.interpolate(Tensor(x), (7, 5), mode="bilinear").data, 3e38, 1e-6)
    x = np.zeros((1, 1, 1, 8))
    x[..., 3] = -np.inf
    y = F.interpolate(Tensor(x), (1, 16), mode="bilinear").data[0, 0, 0]
    assert (y[5:9] == -np.inf).all() and (np.delete(y, range(5, 9)) == 0).all()
    x[..., 3] = np.nan
    assert np.isnan(F.interpolate(Tensor(x), (1, 16)).data).sum() == 2


def test_threads_change_nothing(threads):
    rng = np.random.default_rng(8)
    x = as_images(as_rows(rng.standard_normal((4, 5, 90, 80)).astype(np.float32)))
    gy = rng.standard_normal((4, 5, 200, 190)).astype(np.float32)
    results = []
    for count in (1, 2, 3):
        threads(count)
        results.append(run(lambda t: F.interpolate(t, (200, 190), mode="bilinear"), x, gy))
    for y, gx in results[1:]:
        np.testing.assert_array_equal(y, results[0][0])
        np.testing.assert_array_equal(gx, results[0][1])


# ---- Matrices and their transposes ----


@pytest.mark.parametrize("size, outputs", [(4, 9), (9, 4), (1, 5), (5, 1), (6, 6)])
def test_a_table_is_its_matrix_and_the_transposed_table_the_transposed_matrix(size, outputs):
    for taps in (
        resampling.nearest(size, outputs),
        resampling.linear(size, outputs),
        resampling.linear(size, outputs, align_corners=True),
    ):
        matrix = taps.matrix()
        assert matrix.shape == (outputs, size)
        np.testing.assert_allclose(matrix.sum(axis=1), 1)
        np.testing.assert_allclose(taps.transpose().matrix(), matrix.T)
        x = np.random.default_rng(9).standard_normal((2, 3, size, size))
        np.testing.assert_allclose(resampling.resample(x, taps, taps), matrix @ x @ matrix.T, 1e-12, 1e-13)


LINEAR = {
    "AvgPool2d": lambda: ops.AvgPool2d(3, 2, 1),
    "AvgPool2d with ceil_mode": lambda: ops.AvgPool2d(3, 2, 1, ceil_mode=True),
    "AdaptiveAvgPool2d": lambda: ops.AdaptiveAvgPool2d((3, 4)),
    "UnpoolNearest": lambda: ops.UnpoolNearest((2, 3)),
    "UnpoolNails": lambda: ops.UnpoolNails((2, 3)),
    "Interpolate": lambda: ops.Interpolate((9, 4)),
    "Interpolate, bilinear": lambda: ops.Interpolate((9, 4), mode="bilinear"),
    "Interpolate, aligned": lambda: ops.Interpolate((3, 11), mode="bilinear", align_corners=True),
    "Interpolate by a factor": lambda: ops.Interpolate(scale_factor=(0.6, 1.7), mode="bilinear"),
    "MaxUnpool2d": lambda: ops.MaxUnpool2d(np.arange(2 * 8 * 36).reshape(2, 8, 6, 6)[::-1] % 144, 2),
    "PixelShuffle": lambda: ops.PixelShuffle(2),
    "PixelUnshuffle": lambda: ops.PixelUnshuffle(3),
}


@pytest.mark.parametrize("name", LINEAR)
def test_backward_is_the_transpose_of_forward(name):
    """<A x, y> = <x, A^T y>"""
    rng = np.random.default_rng(10)
    op, x = LINEAR[name](), rng.standard_normal((2, 8, 6, 6))
    y = op.forward(x)
    gy = rng.standard_normal(y.shape)
    np.testing.assert_allclose(np.sum(y * gy), np.sum(x * op.backward(gy)[0]), 1e-12)


# ---- Pixel shuffle ----


@pytest.mark.parametrize("shape, r", [((2, 8, 3, 4), 2), ((1, 9, 2, 1), 3), ((2, 3, 4, 5), 1)], ids=str)
def test_pixel_shuffle_against_pytorch(torch, shape, r):
    x = np.random.default_rng(11).standard_normal(shape)
    theirs = torch.nn.functional
    agrees_with_pytorch(torch, lambda t: F.pixel_shuffle(t, r), lambda t: theirs.pixel_shuffle(t, r), x)
    x = F.pixel_shuffle(Tensor(x), r).data
    agrees_with_pytorch(torch, lambda t: F.pixel_unshuffle(t, r), lambda t: theirs.pixel_unshuffle(t, r), x)
    np.testing.assert_array_equal(F.pixel_shuffle(F.pixel_unshuffle(Tensor(x), r), r).data, x)


def test_pixel_shuffle_by_its_definition():
    x = np.random.default_rng(12).standard_normal((2, 12, 3, 4)).astype(np.float32)
    y = F.pixel_shuffle(Tensor(x), 2).data
    assert y.dtype == np.float32 and F.pixel_shuffle(minidl.zeros(0, 4, 2, 2), 2).shape == (0, 1, 4, 4)
    for c, h, w, i, j in np.ndindex(3, 3, 4, 2, 2):
        np.testing.assert_array_equal(y[:, c, 2 * h + i, 2 * w + j], x[:, 4 * c + 2 * i + j, h, w])


# ---- Both ends ----


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.interpolate(x, 4),
        lambda x: F.interpolate(x, (5, 2), mode="bilinear"),
        lambda x: F.unpool_nearest(x, 2),
        lambda x: F.unpool_bed_of_nails(x, 2),
        lambda x: F.pixel_shuffle(x, 2),
        lambda x: F.pixel_unshuffle(x, 1),
        lambda x: F.max_unpool2d(x, np.zeros(x.shape, int), 2),
    ],
)
def test_empty_batches_and_what_is_no_image(function):
    y = function(Tensor(np.zeros((0, 4, 3, 3)), requires_grad=True))
    assert y.shape[0] == 0
    y.backward(np.zeros(y.shape))
    for shape in ((4, 3, 3), (1, 4, 0, 3)):
        with pytest.raises(ValueError, match="expected images"):
            function(minidl.zeros(shape))
    with pytest.raises(TypeError, match="floating-point"):
        function(Tensor(np.zeros((1, 4, 3, 3), np.int64)))


def unpool(indices, shape=(1, 1, 2, 2), **settings):
    return F.max_unpool2d(minidl.zeros(shape), np.array(indices).reshape(shape[0], 1, -1, 2), 2, **settings)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x: unpool([0, 1, 2, 16]), "from 0 to 15, .* got 0 to 16"),
        (lambda x: unpool([0, -1, 2, 3]), "got -1 to 3"),
        (lambda x: unpool([0, 1, 2, 3, 4, 5]), "same shape"),
        (lambda x: unpool([0, 1, 2, 3], output_size=(6, 4)), "less than a stride"),
        (lambda x: unpool([0, 1, 2, 3], padding=2), "more than half"),
        (lambda x: F.interpolate(x), "either size or scale_factor"),
        (lambda x: F.interpolate(x, 2, 2), "either size or scale_factor"),
        (lambda x: F.interpolate(x, 2, mode="cubic"), "'nearest' or 'bilinear', got 'cubic'"),
        (lambda x: F.interpolate(x, 2, align_corners=True), "no use for it"),
        (lambda x: F.interpolate(x, 0), "at least 1"),
        (lambda x: F.interpolate(x, scale_factor=-1), "above 0"),
        (lambda x: F.interpolate(x, scale_factor=(1, 2, 3)), "a pair"),
        (lambda x: F.interpolate(x, scale_factor=0.1), "leaves nothing"),
        (lambda x: F.unpool_nearest(x, 0), "at least 1"),
        (lambda x: F.unpool_bed_of_nails(x, (2, 0)), "at least 1"),
        (lambda x: F.pixel_shuffle(x, 2), r"the channels of x .*3.* do not divide"),
        (lambda x: F.pixel_unshuffle(x, 2), "the images of x .* do not divide by 2"),
        (lambda x: F.pixel_shuffle(x, 0), "whole number from 1"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call(minidl.zeros(1, 3, 4, 5))


def test_indices_must_be_integers():
    with pytest.raises(TypeError, match="indices must be integers"):
        F.max_unpool2d(Tensor(SMALL), SMALL, 2)


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.uint32, np.uint64])
def test_max_unpooling_at_positions_of_any_whole_type(dtype):
    positions = np.array([[[[5, 2], [12, 15]]]])
    x = np.arange(1.0, 5).reshape(1, 1, 2, 2)
    op, expected = ops.MaxUnpool2d(positions.astype(dtype), 2), ops.MaxUnpool2d(positions, 2)
    y = op.forward(x)
    np.testing.assert_array_equal(y, expected.forward(x))
    np.testing.assert_array_equal(op.backward(y)[0], x)
