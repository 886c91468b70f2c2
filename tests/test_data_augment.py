"""The lectures' augmentations against loops: what each makes of an image once its random numbers are known."""

import colorsys
import math

import numpy as np
import pytest
from PIL import Image

from minidl import Tensor, data, nn
from minidl.data import (
    Compose,
    FiveCrop,
    Normalize,
    RandomCrop,
    RandomHSV,
    RandomPCAColor,
    RandomResize,
    RandomResizedCrop,
    RandomScaleTranslate,
    SubtractMean,
    TenCrop,
    ToArray,
)
from minidl.data.transforms.checks import cut
from minidl.data.transforms.colour import shift_hsv
from minidl.training import average_predictions


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def pixels(rng, *shape):
    return rng.integers(0, 256, shape, np.uint8)


def resampled(image, size):
    """By Pillow, from scratch."""
    if image.shape[2:] == (4,):  # each channel by itself: Pillow would take the fourth for alpha
        return np.stack([resampled(image[..., channel], size) for channel in range(4)], axis=-1)
    return np.array(Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BILINEAR))


def window_by_loops(image, top, left, height, width):
    window = np.zeros((height, width, *image.shape[2:]), image.dtype)
    for y in range(height):
        for x in range(width):
            if 0 <= top + y < image.shape[0] and 0 <= left + x < image.shape[1]:
                window[y, x] = image[top + y, left + x]
    return window


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 3), (1, 1)])
def test_windows_that_stick_out_anywhere(rng, shape):
    image = pixels(rng, *shape) | 1
    for top in range(-7, 8):
        for left in range(-6, 7):
            for size in ((1, 1), (2, 6), (9, 3)):
                expected = window_by_loops(image, top, left, *size)
                np.testing.assert_array_equal(cut(image, top, left, *size), expected)


# ---- Crops and sizes ------------------------------------------------------------------------------------------


def test_random_crop_of_224_from_256(rng):
    image = np.zeros((256, 300, 3), np.uint8)
    image[..., 0], image[..., 1] = np.arange(256)[:, None], np.arange(300) // 2
    crop = RandomCrop(224, padding=0)
    corners = [crop(image, rng)[0, 0, :2] for _ in range(300)]
    tops, lefts = zip(*corners, strict=True)
    assert min(tops) == 0 and max(tops) == 32 and min(lefts) == 0 and max(lefts) == 76 // 2
    assert crop(image, rng).shape == (224, 224, 3)


@pytest.mark.parametrize("shape", [(40, 60), (60, 40, 3), (5, 5, 3), (1, 1, 3), (1, 50), (50, 1), (2, 3, 4)])
def test_random_resized_crop_follows_the_rule(rng, shape):
    """The published rule written out: ten tries, then the middle with the nearest shape that is allowed."""
    image = pixels(rng, *shape)
    h, w = shape[:2]
    crop = RandomResizedCrop((7, 9))
    for seed in range(50):
        draws = np.random.default_rng(seed)
        for _ in range(10):
            area = draws.uniform(0.08, 1) * h * w
            ratio = math.exp(draws.uniform(math.log(3 / 4), math.log(4 / 3)))
            height, width = round(math.sqrt(area / ratio)), round(math.sqrt(area * ratio))
            if 1 <= height <= h and 1 <= width <= w:
                top = int(draws.random() * (h - height + 1))
                left = int(draws.random() * (w - width + 1))
                break
        else:
            height, width = h, w
            if w / h < 3 / 4:
                height = max(1, round(w / (3 / 4)))
            elif w / h > 4 / 3:
                width = max(1, round(h * 4 / 3))
            top, left = (h - height) // 2, (w - width) // 2
        expected = resampled(window_by_loops(image, top, left, height, width), (7, 9))
        np.testing.assert_array_equal(crop(image, np.random.default_rng(seed)), expected)


def test_random_resized_crop_has_the_areas_and_shapes_that_were_asked_for(rng):
    windows = [RandomResizedCrop(8, (0.1, 0.5)).window((400, 400), rng) for _ in range(2000)]
    areas = np.array([height * width / 400**2 for _, _, height, width in windows])
    ratios = np.log([width / height for _, _, height, width in windows])
    assert 0.095 < areas.min() < 0.12 and 0.48 < areas.max() < 0.505 and abs(areas.mean() - 0.3) < 0.01
    assert abs(ratios.mean()) < 0.02 and -0.3 < ratios.min() < -0.27 and 0.27 < ratios.max() < 0.3


def test_random_resize_takes_every_size(rng):
    image = pixels(rng, 10, 21, 3)
    resize = RandomResize(4, 6)
    results = [resize(image, rng) for _ in range(300)]
    assert sorted({result.shape for result in results}) == [(4, 8, 3), (5, 10, 3), (6, 12, 3)]
    for result in results[:20]:
        np.testing.assert_array_equal(result, resampled(image, result.shape[:2]))


@pytest.mark.parametrize("shape", [(20, 30, 3), (30, 20), (1, 1, 3), (1, 40)])
def test_scale_and_translation_against_loops(rng, shape):
    image = pixels(rng, *shape)
    h, w = shape[:2]
    transform = RandomScaleTranslate(0.2, 0.3)
    for seed in range(50):
        draws = np.random.default_rng(seed)
        s, dy, dx = draws.uniform(0.8, 1.2), h * draws.uniform(-0.3, 0.3), w * draws.uniform(-0.3, 0.3)
        height, width = max(1, round(h / s)), max(1, round(w / s))
        top, left = round((h - height) / 2 + dy), round((w - width) / 2 + dx)
        expected = resampled(window_by_loops(image, top, left, height, width), (h, w))
        np.testing.assert_array_equal(transform(image, np.random.default_rng(seed)), expected)


def test_a_point_goes_where_the_window_says(rng):
    image = np.zeros((100, 140), np.uint8)
    image[60:63, 70:73] = 255
    transform = RandomScaleTranslate()
    for seed in range(10):
        top, left, height, width = transform.window(image.shape, np.random.default_rng(seed))
        shown = transform(image, np.random.default_rng(seed)).astype(float)
        y, x = ((shown * grid).sum() / shown.sum() + 0.5 for grid in np.indices(shown.shape))
        assert abs(y - (61.5 - top) * 100 / height) < 0.5 and abs(x - (71.5 - left) * 140 / width) < 0.5


def test_scale_and_translation_by_nothing_change_nothing(rng):
    image = pixels(rng, 9, 7, 3)
    np.testing.assert_array_equal(RandomScaleTranslate(0, 0)(image, rng), image)


@pytest.mark.parametrize("shape", [(6, 7, 3), (6, 7), (6, 7, 1), (4, 3, 3)])
def test_five_and_ten_crops_by_loops(rng, shape):
    image = pixels(rng, *shape)
    h, w = shape[:2]
    channels = image.reshape(h, w, -1)
    places = [(0, 0), (0, w - 3), (h - 4, 0), (h - 4, w - 3), (round((h - 4) / 2), round((w - 3) / 2))]
    five, ten = FiveCrop((4, 3))(image), TenCrop((4, 3))(image)
    assert five.shape == (5, 4, 3, channels.shape[2]) and ten.shape == (10, 4, 3, channels.shape[2])
    for k, (top, left) in enumerate(places):
        for y in range(4):
            for x in range(3):
                assert (five[k, y, x] == channels[top + y, left + x]).all()
                assert (ten[k, y, x] == five[k, y, x]).all() and (ten[5 + k, y, x] == five[k, y, 2 - x]).all()


@pytest.mark.parametrize("channels", [0, 1, 3])
def test_ten_crops_go_on_through_the_chain(rng, channels):
    images = pixels(rng, 3, 9, 8, *([channels] if channels else []))
    chain = Compose([TenCrop(6), ToArray(), Normalize([0.4] * (channels or 1), [0.2] * (channels or 1))])
    batch, _ = data.ImageDataset(images, [0, 0, 0], ["a"], chain).batch([2, 0])
    assert batch.shape == (2, 10, channels or 1, 6, 6)
    one = Compose(chain.transforms[1:])(images[2][3:9, 2:8][:, ::-1])  # the lower right corner, mirrored
    np.testing.assert_array_equal(batch[0, 8], one)


@pytest.mark.parametrize("views", [1, 5, 10])
def test_predictions_are_averaged_over_the_views(rng, views):
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(12, 4))
    model[1].eval()
    x = rng.standard_normal((3, views, 3, 2, 2)).astype(np.float32)
    found = average_predictions(model, Tensor(x))
    w, b = model[2].weight.numpy().astype(float), model[2].bias.numpy()
    for n in range(3):
        expected = np.zeros(4)
        for v in range(views):
            scores = np.exp(w @ x[n, v].ravel() + b)
            expected += scores / scores.sum() / views
        np.testing.assert_allclose(found.numpy()[n], expected, rtol=1e-5)
    assert found.shape == (3, 4) and not found.requires_grad
    assert [module.training for module in (model, model[1], model[2])] == [True, False, True]


@pytest.mark.parametrize("shape", [(3, 2, 2), (10, 3, 2, 2), (0, 10, 3, 2, 2), (2, 0, 3, 2, 2)])
def test_what_are_no_views(shape):
    with pytest.raises(ValueError, match=r"expected views \(N, V, C, H, W\)"):
        average_predictions(nn.Flatten(), Tensor(np.zeros(shape, np.float32)))


# ---- Colours --------------------------------------------------------------------------------------------------


def hsv_by_loops(image, hue, saturation, exposure):
    out = np.empty_like(image)
    for index in np.ndindex(image.shape[:2]):
        h, s, v = colorsys.rgb_to_hsv(*(image[index] / 255))
        rgb = colorsys.hsv_to_rgb((h + hue) % 1, min(s * saturation, 1), min(v * exposure, 1))
        out[index] = [round(value * 255) for value in rgb]
    return out


@pytest.mark.parametrize("hue, saturation, exposure", [(0.1, 1.5, 1.2), (-0.37, 0.7, 0.66), (0.5, 1, 1), (0, 9, 9)])
def test_hsv_against_the_standard_library(rng, hue, saturation, exposure):
    edges = [[a, b, c] for a in (0, 1, 128, 255) for b in (0, 1, 128, 255) for c in (0, 1, 128, 255)]
    image = np.concatenate([np.array(edges, np.uint8)[None], pixels(rng, 20, 64, 3)])
    difference = shift_hsv(image, hue, saturation, exposure).astype(int) - hsv_by_loops(
        image, hue, saturation, exposure
    )
    assert np.abs(difference).max() <= 1 and (difference != 0).mean() < 0.01  # one where x.5 is rounded


def test_hsv_by_nothing_gives_every_colour_back():
    levels = np.arange(0, 256, 5, dtype=np.uint8)
    image = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(52, -1, 3)
    np.testing.assert_array_equal(shift_hsv(image, 0, 1, 1), image)
    np.testing.assert_array_equal(RandomHSV(0, 1, 1)(image, np.random.default_rng(0)), image)


def test_random_hsv_draws_from_the_whole_range(rng):
    seen = np.array([RandomHSV(0.1, 1, 1)(np.array([[[200, 0, 0]]], np.uint8), rng)[0, 0] for _ in range(500)])
    turns = [colorsys.rgb_to_hsv(*colour)[0] for colour in seen / 255]
    turns = np.array([turn - (turn > 0.5) for turn in turns])
    assert -0.101 < turns.min() < -0.095 and 0.095 < turns.max() < 0.101
    values = np.array([RandomHSV(0, 1, 1.5)(np.full((1, 1, 3), 120, np.uint8), rng)[0, 0, 0] for _ in range(500)])
    assert values.min() in (80, 81) and values.max() in (179, 180) and abs((values > 120).mean() - 0.5) < 0.08


def test_pca_colour_against_the_formula(rng):
    image = rng.random((3, 4, 5)).astype(np.float32)
    before = image.copy()
    values, vectors = [0.3, 0.2, 0.1], rng.random((3, 3))
    alpha = np.random.default_rng(7).normal(0, 0.5, 3)
    out = RandomPCAColor(0.5, values, vectors)(image, np.random.default_rng(7))
    assert out.dtype == np.float32
    for c in range(3):
        shift = sum(vectors[c][k] * alpha[k] * values[k] for k in range(3))
        np.testing.assert_allclose(out[c], before[c] + shift, rtol=1e-5)
    np.testing.assert_array_equal(image, before)


def test_pca_colour_of_imagenet_is_mostly_brightness(rng):
    shifts = np.array([RandomPCAColor()(np.zeros((3, 1, 1)), rng).ravel() for _ in range(4000)])
    np.testing.assert_allclose(np.sqrt((shifts**2).sum(axis=1).mean()), 0.1 * math.hypot(0.2175, 0.0188, 0.0045), 0.05)
    values = np.linalg.eigvalsh(np.cov(shifts.T))[::-1]
    np.testing.assert_allclose(np.sqrt(values), [0.02175, 0.00188, 0.00045], rtol=0.05)


# ---- Means ----------------------------------------------------------------------------------------------------


def test_subtracting_a_mean(rng):
    image, mean = rng.random((3, 4, 5)).astype(np.float32), rng.random((3, 4, 5))
    out = SubtractMean(mean)(image)
    np.testing.assert_allclose(out, image - mean, atol=1e-6)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(SubtractMean(mean)(np.stack([image, image]))[1], out)
    channels = SubtractMean([0.1, 0.2, 0.3])(image)
    np.testing.assert_array_equal(channels, Normalize([0.1, 0.2, 0.3], [1, 1, 1])(image))


# ---- All of them ----------------------------------------------------------------------------------------------

ON_PIXELS = [
    RandomResize(4, 9), RandomResizedCrop(5), RandomScaleTranslate(), RandomHSV(), FiveCrop(1), TenCrop(1),
]  # fmt: skip


def call(transform, image, rng):
    return transform(image, rng) if transform.random else transform(image)


@pytest.mark.parametrize("transform", [*ON_PIXELS, RandomPCAColor()], ids=lambda t: type(t).__name__)
def test_the_same_seed_gives_the_same_image_and_the_input_stays(rng, transform):
    image = rng.random((3, 8, 9)).astype(np.float32) if transform not in ON_PIXELS else pixels(rng, 8, 9, 3)
    before = image.copy()
    first = [call(transform, image, np.random.default_rng(seed)) for seed in range(12)]
    again = [call(transform, image, np.random.default_rng(seed)) for seed in range(12)]
    assert [x.tobytes() for x in first] == [x.tobytes() for x in again]
    assert not transform.random or len({x.tobytes() for x in first}) > 3
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("transform", ON_PIXELS, ids=lambda t: type(t).__name__)
def test_an_image_of_one_pixel(rng, transform):
    for shape in ((1, 1), (1, 1, 3)):
        if shape != (1, 1) or not isinstance(transform, RandomHSV):
            assert call(transform, np.full(shape, 9, np.uint8), rng).dtype == np.uint8


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: FiveCrop(0), ValueError, "FiveCrop: expected a size from 1"),
        (lambda: TenCrop(9)(np.zeros((8, 10), np.uint8)), ValueError, "TenCrop: a crop of 9 x 9 .* put Resize before"),
        (lambda: FiveCrop(2)(np.zeros((3, 8, 8), np.uint8)), ValueError, "put it before ToArray"),
        (lambda: RandomResize(0, 4), ValueError, "RandomResize: expected a size from 1"),
        (lambda: RandomResize(9, 4), ValueError, r"\(lowest, highest\).*got \(9, 4\)"),
        (lambda: RandomResize(4, 9, "cubic"), ValueError, "one of nearest, bilinear, bicubic, got 'cubic'"),
        (lambda: RandomResizedCrop(8, scale=0.5), ValueError, r"scale must be \(lowest, highest\).*got 0.5"),
        (lambda: RandomResizedCrop(8, scale=(0, 1)), ValueError, "finite and above 0"),
        (lambda: RandomResizedCrop(8, ratio=(2, 1)), ValueError, "ratio must be"),
        (lambda: RandomResizedCrop(8, ratio=(1, math.nan)), ValueError, "ratio must be"),
        (lambda: RandomResizedCrop(8)(np.zeros((0, 5, 3), np.uint8), None), ValueError, "an image with pixels"),
        (lambda: RandomScaleTranslate(1), ValueError, "scale from 0 and below 1"),
        (lambda: RandomScaleTranslate(0.1, -1), ValueError, "translate from 0 to 1"),
        (lambda: RandomHSV(0.7), ValueError, "hue from 0 to 0.5"),
        (lambda: RandomHSV(0.1, 0.5), ValueError, "saturation and exposure from 1"),
        (lambda: RandomHSV()(np.zeros((8, 8), np.uint8), None), ValueError, r"uint8 \(H, W, 3\), got uint8 .*\(8, 8\)"),
        (lambda: RandomHSV()(np.zeros((8, 8, 4), np.uint8), None), ValueError, r"got uint8 of shape \(8, 8, 4\)"),
        (lambda: RandomHSV()(np.zeros((8, 8, 3)), None), ValueError, "got float64"),
        (lambda: RandomPCAColor(-1), ValueError, "std must be 0 or more, got -1"),
        (lambda: RandomPCAColor(0.1, [1]), ValueError, r"eigenvalues \(3,\)"),
        (lambda: RandomPCAColor()(np.zeros((3, 8, 8), np.uint8), None), ValueError, r"put it after ToArray\(\)"),
        (lambda: RandomPCAColor()(np.zeros((1, 8, 8)), None), ValueError, "on colour images"),
        (lambda: SubtractMean(np.zeros((2, 2))), ValueError, r"\(C, H, W\) or one mean a channel .*\(2, 2\)"),
        (lambda: SubtractMean(0.5)(np.zeros((3, 2, 2))), ValueError, r"shape \(1,\) but the image \(3, 2, 2\)"),
        (lambda: SubtractMean(np.zeros((3, 4, 4)))(np.zeros((3, 2, 2))), ValueError, "crop or resize images"),
        (lambda: SubtractMean(0.5)(np.zeros((1, 2, 2), np.uint8)), TypeError, r"put ToArray\(\) before it"),
    ],
)  # fmt: skip
def test_wrong_use_is_told(make, error, message):
    with pytest.raises(error, match=message):
        make()
