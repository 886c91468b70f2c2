"""Data sets: what they refuse, and how they say so."""

import numpy as np
import pytest

from minidl.data import Dataset, ImageDataset, Subset


@pytest.mark.parametrize(
    "indices, error, message",
    [
        ([0, 4], IndexError, "index 4 is outside"),
        ([-1], IndexError, "index -1 is outside"),
        ([True, False, True, False], TypeError, "np.flatnonzero"),
        ([0.5], TypeError, "integer indices"),
    ],
)
def test_wrong_subsets(indices, error, message):
    with pytest.raises(error, match=message):
        Subset(["sample"] * 4, indices)


@pytest.mark.parametrize(
    "images, labels, error, message",
    [
        (np.zeros((2, 3, 3)), [0, 1], TypeError, "uint8 array, got float64"),
        (np.zeros((2, 3), np.uint8), [0, 1], ValueError, r"got \(2, 3\)"),
        (np.zeros((2, 3, 3), np.uint8), [0], ValueError, r"2 images but labels of shape \(1,\)"),
        (np.zeros((2, 3, 3), np.uint8), [0, 2], ValueError, "label 2 of image 1 .*expected 0 to 1"),
        (np.zeros((2, 3, 3), np.uint8), [0.0, 1.0], TypeError, "integer labels, got float64"),
    ],
)
def test_wrong_image_sets(images, labels, error, message):
    with pytest.raises(error, match=message):
        ImageDataset(images, labels, ["a", "b"])


def test_data_set_without_samples_says_what_to_define():
    with pytest.raises(NotImplementedError, match="must define __getitem__"):
        Dataset()[0]
    with pytest.raises(NotImplementedError, match="must define __len__"):
        len(Dataset())
