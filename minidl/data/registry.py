"""Data sets by name."""

import difflib

from .cifar import CIFAR10, CIFAR100
from .download import fetch_files
from .fashion_mini import FashionMini
from .mnist import MNIST, FashionMNIST

_DATASETS = {dataset.info.name: dataset for dataset in (MNIST, FashionMNIST, CIFAR10, CIFAR100, FashionMini)}


def names():
    """The names of all data sets.

    >>> names()
    ['mnist', 'fashion-mnist', 'cifar10', 'cifar100', 'fashion-mini']
    """
    return list(_DATASETS)


def info(name):
    """What is known of a data set: folder, members, urls, digests and sizes of its files, licence, description.

    >>> info("mnist").sizes["t10k-labels-idx1-ubyte.gz"]
    4542
    """
    return _lookup(name).info


def create(name, train=True, transform=None, root=None, download=False):
    """The data set of that name: its training part or its test part."""
    return _lookup(name)(root=root, train=train, transform=transform, download=download)


def fetch(name, root=None, progress=True):
    """Fetch the files of a data set that are not there yet; returns its folder."""
    dataset = _lookup(name)
    return fetch_files(dataset.info, root, progress) if dataset.info.remote else dataset.folder


def _lookup(name):
    if name in _DATASETS:
        return _DATASETS[name]
    # "CIFAR-10" and "fashion_mnist" are near enough to be recognized, but a name has one spelling.
    plain = {known.replace("-", ""): known for known in _DATASETS}
    written = str(name).lower().replace("-", "").replace("_", "")
    near = [plain[match] for match in difflib.get_close_matches(written, plain, cutoff=0.5)]
    hint = f": did you mean {' or '.join(map(repr, near))}? There" if near else "; there"
    raise ValueError(f"unknown data set {name!r}{hint} are {', '.join(_DATASETS)}")
