"""Data sets, transforms, loading in batches, downloads."""

from .cifar import CIFAR10, CIFAR100
from .collate import default_collate
from .dataset import Dataset, ImageDataset, Subset
from .download import DownloadError, data_root
from .fashion_mini import FashionMini
from .imagenet import IMAGENET_MEAN, IMAGENET_STD, imagenet_classes, imagenet_wnids, top_k
from .images import read_image
from .loader import DataLoader
from .mnist import MNIST, FashionMNIST
from .registry import create, fetch, info, names
from .transforms import CenterCrop, Compose, Normalize, RandomCrop, RandomHorizontalFlip, Resize, ToArray

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "CenterCrop",
    "Compose",
    "DataLoader",
    "Dataset",
    "DownloadError",
    "FashionMNIST",
    "FashionMini",
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "ImageDataset",
    "MNIST",
    "Normalize",
    "RandomCrop",
    "RandomHorizontalFlip",
    "Resize",
    "Subset",
    "ToArray",
    "create",
    "data_root",
    "default_collate",
    "fetch",
    "imagenet_classes",
    "imagenet_wnids",
    "info",
    "names",
    "read_image",
    "top_k",
]
