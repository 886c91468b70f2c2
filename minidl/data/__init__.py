"""Data sets, transforms, loading in batches, downloads."""

from .cifar import CIFAR10, CIFAR100
from .collate import default_collate
from .dataset import Dataset, ImageDataset, Subset
from .download import DownloadError, data_root
from .fashion_mini import FashionMini
from .loader import DataLoader
from .mnist import MNIST, FashionMNIST
from .registry import create, fetch, info, names
from .transforms import Compose, Normalize, RandomCrop, RandomHorizontalFlip, ToArray

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "Compose",
    "DataLoader",
    "Dataset",
    "DownloadError",
    "FashionMNIST",
    "FashionMini",
    "ImageDataset",
    "MNIST",
    "Normalize",
    "RandomCrop",
    "RandomHorizontalFlip",
    "Subset",
    "ToArray",
    "create",
    "data_root",
    "default_collate",
    "fetch",
    "info",
    "names",
]
