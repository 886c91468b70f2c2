"""The built-in data set: 5,000 training and 1,000 test images of Fashion-MNIST, in Fashion-MNIST's own format.

Of each class the first 500 and the first 100 in the order of the official files, which the subset keeps. Anyone who has
the whole can build it again: `python -m minidl.data.fashion_mini SOURCE DEST`. Licence: MIT, see LICENSE beside.
"""

import gzip
import struct
from pathlib import Path

import numpy as np

from ..dataset import ImageDataset
from ..download import Info
from ..mnist import MEMBERS, FashionMNIST, read_mnist


class FashionMini(ImageDataset):
    """5,000 + 1,000 images of Fashion-MNIST, 500 + 100 a class, that come with the package.

    It takes the arguments of every data set, by name; root and download change nothing, as its files are always there.
    """

    classes = FashionMNIST.classes
    mean, std = FashionMNIST.mean, FashionMNIST.std
    folder = Path(__file__).parent
    info = Info(
        name="fashion-mini",
        folder="(built in)",
        description="a balanced subset of Fashion-MNIST, 5,000 + 1,000 of 28x28 grey, 10 classes",
        licence="MIT, (c) 2017 Zalando SE",
    )
    name = info.name

    def __init__(self, *, train=True, transform=None, root=None, download=False):
        super().__init__(*read_mnist(self.folder, train, self.classes), self.classes, transform)


def first_of_each_class(labels, count):
    """The indices, ascending, of the first `count` samples of each class.

    >>> first_of_each_class(np.array([1, 0, 1, 1, 0, 0]), 2)
    array([0, 1, 2, 4])
    """
    return np.sort(np.concatenate([np.flatnonzero(labels == k)[:count] for k in np.unique(labels)]))


def build(source, dest):
    """Write the four files of the subset to the folder `dest`, from the official ones in `source`."""
    dest = Path(dest)
    dest.mkdir(parents=True, exist_ok=True)
    for train, count, files in ((True, 500, MEMBERS[:2]), (False, 100, MEMBERS[2:])):
        images, labels = read_mnist(source, train, FashionMini.classes)
        chosen = first_of_each_class(labels, count)
        for file, values in zip(files, (images[chosen], labels[chosen].astype(np.uint8)), strict=True):
            header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
            # No time of day in the file, so that building it again gives the same bytes.
            (dest / file).write_bytes(gzip.compress(header + values.tobytes(), compresslevel=9, mtime=0))
