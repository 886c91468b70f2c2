"""Data sets: something with a length that gives sample number i, here mostly (image, label)."""

import operator

import numpy as np

from minidl.random import generator

from .collate import read_samples
from .transforms import Compose


class Dataset:
    """Base of all data sets: define `__len__` and `__getitem__(i)`, which returns the sample, mostly (image, label).

    A data set that draws random numbers sets `random = True` and defines `sample(i, rng)` instead of
    `__getitem__`: the loader hands it a generator that depends on seed, epoch and i alone.

    >>> class Squares(Dataset):
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, i):
    ...         return np.float32(i), i * i
    >>> Squares().batch([1, 2])
    (array([1., 2.], dtype=float32), array([1, 4]))
    """

    name = None
    classes = None
    random = False

    def __len__(self):
        raise NotImplementedError(f"{type(self).__name__} must define __len__(self)")

    def __getitem__(self, index):
        if type(self).sample is Dataset.sample:
            raise NotImplementedError(f"{type(self).__name__} must define __getitem__(self, index)")
        return self.sample(index, generator()) if self.random else self.sample(index)

    def sample(self, index, rng=None):
        """Sample number `index`; the numbers that it draws come from `rng`."""
        return self[index]

    def batch(self, indices, rngs=None):
        """The samples at `indices` collated to arrays with a leading axis N; `rngs` gives a generator for each."""
        return read_samples(self.sample, indices, rngs)


class Subset(Dataset):
    """Some samples of a data set: number i of the subset is number indices[i] of the whole.

    >>> digits = ImageDataset(np.zeros((4, 2, 2), np.uint8), [0, 1, 0, 1], ["zero", "one"])
    >>> [label for _, label in Subset(digits, [1, 3])]
    [1, 1]
    """

    def __init__(self, dataset, indices):
        indices = np.asarray(indices)
        if indices.ndim != 1 or (indices.size and indices.dtype.kind not in "iu"):
            raise TypeError(
                f"Subset: expected a list of integer indices, got {indices.dtype} of shape {indices.shape}; "
                "np.flatnonzero(mask) turns a mask into indices"
            )
        size = len(dataset)
        outside = indices[(indices < 0) | (indices >= size)]
        if outside.size:
            raise IndexError(f"Subset: index {outside[0]} is outside the data set, whose {size} samples count from 0")
        self.dataset = dataset
        self.indices = indices.astype(np.int64)
        self.name = getattr(dataset, "name", None)
        self.classes = getattr(dataset, "classes", None)

    @property
    def random(self):
        return getattr(self.dataset, "random", False)

    def __len__(self):
        return len(self.indices)

    def sample(self, index, rng=None):
        index = int(self.indices[index])
        return self.dataset.sample(index, rng) if self.random else self.dataset[index]

    def batch(self, indices, rngs=None):
        indices = self.indices[indices]
        if hasattr(self.dataset, "batch"):
            return self.dataset.batch(indices, rngs)
        return read_samples(lambda i, _: self.dataset[i], indices)


class ImageDataset(Dataset):
    """Images and their labels in memory.

    images: uint8 (N, H, W) or (N, H, W, C). labels: N integers, label k means classes[k].
    transform: applied to one image (H, W) or (H, W, C) when it is asked for; see `minidl.data.transforms`.
    `mean` and `std` hold one number a channel, of the training pixels scaled to [0, 1], for Normalize.

    >>> data = ImageDataset(np.zeros((3, 28, 28), np.uint8), [0, 1, 0], ["cat", "dog"])
    >>> data[1][0].shape, data[1][1], data.in_channels, data.image_size
    ((28, 28), 1, 1, (28, 28))
    """

    mean = std = None

    def __init__(self, images, labels, classes, transform=None):
        labels = np.asarray(labels)
        check_images(images, labels, classes, type(self).__name__)
        self.images = images
        self.labels = labels.astype(np.int64)
        self.classes = list(classes)
        self.transform = transform

    @property
    def in_channels(self):
        return 1 if self.images.ndim == 3 else self.images.shape[3]

    @property
    def image_size(self):
        return self.images.shape[1:3]

    @property
    def random(self):
        return getattr(self.transform, "random", False)

    def __len__(self):
        return len(self.images)

    def __repr__(self):
        return f"{type(self).__name__}: {len(self)} images {self.images.shape[1:]}, {len(self.classes)} classes"

    def sample(self, index, rng=None):
        index = operator.index(index)
        image, label = self.images[index], int(self.labels[index])
        if self.transform is None:
            return image, label
        return (self.transform(image, rng) if self.random else self.transform(image)), label

    def batch(self, indices, rngs=None):
        """(images, labels) at `indices`: what collating the samples gives, but in a few calls for the whole batch.

        The transforms at the end of the chain that work on a stack of images as on one (`batched`, not random) are
        called once; those before them once an image.
        """
        indices = np.asarray(indices)
        each, whole = Compose.split(self.transform)
        if each is None:
            images = self.images[indices]
        elif each.random:
            images = read_samples(lambda i, rng: each(self.images[i], rng), indices, rngs)
        else:
            images = read_samples(lambda i, _: each(self.images[i]), indices)
        if whole is not None:
            # A stack of grey images gets its channel axis here: (N, H, W) alone could be read as one image (H, W, C).
            images = whole(images[..., None] if images.ndim == 3 else images)
        return images, self.labels[indices]


def check_images(images, labels, classes, where):
    """Raise a ValueError or TypeError that names `where` unless images, labels and classes fit together."""
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
        raise TypeError(f"{where}: expected images as a uint8 array, got {getattr(images, 'dtype', type(images))}")
    if images.ndim not in (3, 4):
        raise ValueError(f"{where}: expected images of shape (N, H, W) or (N, H, W, C), got {images.shape}")
    if labels.shape != images.shape[:1]:
        raise ValueError(
            f"{where}: {len(images)} images but labels of shape {labels.shape}; expected one label an image"
        )
    if labels.size and labels.dtype.kind not in "iu":
        raise TypeError(f"{where}: expected integer labels, got {labels.dtype}")
    wrong = np.flatnonzero((labels < 0) | (labels >= len(classes)))
    if wrong.size:
        raise ValueError(
            f"{where}: label {labels[wrong[0]]} of image {wrong[0]} is out of range; "
            f"expected 0 to {len(classes) - 1} ({len(classes)} classes)"
        )
