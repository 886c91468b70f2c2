"""What a network is told of its training images: their mean, deviation, and the principal components of colour."""

from typing import NamedTuple

import numpy as np

from .transforms import ToArray


class ChannelStatistics(NamedTuple):
    """mean (C,), std (C,) and covariance (C, C) of the channels over all pixels of a data set."""

    mean: np.ndarray
    std: np.ndarray
    covariance: np.ndarray

    def principal_components(self):
        """(eigenvalues (C,), eigenvectors (C, C)), the largest first, component k in column k: for RandomPCAColor."""
        values, vectors = np.linalg.eigh(self.covariance)
        return np.maximum(values[::-1], 0), vectors[:, ::-1]


def channel_statistics(dataset):
    """The statistics of the channels of all images of a data set, of any sizes, in one pass and in float64.

    A sample is an image or begins with one: uint8 (H, W) or (H, W, C), which counts as between 0 and 1 as ToArray
    makes it, or floats (C, H, W). The deviation is that of all pixels, so it is divided by their number.

    >>> from minidl.data import FashionMini
    >>> statistics = channel_statistics(FashionMini())
    >>> statistics.mean.round(2), statistics.std.round(2)
    (array([0.29]), array([0.35]))
    """
    # As in Chan, Golub and LeVeque, 1979: each image's pixels about their own mean, then brought about the common one.
    count, mean, scatter = 0, 0.0, 0.0
    for image in _images(dataset, "channel_statistics"):
        pixels = image.reshape(len(image), -1)
        if count and len(pixels) != len(mean):
            raise ValueError(
                f"channel_statistics: expected images of the same channels, got {len(mean)} and {len(pixels)}"
            )
        own_mean, own_count = pixels.mean(axis=1), pixels.shape[1]
        pixels = pixels - own_mean[:, None]
        step, total = own_mean - mean, count + own_count
        scatter = scatter + pixels @ pixels.T + np.outer(step, step) * (count * own_count / total)
        mean, count = mean + step * (own_count / total), total
    covariance = scatter / count
    return ChannelStatistics(mean, np.sqrt(np.diag(covariance)), covariance)


def mean_image(dataset):
    """The mean of all images of a data set, pixel by pixel: (C, H, W) float64, for SubtractMean.

    Samples as for `channel_statistics`, all images of one size. np.save and np.load keep it in a file.

    >>> mean_image([np.array([[0, 255]], np.uint8), np.array([[255, 255]], np.uint8)])
    array([[[0.5, 1. ]]])
    """
    count, total = 0, 0.0
    for image in _images(dataset, "mean_image"):
        if count and image.shape != total.shape:
            raise ValueError(
                f"mean_image: expected images of one size, got {total.shape} and {image.shape} as (C, H, W); "
                "give the data set a transform with Resize((height, width))"
            )
        total, count = total + image, count + 1
    return total / count


def _images(dataset, name):
    """The images of a data set, each as float64 (C, H, W)."""
    if not len(dataset):
        raise ValueError(f"{name}: the data set is empty, and nothing has no mean")
    for index in range(len(dataset)):
        sample = dataset[index]
        image = np.asarray(sample[0] if isinstance(sample, (tuple, list)) else sample)
        if image.dtype == np.uint8 and image.ndim in (2, 3) and image.size:
            yield ToArray()(image).astype(np.float64)
        elif image.dtype.kind == "f" and image.ndim == 3 and image.size:
            yield image.astype(np.float64)
        else:
            raise TypeError(
                f"{name}: expected images, uint8 (H, W) or (H, W, C) or floats (C, H, W); "
                f"sample {index} has {image.dtype} of shape {image.shape}"
            )
