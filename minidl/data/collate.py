"""From samples to a batch: read them one by one, then put each field of all of them into one array."""

from itertools import repeat

import numpy as np

from minidl.random import generator


def read_samples(sample, indices, rngs=None):
    """Collate sample(i, rng) over the indices; an error says which sample it arose in.

    sample: a function of the index and a generator. rngs: an iterable of generators, one for each index; without it
    they all draw from the global one (minidl.manual_seed).
    """
    samples = []
    for index, rng in zip(indices, repeat(generator()) if rngs is None else rngs, strict=False):
        try:
            samples.append(sample(int(index), rng))
        except Exception as error:
            raise _naming_sample(error, index) from error
    return default_collate(samples, indices)


def _naming_sample(error, index):
    """The same error with the sample's number in front: of the same type where that can be made from one string."""
    try:
        return type(error)(f"sample {index}: {error}")
    except Exception:
        return RuntimeError(f"sample {index}: {type(error).__name__}: {error}")


def default_collate(samples, indices=None):
    """Stack a list of samples: arrays along a new first axis, numbers to int64 or float32, tuples field by field.

    indices: the samples' numbers, for the error message when they do not fit together.

    >>> images, labels = default_collate([(np.zeros((1, 2, 2)), 3), (np.ones((1, 2, 2)), 5)])
    >>> images.shape, labels
    ((2, 1, 2, 2), array([3, 5]))
    """
    indices = range(len(samples)) if indices is None else indices
    if not samples:
        raise ValueError("default_collate: expected at least one sample, got none")
    first = samples[0]
    if isinstance(first, (tuple, list)):
        _check_alike(samples, indices, lambda s: len(s) if isinstance(s, (tuple, list)) else 0, "number of fields")
        return tuple(default_collate(field, indices) for field in zip(*samples, strict=True))
    if isinstance(first, np.ndarray):
        _check_alike(samples, indices, np.shape, "shape")
        return np.stack(samples)
    for index, sample in zip(indices, samples, strict=True):
        if not isinstance(sample, (int, float, np.integer, np.floating, np.bool_)):
            raise TypeError(
                f"sample {index} holds a {type(sample).__name__}; a batch is made of arrays, numbers and tuples of "
                "them: return NumPy arrays from the data set (ToArray makes one of an image)"
            )
    numbers = np.array(samples)
    return numbers.astype({"b": np.bool_, "f": np.float32}.get(numbers.dtype.kind, np.int64))


def _check_alike(samples, indices, property_of, what):
    expected = property_of(samples[0])
    for index, sample in zip(indices, samples, strict=True):
        if (found := property_of(sample)) != expected:
            raise ValueError(
                f"samples {indices[0]} and {index} differ in {what}: {expected} and {found}; "
                "a batch needs samples that are alike (crop or resize images to one size)"
            )
