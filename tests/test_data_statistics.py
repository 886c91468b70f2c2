"""Means, deviations and principal components of data sets, against all pixels in one array."""

import numpy as np
import pytest

from minidl import data
from minidl.data import ToArray, channel_statistics, mean_image


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("channels", [1, 3])
def test_channel_statistics_of_images_of_any_size(rng, channels):
    sizes = [(5, 7), (1, 1), (20, 3), (2, 2)]
    images = [rng.integers(0, 256, (*size, channels), np.uint8) for size in sizes]
    found = channel_statistics([(image, 0) for image in images])
    pixels = np.concatenate([image.reshape(-1, channels) for image in images]) / 255
    np.testing.assert_allclose(found.mean, pixels.mean(axis=0), rtol=1e-7)
    np.testing.assert_allclose(found.std, pixels.std(axis=0), rtol=1e-6)
    covariance = np.cov(pixels.T, bias=True).reshape(channels, channels)
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-5, atol=1e-9)
    assert found.mean.dtype == found.std.dtype == np.float64


def test_principal_components(rng):
    """Colours along a known direction: it is found, and RandomPCAColor moves along it."""
    direction = np.array([1, 2, 2]) / 3
    colours = 0.5 + rng.normal(0, 0.05, (100, 100, 1)) * direction + rng.normal(0, 0.001, (100, 100, 3))
    values, vectors = channel_statistics([np.moveaxis(colours, -1, 0)]).principal_components()
    assert abs(vectors[:, 0] @ direction) > 0.9999
    np.testing.assert_allclose(values[0], 0.05**2, rtol=0.05)
    assert values[0] > values[1] >= values[2] >= 0
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(3), atol=1e-12)
    moved = data.RandomPCAColor(100, values, vectors)(np.zeros((3, 1, 1)), rng).ravel()
    assert abs(moved @ direction) > 0.999 * np.linalg.norm(moved)


def test_principal_components_of_one_colour_are_not_below_zero():
    values, _ = channel_statistics([np.full((9, 9, 3), 77, np.uint8)] * 7).principal_components()
    assert (values >= 0).all() and (values < 1e-20).all()


def test_a_small_deviation_far_from_zero_is_not_lost(rng):
    """Where sums of squares would cancel: a mean of a million times the deviation."""
    images = [1e3 + 1e-3 * rng.standard_normal((1, 30, 30)) for _ in range(20)]
    np.testing.assert_allclose(channel_statistics(images).std, np.std(images), rtol=1e-6)


def test_the_built_in_data_have_the_published_statistics():
    clothes = data.FashionMini()
    found = channel_statistics(clothes)
    np.testing.assert_allclose(found.mean, clothes.images.mean() / 255, rtol=1e-6)
    np.testing.assert_allclose(found.std, clothes.images.std() / 255, rtol=1e-6)
    np.testing.assert_allclose((found.mean[0], found.std[0]), (clothes.mean[0], clothes.std[0]), atol=0.003)


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3)])
def test_mean_image(rng, shape, tmp_path):
    images = rng.integers(0, 256, (50, *shape), np.uint8)
    dataset = data.ImageDataset(images, np.zeros(50, int), ["a"])
    expected = np.moveaxis(images.reshape(50, 4, 5, -1), -1, 1).mean(axis=0) / 255
    found = mean_image(dataset)
    assert found.dtype == np.float64 and found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.save(tmp_path / "mean.npy", found)
    kept = data.SubtractMean(np.load(tmp_path / "mean.npy"))
    dataset.transform = data.Compose([ToArray(), kept])
    assert np.abs(dataset.batch(np.arange(50))[0].mean(axis=0)).max() < 1e-6


def test_a_sample_may_be_a_list():
    assert channel_statistics([[np.full((2, 2), 255, np.uint8), 3]]).mean == 1


def test_the_transform_counts(rng):
    images = rng.integers(0, 256, (6, 9, 9, 3), np.uint8)
    dataset = data.ImageDataset(images, np.zeros(6, int), ["a"], data.Compose([data.CenterCrop(3), ToArray()]))
    np.testing.assert_allclose(mean_image(dataset).mean(), images[:, 3:6, 3:6].mean() / 255, rtol=1e-6)


@pytest.mark.parametrize("function", [channel_statistics, mean_image])
@pytest.mark.parametrize(
    "samples, error, message",
    [
        ([], ValueError, "data set is empty"),
        ([np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.uint8)], ValueError, "expected images of"),
        ([np.zeros((2, 2), int)], TypeError, r"sample 0 has int64 of shape \(2, 2\)"),
        ([np.zeros((5, 2, 2, 3), np.uint8)], TypeError, r"sample 0 has uint8 of shape \(5, 2, 2, 3\)"),
        ([np.zeros((0, 2, 3), np.uint8)], TypeError, r"sample 0 has uint8 of shape \(0, 2, 3\)"),
        ([np.zeros((2, 2))], TypeError, r"floats \(C, H, W\); sample 0 has float64"),
    ],
)
def test_what_has_no_statistics(function, samples, error, message):
    with pytest.raises(error, match=f"{function.__name__}: .*{message}"):
        function(samples)


def test_a_mean_image_needs_one_size():
    with pytest.raises(ValueError, match=r"got \(1, 2, 2\) and \(1, 2, 3\) .* Resize\(\(height, width\)\)"):
        mean_image([np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8)])
