"""Data sets, transforms, loading in batches, downloads."""

from .cifar import CIFAR10, CIFAR100
from .collate import default_collate
from .dataset import Dataset, ImageDataset, Subset
from .download import DownloadError, data_root
from .fashion_mini import FashionMini
from .folder import ImageFolder
from .imagenet import IMAGENET_MEAN, IMAGENET_STD, imagenet_classes, imagenet_wnids, top_k
from .images import read_image
from .loader import DataLoader
from .mnist import MNIST, FashionMNIST
from .registry import create, fetch, info, names
from .statistics import channel_statistics, mean_image
from .transforms import (
    CenterCrop,
    Compose,
    FiveCrop,
    Normalize,
    RandomCrop,
    RandomHorizontalFlip,
    RandomHSV,
    RandomPCAColor,
    RandomResize,
    RandomResizedCrop,
    RandomScaleTranslate,
    Resize,
    SubtractMean,
    TenCrop,
    ToArray,
)
from .voc import read_voc

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
    "FiveCrop",
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "ImageDataset",
    "ImageFolder",
    "MNIST",
    "Normalize",
    "RandomCrop",
    "RandomHSV",
    "RandomHorizontalFlip",
    "RandomPCAColor",
    "RandomResize",
    "RandomResizedCrop",
    "RandomScaleTranslate",
    "Resize",
    "Subset",
    "SubtractMean",
    "TenCrop",
    "ToArray",
    "channel_statistics",
    "create",
    "data_root",
    "default_collate",
    "fetch",
    "imagenet_classes",
    "imagenet_wnids",
    "info",
    "mean_image",
    "names",
    "read_image",
    "read_voc",
    "top_k",
]
