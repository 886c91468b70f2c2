"""Pooling of regions: nested loops, PyTorch on the cut-out part, worked examples, layouts, threads, errors."""

import numpy as np
import pytest
from helpers import away_from_kinks, layouts
from region_loops import by_loops, crop_loops, ps_roi_pool_loops, roi_align_loops, roi_pool_loops

import minidl
from minidl import Tensor, nn, ops
from minidl import functional as F
from minidl.kernels import region as kernels

# Maps of 9 x 7 pixels of stride 4: inside, half a pixel, one pixel, over the border, all outside, larger, the whole.
BOXES = np.array([
    [0, 3.0, 5.0, 21.3, 30.9], [1, 2.0, 6.0, 6.0, 10.0], [1, 8.0, 8.0, 8.0, 8.0], [0, -9.0, -14.0, 10.0, 9.0],
    [2, 17.0, 20.0, 60.0, 41.7], [2, 40.0, 90.0, 50.0, 95.0], [0, -90.0, -70.0, -40.0, -30.0],
    [2, -30.0, -30.0, 80.0, 90.0], [1, 0.0, 0.0, 28.0, 36.0], [0, 11.1, 0.3, 11.9, 35.0],
])  # fmt: skip
SIZES = [(2, 3), (1, 1), (3, 2), (7, 7)]
ALIGN = [(ratio, aligned) for ratio in (-1, 0, 1, 3) for aligned in (False, True)]


def run(function, x, gy):
    x = Tensor(x, requires_grad=True)
    y = function(x)
    y.backward(gy)
    return y.data, x.grad


def cases():
    scale = 0.25
    for size in SIZES:
        yield "roi_pool", size, (size, scale), roi_pool_loops
        yield "ps_roi_pool", size, (size, scale), ps_roi_pool_loops
        yield "crop_and_resize", size, (size,), crop_loops
    for i, settings in enumerate(ALIGN):
        yield "roi_align", SIZES[i % 3], (SIZES[i % 3], scale, *settings), roi_align_loops


@pytest.mark.parametrize("group", [1, 1 << 30], ids=["one by one", "together"])
@pytest.mark.parametrize("name, size, settings, loops", list(cases()), ids=str)
def test_regions_against_loops_in_every_layout(monkeypatch, name, size, settings, loops, group):
    monkeypatch.setattr(kernels, "GROUP_VALUES", group)
    rng = np.random.default_rng(1)
    boxes = BOXES * (1, *[0.25 if name == "crop_and_resize" else 1] * 4)
    channels = 2 * size[0] * size[1] if name == "ps_roi_pool" else 2
    x = away_from_kinks(rng, 3, channels, 9, 7)
    gy = rng.standard_normal((len(boxes), 2, *size))
    expected, gradient = by_loops(loops(x, boxes, *settings), x, gy)
    for (_, a), (_, g) in zip(layouts(x), layouts(gy), strict=True):
        a.flags.writeable = g.flags.writeable = False
        y, gx = run(lambda t: getattr(F, name)(t, boxes, *settings), a, g)
        np.testing.assert_allclose(y, expected, 1e-11, 1e-12)
        np.testing.assert_allclose(gx, gradient, 1e-11, 1e-12)


# ---- PyTorch has these for whole images: regions that lie inside are cut out first ----

INSIDE = np.array([[0, 1, 2, 9, 11], [1, 0, 0, 12, 14], [1, 3, 5, 6, 6], [0, 7, 1, 12, 13]])  # inclusive, of 15 x 13


def check_against_pytorch(torch, function, theirs, channels=3):
    """theirs(tensor (1, C, 15, 13), box) for each box, against ours for all at once."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal((2, channels, 15, 13))
    t = torch.tensor(x, requires_grad=True)
    z = torch.cat([theirs(t[n : n + 1], box) for n, *box in INSIDE.tolist()])
    gy = rng.standard_normal(tuple(z.shape))
    z.backward(torch.tensor(gy))
    y, gx = run(function, x, gy)
    np.testing.assert_allclose(y, z.detach().numpy(), 1e-10, 1e-12)
    np.testing.assert_allclose(gx, t.grad.numpy(), 1e-10, 1e-12)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_roi_pool_is_adaptive_max_pooling_of_the_part(torch, size):
    def theirs(image, box):
        x1, y1, x2, y2 = box
        return torch.nn.functional.adaptive_max_pool2d(image[:, :, y1 : y2 + 1, x1 : x2 + 1], size)

    check_against_pytorch(torch, lambda x: F.roi_pool(x, INSIDE * (1, 16, 16, 16, 16), size, 1 / 16), theirs)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_ps_roi_pool_is_adaptive_average_pooling_of_the_part(torch, size):
    def theirs(image, box):
        x1, y1, x2, y2 = box
        pooled = torch.nn.functional.adaptive_avg_pool2d(image[:, :, y1 : y2 + 1, x1 : x2 + 1], size)
        pooled = pooled.reshape(1, 2, *size, *size)
        return torch.einsum("ncijij->ncij", pooled)

    boxes = (INSIDE + (0, 0, 0, 1, 1)) * (1, 16, 16, 16, 16)
    check_against_pytorch(torch, lambda x: F.ps_roi_pool(x, boxes, size, 1 / 16), theirs, 2 * size[0] * size[1])


def sampled(torch, image, points_v, points_u):
    v, u = torch.meshgrid(2 * points_v / 14 - 1, 2 * points_u / 12 - 1, indexing="ij")
    grid = torch.stack([u, v], dim=-1)[None]
    return torch.nn.functional.grid_sample(image, grid, padding_mode="border", align_corners=True)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_roi_align_is_the_average_of_grid_samples(torch, size):
    def theirs(image, box):
        x1, y1, x2, y2 = box
        points = [
            a - 0.5 + (torch.arange(3 * n, dtype=torch.float64) + 0.5) * (b - a) / (3 * n)
            for a, b, n in ((y1, y2, size[0]), (x1, x2, size[1]))
        ]
        return torch.nn.functional.avg_pool2d(sampled(torch, image, *points), 3)

    check_against_pytorch(torch, lambda x: F.roi_align(x, INSIDE, size, sampling_ratio=3, aligned=True), theirs)


@pytest.mark.parametrize("size", [(2, 3), (4, 2), (7, 7)], ids=str)
def test_crop_and_resize_is_a_grid_sample_from_corner_to_corner(torch, size):
    def theirs(image, box):
        x1, y1, x2, y2 = box
        points = [torch.linspace(a, b, n, dtype=torch.float64) for a, b, n in ((y1, y2, size[0]), (x1, x2, size[1]))]
        return sampled(torch, image, *points)

    check_against_pytorch(torch, lambda x: F.crop_and_resize(x, INSIDE, size), theirs)


# ---- By hand ----

RAMP = np.arange(16.0).reshape(1, 1, 4, 4)


def value(function, box, *settings, x=RAMP, **named):
    return getattr(F, function)(Tensor(x), np.array([[0, *box]]), *settings, **named).data[0, 0]


def test_half_pixels_are_rounded_away_from_zero():
    np.testing.assert_array_equal(kernels.round_half_away(np.array([0.5, 1.5, 2.5, -0.5, -1.5, 2.49, -2.51, 0])),
                                  [1, 2, 3, -1, -2, 2, -3, 0])  # fmt: skip
    np.testing.assert_array_equal(value("roi_pool", (8, 24, 24, 40), 1, 1 / 16), [[14]])  # rows 2, 3, columns 1, 2
    np.testing.assert_array_equal(value("roi_pool", (-8, -8, -8, -8), 1, 1 / 16), [[0]])  # the pixel at (-1, -1)
    np.testing.assert_array_equal(value("ps_roi_pool", (8, 8, 24, 40), 1, 1 / 16), [[7]])  # rows 1, 2, column 1


def test_roi_pool_of_three_pixels_into_two_bins_shares_the_middle_one():
    np.testing.assert_array_equal(value("roi_pool", (0, 0, 2, 2), 2), [[5, 6], [9, 10]])
    _, gx = run(lambda t: F.roi_pool(t, np.array([[0, 0, 0, 2, 2]]), 2), np.ones((1, 1, 4, 4)), np.ones((1, 1, 2, 2)))
    np.testing.assert_array_equal(gx[0, 0], [[1, 1, 0, 0], [1, 1, 0, 0], [0] * 4, [0] * 4])  # the first of equals


def test_the_first_of_equals_is_in_reading_order():
    x = np.zeros((1, 1, 2, 2))
    x[0, 0, 0, 1] = x[0, 0, 1, 0] = 3  # the row comes before the column
    _, gx = run(lambda t: F.roi_pool(t, np.array([[0, 0, 0, 1, 1]]), 1), x, np.ones((1, 1, 1, 1)))
    np.testing.assert_array_equal(gx[0, 0], [[0, 1], [0, 0]])


def test_one_pixel_in_many_bins_gets_all_their_gradients():
    y, gx = run(lambda t: F.roi_pool(t, np.array([[0, 1, 2, 1, 2]]), (3, 2)), RAMP, np.ones((1, 1, 3, 2)))
    np.testing.assert_array_equal(y, np.full((1, 1, 3, 2), 9))
    assert gx[0, 0, 2, 1] == gx.sum() == 6


def test_a_bin_outside_is_zero_even_where_all_is_negative():
    np.testing.assert_array_equal(value("roi_pool", (3, 0, 6, 0), (1, 2), x=RAMP - 99), [[-95.0 - 1, 0]])


def test_roi_align_by_hand():
    assert value("roi_align", (0, 0, 4, 4), 1, aligned=True, sampling_ratio=1)[0, 0] == 7.5  # (1.5, 1.5)
    assert value("roi_align", (0, 0, 4, 4), 1, sampling_ratio=1)[0, 0] == 10  # (2, 2)
    assert value("roi_align", (1, 1, 1, 1), 1)[0, 0] == 7.5  # counts as 1 x 1: (1.5, 1.5)
    assert value("roi_align", (1, 1, 1, 1), 1, aligned=True)[0, 0] == 0  # no size, no sample
    assert value("roi_align", (1, 1, 1, 1), 1, aligned=True, sampling_ratio=2)[0, 0] == 2.5  # (0.5, 0.5), four times
    assert value("roi_align", (-1, -1, -1, -1), 1, aligned=False)[0, 0] == 0  # (-0.5, -0.5), moved to the corner 0
    assert value("roi_align", (3.9, 3.9, 4.1, 4.1), 1, x=RAMP + 1)[0, 0] == 0  # (4.4, 4.4), more than one outside
    assert value("roi_align", (3.5, 3.5, 4.5, 4.5), 1, x=RAMP + 1)[0, 0] == 16  # (4, 4), still moved to the corner


def test_crop_and_resize_by_hand():
    np.testing.assert_array_equal(value("crop_and_resize", (0, 0, 3, 3), 4), RAMP[0, 0])
    np.testing.assert_array_equal(value("crop_and_resize", (1, 0, 2, 3), 1), [[7.5]])
    np.testing.assert_array_equal(value("crop_and_resize", (-1, 1, 3, 1), (1, 5)), [[0, 4, 5, 6, 7]])
    np.testing.assert_array_equal(value("crop_and_resize", (1, 1, 3.5, 1), (1, 2)), [[5, 0]])
    big = np.full((1, 1, 50, 50), 1.0)
    for start in np.linspace(0, 1, 40):  # the last sample lies on the corner, not a rounding error beyond
        assert value("crop_and_resize", (start, start, 49, 49), 7, x=big).min() > 0.999


def test_the_whole_map_in_one_bin():
    x = np.random.default_rng(3).standard_normal((1, 1, 4, 4))
    assert value("roi_pool", (0, 0, 3, 3), 1, x=x) == x.max()
    np.testing.assert_allclose(value("ps_roi_pool", (0, 0, 4, 4), 1, x=x), x.mean())  # the last row counts
    np.testing.assert_allclose(value("roi_align", (0, 0, 4, 4), 1, x=x, aligned=True), x.mean())
    np.testing.assert_allclose(value("roi_align", (0, 0, 4, 4), 4, x=x, aligned=True), x[0, 0])


# ---- What boxes may be ----

FUNCTIONS = ["roi_pool", "roi_align", "ps_roi_pool", "crop_and_resize"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_boxes_as_array_tensor_or_list(name):
    x, function = minidl.randn(3, 4, 6, 5), getattr(F, name)
    rows = np.array([[0, 1, 1, 3, 4], [2, 0, 0, 4, 5], [2, 1, 2, 3, 3]], np.float32)
    expected = function(x, rows, 2).data
    as_lists = [rows[:1, 1:].tolist(), [], rows[1:, 1:].tolist()]
    as_tensors = (Tensor(rows[:1, 1:]), Tensor(np.zeros((0, 4))), Tensor(rows[1:, 1:]))
    for boxes in (Tensor(rows), rows.astype(int), as_lists, as_tensors):
        np.testing.assert_array_equal(function(x, boxes, 2).data, expected)
    shuffled = function(x, rows[[2, 0, 1]], 2).data
    np.testing.assert_allclose(shuffled, expected[[2, 0, 1]], 1e-5, 1e-6)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_boxes_no_images_and_types(name):
    function = getattr(F, name)
    for dtype in (np.float32, np.float64):
        x = np.ones((2, 4, 6, 5), dtype)
        y, gx = run(lambda t: function(t, np.array([[1, 0.5, 0, 3, 3]]), 2), x, np.ones((1, 4, 2, 2), dtype)[:, :1]
                    if name == "ps_roi_pool" else np.ones((1, 4, 2, 2), dtype))  # fmt: skip
        assert y.dtype == gx.dtype == dtype and gx.any() and not gx[0].any()
        channels = y.shape[1]
        for none in (np.zeros((0, 5)), [np.zeros((0, 4))] * 2):
            y, gx = run(lambda t, none=none: function(t, none, 2), x, np.ones((0, channels, 2, 2), dtype))
            assert y.shape == (0, channels, 2, 2) and y.dtype == gx.dtype == dtype and not gx.any()
        for none in (np.zeros((0, 5)), []):
            y, gx = run(lambda t, none=none: function(t, none, 2), x[:0], np.ones((0, channels, 2, 2), dtype))
            assert y.shape == (0, channels, 2, 2) and gx.shape == (0, 4, 6, 5)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_threads_and_groups(name, threads, monkeypatch):
    rng = np.random.default_rng(4)
    x = rng.standard_normal((2, 36, 20, 24)).astype(np.float32)
    corner, size = rng.uniform(-5, 20, (60, 2)), rng.uniform(0, 15, (60, 2))
    boxes = np.concatenate([rng.integers(0, 2, (60, 1)), corner, corner + size], axis=1)
    gy = rng.standard_normal((60, 36 if name != "ps_roi_pool" else 4, 3, 3)).astype(np.float32)
    results = []
    for count, group in ((1, 1 << 16), (2, 1 << 16), (3, 1 << 16), (2, 1), (2, 1 << 30)):
        threads(count)
        monkeypatch.setattr(kernels, "GROUP_VALUES", group)
        results.append(run(lambda t: getattr(F, name)(t, boxes, 3), x, gy))
        same = np.testing.assert_array_equal if group == 1 << 16 else np.testing.assert_allclose
        for one, other in zip(results[-1], results[0], strict=True):
            same(one, other, **({} if group == 1 << 16 else {"rtol": 1e-3, "atol": 1e-4}))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nan_comes_through(name):
    x = RAMP.copy()
    x[0, 0, 1, 1] = np.nan
    assert np.isnan(value(name, (0, 0, 3, 3), 1, x=x)).all()
    assert not np.isnan(value("roi_pool", (0, 0, 3, 3), 2, x=x)).all()
    assert np.isfinite(value(name, (2, 2, 3, 3), 1, x=x)).all()


# ---- Errors and modules ----


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    "boxes, message",
    [
        (np.ones((2, 4)), r"must be an array \(K, 5\).*got shape \(2, 4\)"),
        (np.ones(5), r"got shape \(5,\)"),
        ([[0, 1, 1, 2, 2]] * 2, r"element 0 has shape \(5,\)"),
        ([np.ones((1, 4)), np.ones((1, 5))], r"element 1 has shape \(1, 5\)"),
        ([np.ones((1, 4))], "boxes for 1 images, but x has 2"),
        (np.array([[0, 1, 1, 2, 2], [0, 3, 1, 2, 2]]), r"box 1, as .* is \[0.0, 3.0, 1.0, 2.0, 2.0\].*x1 <= x2"),
        (np.array([[0, 1, 4, 2, 2]]), "y1 <= y2"),
        (np.array([[0, 1, np.nan, 2, 2]]), "expected finite numbers"),
        (np.array([[0, 1, 1, np.inf, 2]]), "expected finite numbers"),
        (np.array([[0, 1, 1, 2e9, 2]]), "expected finite numbers"),
        (np.array([[np.nan, 1, 1, 2, 2]]), "expected finite numbers"),
        (np.array([[0.5, 1, 1, 2, 2]]), "whole number"),
        (np.array([[-1, 1, 1, 2, 2]]), "whole number"),
        (np.array([[0, 1, 1, 2, 2], [2, 1, 1, 2, 2]]), "box 1 lies in image 2, but x has 2"),
    ],
)
def test_errors_of_boxes(name, boxes, message):
    with pytest.raises(ValueError, match=f"^{name}: .*{message}"):
        getattr(F, name)(minidl.zeros(2, 4, 6, 6), boxes, 2)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_errors_of_images_and_settings(name):
    function, boxes = getattr(F, name), np.array([[0, 1, 1, 2, 2]])
    for shape in ((4, 6, 6), (2, 4, 0, 6)):
        with pytest.raises(ValueError, match=rf"{name}: expected images .* of at least one pixel, got shape"):
            function(minidl.zeros(shape), boxes, 2)
    with pytest.raises(TypeError, match=f"{name}: x must be floating-point"):
        function(Tensor(np.ones((1, 4, 6, 6), np.uint8)), boxes, 2)
    with pytest.raises(ValueError, match="at least 1"):
        function(minidl.zeros(1, 4, 6, 6), boxes, (0, 2))
    if name != "crop_and_resize":
        for scale in (0, -1, np.nan, np.inf):
            with pytest.raises(ValueError, match="spatial_scale must be positive"):
                function(minidl.zeros(1, 4, 6, 6), boxes, 2, scale)


def test_errors_of_one_op_alone():
    boxes = np.array([[0, 1, 1, 2, 2]])
    with pytest.raises(ValueError, match=r"the 6 channels of x .* do not divide.*\(2, 2\)"):
        F.ps_roi_pool(minidl.zeros(1, 6, 5, 5), boxes, 2)
    with pytest.raises(ValueError, match="sampling_ratio must be a whole number"):
        F.roi_align(minidl.zeros(1, 6, 5, 5), boxes, 2, sampling_ratio=0.5)
    with pytest.raises(NotImplementedError, match="must define weights"):
        ops.region.WeightedRegion(boxes, 2).forward(np.zeros((1, 1, 3, 3)))


def test_modules():
    x, boxes = minidl.randn(1, 8, 6, 6), np.array([[0, 3.0, 3.0, 17.0, 20.0]])
    for module, function, settings, text in (
        (nn.RoIPool, F.roi_pool, (2, 0.25), "RoIPool(output_size=2, spatial_scale=0.25)"),
        (nn.PSRoIPool, F.ps_roi_pool, (2, 0.25), "PSRoIPool(output_size=2, spatial_scale=0.25)"),
        (nn.RoIAlign, F.roi_align, ((2, 3), 0.25, 2, True),
         "RoIAlign(output_size=(2, 3), spatial_scale=0.25, sampling_ratio=2, aligned=True)"),
    ):  # fmt: skip
        layer = module(*settings)
        np.testing.assert_array_equal(layer(x, boxes).data, function(x, boxes, *settings).data)
        assert repr(layer) == text
