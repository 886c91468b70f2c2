"""CIFAR-10 and CIFAR-100: 50,000 training and 10,000 test images of 32 x 32 RGB pixels, 10 or 100 classes.

The official python batches are pickles, and a pickle can run any code when it is loaded. They are read here by an
unpickler that knows what these batches hold, and nothing else.

Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
"""

import io
import math
import pickle

import numpy as np

from .dataset import ImageDataset, check_images
from .download import Info, RemoteFile, locate

PIXELS = 3 * 32 * 32


# ---- Pickled batches ------------------------------------------------------------------------------------------


class _Dtype:
    """Stands in for numpy.dtype, which is never called."""

    def __init__(self, code):
        if code not in (b"u1", "u1", b"uint8", "uint8"):
            raise pickle.UnpicklingError(f"an array of type {code!r}, expected uint8 ('u1')")

    def __setstate__(self, state):
        pass  # byte order and alignment, which single bytes do not have


class _Array:
    """Stands in for a numpy array while it is unpickled: keeps its shape and bytes after checking them."""

    array = np.empty(0, np.uint8)

    def __setstate__(self, state):
        _version, shape, dtype, fortran, data = state
        if not isinstance(dtype, _Dtype) or not isinstance(data, bytes) or fortran:
            raise pickle.UnpicklingError("an array that is not plain uint8 in C order")
        if len(data) != math.prod(shape):
            raise pickle.UnpicklingError(f"an array of shape {tuple(shape)} with {len(data)} bytes")
        self.array = np.frombuffer(data, np.uint8).reshape(shape)


class _BatchUnpickler(pickle.Unpickler):
    """Admits dict, list, bytes, str, int and uint8 arrays; any other name is refused before it is looked up."""

    def find_class(self, module, name):
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return lambda *arguments: _Array()
        if module == "numpy" and name == "ndarray":
            return lambda *arguments: None  # only ever an argument of _reconstruct
        if module == "numpy" and name == "dtype":
            return lambda code, *flags: _Dtype(code)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no CIFAR file needs; nothing of it was run")


def read_batch(path):
    """The dict in one of the official batch files, with str keys; anything but such a file raises a ValueError."""
    try:
        batch = _BatchUnpickler(io.BytesIO(path.read_bytes()), encoding="bytes").load()
    except OSError:
        raise
    except Exception as error:  # what damaged bytes can do to an unpickler is without end
        reason = str(error) or type(error).__name__
        raise ValueError(f"{path}: not a CIFAR batch, or damaged: {reason}. Fetch the data set again") from error
    if not isinstance(batch, dict):
        raise ValueError(f"{path}: expected a pickled dict, got {type(batch).__name__}")
    return {_text(key): value for key, value in batch.items()}


def _text(value):
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _entry(batch, key, kind, path):
    if not isinstance(value := batch.get(key), kind):
        expected = "array" if kind is _Array else kind.__name__
        raise ValueError(f"{path}: expected {key!r} of type {expected}, got {type(value).__name__}")
    return value


def read_images(path, label_key, classes):
    """(images (N, 32, 32, 3), labels (N,)) of one batch file, checked."""
    batch = read_batch(path)
    data = _entry(batch, "data", _Array, path).array
    labels = _entry(batch, label_key, list, path)
    if data.ndim != 2 or data.shape[1] != PIXELS:
        raise ValueError(f"{path}: expected 'data' of shape (N, {PIXELS}), got {data.shape}")
    if not all(type(label) is int and abs(label) < 2**31 for label in labels):
        raise ValueError(f"{path}: expected {label_key!r} to hold small integers only")
    images = np.ascontiguousarray(data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    labels = np.array(labels, np.int64)
    check_images(images, labels, classes, path)
    return images, labels


def read_classes(path, key, count):
    names = [_text(name) for name in _entry(read_batch(path), key, list, path)]
    if len(names) != count or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{path}: expected {count} names in {key!r}, got {len(names)} entries")
    return names


# ---- Data sets ------------------------------------------------------------------------------------------------


class CIFAR10(ImageDataset):
    """Small photos of animals and vehicles. root: the folder that holds `cifar-10-batches-py/` or its .tar.gz.

    train: the 50,000 training images, or the 10,000 of the test. download: fetch the archive if it is not there.
    """

    mean, std = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
    info = Info(
        name="cifar10",
        folder="cifar-10-batches-py",
        description="small photos of animals and vehicles, 50,000 + 10,000 of 32x32 RGB, 10 classes",
        licence="research use, (c) Alex Krizhevsky",
        members=(*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"),
        remote=(
            RemoteFile(
                "cifar-10-python.tar.gz",
                ("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",),
                "md5:c58f30108f718f92721af3b95e74349a",
                170498071,
            ),
        ),
        archive=True,
    )
    name = info.name
    train_files, test_file, label_key = info.members[:5], "test_batch", "labels"
    names_file, names_key, num_classes = "batches.meta", "label_names", 10

    def __init__(self, root=None, train=True, transform=None, download=False):
        folder = locate(self.info, root, download)
        classes = read_classes(folder / self.names_file, self.names_key, self.num_classes)
        files = self.train_files if train else (self.test_file,)
        batches = [read_images(folder / file, self.label_key, classes) for file in files]
        images, labels = (np.concatenate(part) for part in zip(*batches, strict=True))
        super().__init__(images, labels, classes, transform)


class CIFAR100(CIFAR10):
    """As CIFAR10, with 100 classes of 500 + 100 images; its folder is `cifar-100-python/`."""

    mean, std = (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)
    info = Info(
        name="cifar100",
        folder="cifar-100-python",
        description="small photos of 100 kinds of things, 50,000 + 10,000 of 32x32 RGB, 100 classes",
        licence="research use, (c) Alex Krizhevsky",
        members=("train", "test", "meta"),
        remote=(
            RemoteFile(
                "cifar-100-python.tar.gz",
                ("https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",),
                "md5:eb9058c3a382ffc7106e4002c42a8d85",
                169001437,
            ),
        ),
        archive=True,
    )
    name = info.name
    train_files, test_file, label_key = ("train",), "test", "fine_labels"
    names_file, names_key, num_classes = "meta", "fine_label_names", 100
