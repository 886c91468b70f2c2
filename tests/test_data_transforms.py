"""Transforms against loops and by their properties; one image and a stack of them give the same bits."""

import numpy as np
import pytest
from PIL import Image

from minidl.data import Compose, ImageDataset, Normalize, RandomCrop, RandomHorizontalFlip, ToArray


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def pixels(rng, *shape):
    return rng.integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3)])
def test_to_array_against_loops(rng, shape):
    image = pixels(rng, *shape)
    before = image.copy()
    out = ToArray()(image)
    channels = 1 if len(shape) == 2 else shape[2]
    assert out.dtype == np.float32 and out.shape == (channels, 5, 7) and out.flags.c_contiguous
    for c in range(channels):
        for h in range(5):
            for w in range(7):
                value = image[h, w] if image.ndim == 2 else image[h, w, c]
                assert out[c, h, w] == np.float32(value) / np.float32(255)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normalize_against_formula(rng, dtype):
    image = rng.random((3, 4, 5)).astype(dtype)
    before = image.copy()
    out = Normalize([0.1, 0.2, 0.3], [0.5, 1.0, 2.0])(image)
    assert out.dtype == dtype
    for c in range(3):
        np.testing.assert_allclose(out[c], (before[c] - [0.1, 0.2, 0.3][c]) / [0.5, 1.0, 2.0][c], rtol=1e-5)
    np.testing.assert_array_equal(image, before)


def test_nan_passes_through():
    image = np.full((1, 2, 2), 0.5, np.float32)
    image[0, 1, 0] = np.nan
    assert np.isnan(Normalize(0.5, 0.5)(image)).tolist() == [[[False, False], [True, False]]]


@pytest.mark.parametrize("channels", [0, 1, 3])
def test_whole_batch_gives_the_bits_of_single_images(rng, channels):
    images = pixels(rng, 9, 28, 28, *([channels] if channels else []))
    chain = Compose([ToArray(), Normalize([0.3] * (channels or 1), [0.7] * (channels or 1))])
    dataset = ImageDataset(images, np.zeros(9, int), ["a"], chain)
    batch, _ = dataset.batch([4, 0, 8])
    np.testing.assert_array_equal(batch, np.stack([dataset[i][0] for i in (4, 0, 8)]))


def test_image_as_wide_as_a_colour_is_not_mistaken_for_one(rng):
    """A stack of grey images 3 wide has the shape of one colour image."""
    dataset = ImageDataset(pixels(rng, 4, 5, 3), np.zeros(4, int), ["a"], lambda image: image)
    dataset.transform = Compose([dataset.transform, lambda image: image[..., None], ToArray()])
    batch, _ = dataset.batch([0, 1])
    assert batch.shape == (2, 1, 5, 3)
    dataset.transform = ToArray()
    np.testing.assert_array_equal(dataset.batch([0, 1])[0], batch)


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 3)])
def test_crop_cuts_every_window_of_the_padded_image(rng, shape):
    image, before = pixels(rng, *shape), None
    before = image.copy()
    padded = np.zeros((6 + 4, 5 + 4, *shape[2:]), np.uint8)
    padded[2:8, 2:7] = image
    windows = {padded[i : i + 6, j : j + 4].tobytes() for i in range(5) for j in range(6)}
    crop = RandomCrop((6, 4), padding=2)
    seen = {crop(image, rng).tobytes() for _ in range(1000)}
    assert seen == windows
    np.testing.assert_array_equal(image, before)


def test_crop_positions_are_equally_likely(rng):
    image = np.arange(9, dtype=np.uint8).reshape(3, 3)
    counts = np.bincount([RandomCrop(1, padding=0)(image, rng).item() for _ in range(9000)], minlength=9)
    assert ((counts - 1000) ** 2 / 1000).sum() < 26  # chi-squared, 8 degrees of freedom: 0.1 %


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 3)])
def test_flip_mirrors_left_to_right(rng, shape):
    image = pixels(rng, *shape)
    flipped = RandomHorizontalFlip(p=1)(image, rng)
    for w in range(3):
        np.testing.assert_array_equal(flipped[:, w], image[:, 2 - w])
    np.testing.assert_array_equal(RandomHorizontalFlip(p=0)(image, rng), image)
    share = np.mean([RandomHorizontalFlip(0.3)(image, rng) is not image for _ in range(2000)])
    assert abs(share - 0.3) < 0.04


def test_compose_goes_in_order_and_tells_what_it_is(rng):
    chain = Compose([RandomHorizontalFlip(1), Compose([ToArray(), Normalize(0.5, 0.5)])])
    image = pixels(rng, 4, 4)
    np.testing.assert_array_equal(chain(image, rng), Normalize(0.5, 0.5)(ToArray()(image[:, ::-1])))
    assert chain.random and not chain.batched
    assert len(chain.transforms) == 3
    calm = Compose([ToArray(), Normalize(0.5, 0.5)])
    assert calm.batched and not calm.random
    assert not Compose([ToArray(), lambda image: image]).batched


def test_split_keeps_strangers_and_random_ones_image_by_image():
    def stranger(image):
        return image

    to_array, crop = ToArray(), RandomCrop(4)
    for steps, cut in (([to_array], 0), ([crop, to_array], 1), ([to_array, stranger], 2), ([stranger, to_array], 1)):
        each, whole = Compose.split(Compose(steps))
        assert (each.transforms if each else []) == steps[:cut]
        assert (whole.transforms if whole else []) == steps[cut:]
    assert Compose.split(None) == (None, None)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: ToArray()(np.zeros((2, 2))), TypeError, "expected uint8.*got float64"),
        (lambda: ToArray()(np.zeros(2, np.uint8)), ValueError, r"\(H, W\) or \(H, W, C\), got shape \(2,\)"),
        (lambda: Normalize(0.5, 0.5)(np.zeros((1, 2, 2), np.uint8)), TypeError, r"put ToArray\(\) before"),
        (lambda: Normalize(0.5, 0.5)(np.zeros((3, 2, 2))), ValueError, r"1 channels, got shape \(3, 2, 2\)"),
        (lambda: Normalize(0.5, 0.5)(np.zeros((2, 2))), ValueError, r"got shape \(2, 2\)"),
        (lambda: Normalize([0.5] * 3, 0.5), ValueError, "one mean and one std a channel"),
        (lambda: Normalize(0.5, 0), ValueError, "std must be above 0"),
        (lambda: RandomHorizontalFlip(1.5), ValueError, "from 0 to 1, got 1.5"),
        (lambda: RandomCrop(0), ValueError, "from 1"),
        (lambda: RandomCrop(4, padding=-1), ValueError, "padding from 0"),
        (lambda: RandomCrop(28.0), ValueError, r"RandomCrop: expected a size from 1, or \(height, width\), got 28.0"),
        (lambda: RandomCrop(4, padding=True), ValueError, "padding from 0, a whole number, got True"),
        (lambda: RandomCrop((True, 4)), ValueError, r"a size from 1, or \(height, width\), got \(True, 4\)"),
        (lambda: RandomCrop(4, padding=1.5), ValueError, "padding from 0, a whole number, got 1.5"),
        (lambda: RandomCrop(9, 0)(np.zeros((8, 8)), None), ValueError, r"9 x 9 does not fit into.*\(8, 8\)"),
        (lambda: RandomCrop(2)(np.zeros((3, 8, 8)), None), ValueError, r"put it before ToArray"),
        (lambda: RandomHorizontalFlip()(np.zeros((3, 8, 8)), None), ValueError, r"put it before ToArray"),
        (lambda: RandomCrop(2)(Image.new("L", (4, 4)), None), TypeError, r"an array .*got Image; np.array\(image\)"),
        (lambda: Compose([RandomCrop(2)])(np.zeros((4, 4))), TypeError, r"call it as transform\(image, rng\) with a"),
        (lambda: Compose([ToArray]), TypeError, "is a class"),
        (lambda: Compose(["crop"]), TypeError, "got str: 'crop'"),
    ],
)
def test_wrong_use_is_told(call, error, message):
    with pytest.raises(error, match=message):
        call()
