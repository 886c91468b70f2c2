"""Image transforms: from the pixels of a file to what a network takes, and random changes for training.

A transform is called on one image: uint8 (H, W) or (H, W, C) until ToArray, float32 (C, H, W) after it. Any function
of an image will do. Two attributes say more:

    random   it draws random numbers and is called as transform(image, rng)
    batched  it works on the last axes, so a stack of images, (N, H, W, C) or (N, C, H, W), goes through in one call
"""

from .colour import RandomHSV, RandomPCAColor
from .compose import Compose, Transform
from .crop import CenterCrop, FiveCrop, RandomCrop, TenCrop
from .geometry import RandomHorizontalFlip, RandomResize, RandomResizedCrop, RandomScaleTranslate, Resize
from .pixels import Normalize, SubtractMean, ToArray

__all__ = [
    "CenterCrop",
    "Compose",
    "FiveCrop",
    "Normalize",
    "RandomCrop",
    "RandomHSV",
    "RandomHorizontalFlip",
    "RandomPCAColor",
    "RandomResize",
    "RandomResizedCrop",
    "RandomScaleTranslate",
    "Resize",
    "SubtractMean",
    "TenCrop",
    "ToArray",
    "Transform",
]
