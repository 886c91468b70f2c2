"""Windows of an image: its middle, one anywhere, and the five or ten that a prediction is averaged over."""

import numpy as np

from minidl.kernels.checks import is_whole

from .checks import check_fits, check_image, cut, height_and_width
from .compose import Transform


class CenterCrop(Transform):
    """Cut out the middle: size = (height, width), or one number for both.

    >>> CenterCrop(1)(np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.uint8))
    array([[5]], dtype=uint8)
    """

    def __init__(self, size):
        self.size = height_and_width("CenterCrop", size)

    def __call__(self, image):
        check_image(image, "CenterCrop")
        check_fits("CenterCrop", self.size, image)
        return _middle(image, self.size)

    def __repr__(self):
        return f"CenterCrop({self.size})"


class RandomCrop(Transform):
    """Surround the image by `padding` black pixels and cut out `size` x `size` anywhere.

    size: a number, or (height, width). Every position is equally likely.
    For ImageNet's photos: Resize(256), then RandomCrop(224, padding=0).

    >>> RandomCrop(32)(np.ones((32, 32, 3), np.uint8), np.random.default_rng(0)).shape
    (32, 32, 3)
    """

    random = True

    def __init__(self, size, padding=4):
        self.size, self.padding = height_and_width("RandomCrop", size), padding
        if not (is_whole(padding) and padding >= 0):
            raise ValueError(f"RandomCrop: expected padding from 0, a whole number, got {padding!r}")

    def __call__(self, image, rng):
        check_image(image, "RandomCrop")
        pad, (height, width) = self.padding, self.size
        h, w = image.shape[:2]
        free_h, free_w = h + 2 * pad - height, w + 2 * pad - width
        if free_h < 0 or free_w < 0:
            raise ValueError(
                f"RandomCrop: a crop of {height} x {width} does not fit into an image of shape {image.shape} "
                f"with padding {pad}"
            )
        # random() is four times as fast as integers(), and of 2**53 steps none is missed.
        top, left = int(rng.random() * (free_h + 1)), int(rng.random() * (free_w + 1))
        return cut(image, top - pad, left - pad, height, width)

    def __repr__(self):
        return f"RandomCrop({self.size}, padding={self.padding})"


class FiveCrop(Transform):
    """The four corners and the middle, stacked: (5, height, width, C), in the order TL, TR, BL, BR, middle.

    ToArray and Normalize work on the stack; `training.average_predictions` makes one prediction of it.

    >>> FiveCrop(1)(np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.uint8)).ravel()
    array([1, 3, 7, 9, 5], dtype=uint8)
    """

    def __init__(self, size):
        self.size = height_and_width(type(self).__name__, size)

    def __call__(self, image):
        check_image(image, type(self).__name__)
        check_fits(type(self).__name__, self.size, image)
        image = image[..., None] if image.ndim == 2 else image  # a stack of grey images would pass for one in colour
        (height, width), (h, w) = self.size, image.shape[:2]
        corners = [image[top:, left:][:height, :width] for top in (0, h - height) for left in (0, w - width)]
        return np.stack([*corners, _middle(image, self.size)])

    def __repr__(self):
        return f"{type(self).__name__}({self.size})"


class TenCrop(FiveCrop):
    """The five crops, and then their mirror images: (10, height, width, C).

    Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks, 2012, section 4.1.

    >>> TenCrop(1)(np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.uint8)).ravel()
    array([1, 3, 7, 9, 5, 1, 3, 7, 9, 5], dtype=uint8)
    """

    def __call__(self, image):
        crops = super().__call__(image)
        return np.concatenate([crops, crops[:, :, ::-1]])


def _middle(image, size):
    top, left = (round((n - m) / 2) for n, m in zip(image.shape[:2], size, strict=True))
    return image[top : top + size[0], left : left + size[1]]
