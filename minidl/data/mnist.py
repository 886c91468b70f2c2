"""MNIST and Fashion-MNIST: 60,000 training and 10,000 test images of 28 x 28 grey pixels, 10 classes.

LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", 1998.
Xiao, Rasul and Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms", 2017.
"""

from pathlib import Path

import numpy as np

from .dataset import ImageDataset, check_images
from .download import Info, RemoteFile, find, locate
from .idx import read_idx

MEMBERS = tuple(f"{part}-{what}-ubyte.gz" for part in ("train", "t10k") for what in ("images-idx3", "labels-idx1"))


def read_mnist(folder, train, classes):
    """(images (N, 28, 28), labels (N,)) from a folder with the four official files, checked."""
    images_path, labels_path = (find(Path(folder), name) for name in (MEMBERS[:2] if train else MEMBERS[2:]))
    images, labels = read_idx(images_path, (None, 28, 28)), read_idx(labels_path, (None,)).astype(np.int64)
    check_images(images, labels, classes, f"{images_path} with {labels_path.name}")
    return images, labels


def _remote(mirrors, digests, sizes):
    return tuple(
        RemoteFile(name, tuple(mirror + name for mirror in mirrors), f"md5:{digest}", size)
        for name, digest, size in zip(MEMBERS, digests, sizes, strict=True)
    )


class MNIST(ImageDataset):
    """Handwritten digits. root: the folder that holds `mnist/`, by default $MINIDL_DATA or ~/.cache/minidl.

    train: the 60,000 training images, or the 10,000 of the test. download: fetch the files if they are not there.
    """

    classes = [str(digit) for digit in range(10)]
    mean, std = (0.1307,), (0.3081,)
    info = Info(
        name="mnist",
        folder="mnist",
        description="handwritten digits, 60,000 + 10,000 of 28x28 grey, 10 classes",
        licence="as its authors' (often given as CC BY-SA 3.0)",
        members=MEMBERS,
        remote=_remote(
            ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
            (
                "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                "d53e105ee54ea40749a09fcbcd1e9432",
                "9fb629c4189551a2d022fa330f9573f3",
                "ec29112dd5afa0611ce80d1b7f02629c",
            ),
            (9912422, 28881, 1648877, 4542),
        ),
    )
    name = info.name

    def __init__(self, root=None, train=True, transform=None, download=False):
        folder = locate(self.info, root, download)
        super().__init__(*read_mnist(folder, train, self.classes), self.classes, transform)


class FashionMNIST(MNIST):
    """Photos of clothes from Zalando's shop, in MNIST's format and sizes, and harder. Arguments as for MNIST."""

    classes = [
        "T-shirt/top",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    ]
    mean, std = (0.2860,), (0.3530,)
    info = Info(
        name="fashion-mnist",
        folder="fashion-mnist",
        description="photos of clothes, 60,000 + 10,000 of 28x28 grey, 10 classes",
        licence="MIT, (c) 2017 Zalando SE",
        members=MEMBERS,
        remote=_remote(
            (
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
            ),
            (
                "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                "25c81989df183df01b3e8a0aad5dffbe",
                "bef4ecab320f06d8554ea6380940ec79",
                "bb300cfdad3c16e7a12a480ee83cd310",
            ),
            (26421880, 29515, 4422102, 5148),
        ),
    )
    name = info.name
