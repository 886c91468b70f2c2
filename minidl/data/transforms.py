"""Image transforms: from the pixels of a file to what a network takes, and random changes for training.

A transform is called on one image: uint8 (H, W) or (H, W, C) until ToArray, float32 (C, H, W) after it. Any function
of an image will do. Two attributes say more:

    random   it draws random numbers and is called as transform(image, rng)
    batched  it works on the last axes, so a stack of images, (N, H, W, C) or (N, C, H, W), goes through in one call
"""

import numpy as np

from .images import INTERPOLATIONS, resize


class Transform:
    random = False
    batched = False


class Compose(Transform):
    """One transform after the other.

    >>> to_network = Compose([ToArray(), Normalize(mean=[0.5], std=[0.5])])
    >>> to_network(np.array([[0, 255]], np.uint8))
    array([[[-1.,  1.]]], dtype=float32)
    """

    def __init__(self, transforms):
        self.transforms = [step for t in transforms for step in _steps(t)]
        self.random = any(getattr(t, "random", False) for t in self.transforms)
        self.batched = all(getattr(t, "batched", False) for t in self.transforms)

    def __call__(self, image, rng=None):
        for transform in self.transforms:
            image = transform(image, rng) if getattr(transform, "random", False) else transform(image)
        return image

    def __repr__(self):
        return f"Compose({self.transforms})"

    @staticmethod
    def split(transform):
        """A transform in two: what must go image by image, and the rest, which may take a stack. None: nothing.

        >>> Compose.split(Compose([RandomHorizontalFlip(), ToArray()]))
        (Compose([RandomHorizontalFlip(p=0.5)]), Compose([ToArray()]))
        """
        steps = _steps(transform)
        cut = len(steps)
        while cut and getattr(steps[cut - 1], "batched", False) and not getattr(steps[cut - 1], "random", False):
            cut -= 1
        return (Compose(steps[:cut]) if cut else None, Compose(steps[cut:]) if cut < len(steps) else None)


def _steps(transform):
    if transform is None:
        return []
    if isinstance(transform, type):
        raise TypeError(
            f"a transform is a function of an image, and {transform.__name__} is a class: "
            f"write {transform.__name__}(...)"
        )
    if not callable(transform):
        raise TypeError(f"a transform is a function of an image, got {type(transform).__name__}: {transform!r}")
    return transform.transforms if isinstance(transform, Compose) else [transform]


class ToArray(Transform):
    """uint8 pixels (H, W) or (H, W, C) to float32 (C, H, W) in [0, 1].

    >>> ToArray()(np.full((28, 28), 255, np.uint8)).shape
    (1, 28, 28)
    """

    batched = True

    def __call__(self, image):
        image = np.asarray(image)
        if image.dtype != np.uint8:
            raise TypeError(f"ToArray: expected uint8 pixels (0 to 255), got {image.dtype} of shape {image.shape}")
        if image.ndim < 2:
            raise ValueError(f"ToArray: expected an image (H, W) or (H, W, C), got shape {image.shape}")
        if image.ndim == 2:
            image = image[..., None]
        # Reordering bytes and then converting them is faster than converting along scattered addresses.
        pixels = np.ascontiguousarray(np.moveaxis(image, -1, -3))
        return np.divide(pixels, np.float32(255), dtype=np.float32)

    def __repr__(self):
        return "ToArray()"


class Normalize(Transform):
    """(image - mean) / std, channel by channel, on (C, H, W) floats.

    >>> Normalize([0.5], [0.25])(np.ones((1, 1, 2), np.float32))
    array([[[2., 2.]]], dtype=float32)
    """

    batched = True

    def __init__(self, mean, std):
        self.mean = np.atleast_1d(np.asarray(mean, np.float64))[:, None, None]
        self.std = np.atleast_1d(np.asarray(std, np.float64))[:, None, None]
        if self.mean.shape != self.std.shape or self.mean.ndim != 3:
            raise ValueError(f"Normalize: expected one mean and one std a channel, got {mean!r} and {std!r}")
        if not (self.std > 0).all():
            raise ValueError(f"Normalize: std must be above 0 in every channel, got {std!r}")

    def __call__(self, image):
        if getattr(image, "dtype", np.dtype(object)).kind != "f":
            raise TypeError(
                f"Normalize: expected a floating-point array, got {getattr(image, 'dtype', type(image).__name__)}; "
                "put ToArray() before it"
            )
        channels = len(self.mean)
        if image.ndim < 3 or image.shape[-3] != channels:
            raise ValueError(f"Normalize: expected (C, H, W) with {channels} channels, got shape {image.shape}")
        out = image - self.mean.astype(image.dtype)
        out /= self.std.astype(image.dtype)
        return out

    def __repr__(self):
        return f"Normalize(mean={self.mean.ravel().tolist()}, std={self.std.ravel().tolist()})"


class Resize(Transform):
    """Resample an image: its shorter side to `size`, keeping its shape, or to size = (height, width).

    interpolation: "nearest", "bilinear" or "bicubic", by Pillow.

    >>> Resize(256)(np.zeros((100, 200, 3), np.uint8)).shape, Resize((8, 8))(np.zeros((100, 200), np.uint8)).shape
    ((256, 512, 3), (8, 8))
    """

    def __init__(self, size, interpolation="bilinear"):
        both = _height_and_width("Resize", size)
        self.size, self.interpolation = size if np.ndim(size) == 0 else both, interpolation
        if interpolation not in INTERPOLATIONS:
            raise ValueError(f"Resize: interpolation must be one of {', '.join(INTERPOLATIONS)}, got {interpolation!r}")

    def __call__(self, image):
        _check_image(image, "Resize")
        size, shorter = self.size, min(image.shape[:2])
        if np.ndim(size) == 0:
            size = tuple(size * n // shorter for n in image.shape[:2])
        return resize(image, size, self.interpolation)

    def __repr__(self):
        return f"Resize({self.size}, {self.interpolation!r})"


class CenterCrop(Transform):
    """Cut out the middle: size = (height, width), or one number for both.

    >>> CenterCrop(1)(np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.uint8))
    array([[5]], dtype=uint8)
    """

    def __init__(self, size):
        self.size = _height_and_width("CenterCrop", size)

    def __call__(self, image):
        _check_image(image, "CenterCrop")
        (height, width), (h, w) = self.size, image.shape[:2]
        if height > h or width > w:
            raise ValueError(
                f"CenterCrop: a crop of {height} x {width} does not fit into an image of shape {image.shape}; "
                "put Resize before it"
            )
        top, left = round((h - height) / 2), round((w - width) / 2)
        return image[top : top + height, left : left + width]

    def __repr__(self):
        return f"CenterCrop({self.size})"


class RandomCrop(Transform):
    """Surround the image by `padding` black pixels and cut out `size` x `size` anywhere.

    size: a number, or (height, width). Every position is equally likely.

    >>> RandomCrop(32)(np.ones((32, 32, 3), np.uint8), np.random.default_rng(0)).shape
    (32, 32, 3)
    """

    random = True

    def __init__(self, size, padding=4):
        self.size = (size, size) if np.ndim(size) == 0 else tuple(size)
        self.padding = padding
        if len(self.size) != 2 or min(self.size) < 1 or padding < 0:
            raise ValueError(
                f"RandomCrop: expected size (height, width) from 1 and padding from 0, got {size}, {padding}"
            )

    def __call__(self, image, rng):
        _check_image(image, "RandomCrop")
        pad, (height, width) = self.padding, self.size
        h, w = image.shape[:2]
        free_h, free_w = h + 2 * pad - height, w + 2 * pad - width
        if free_h < 0 or free_w < 0:
            raise ValueError(
                f"RandomCrop: a crop of {height} x {width} does not fit into an image of shape {image.shape} "
                f"with padding {pad}"
            )
        padded = np.zeros((h + 2 * pad, w + 2 * pad, *image.shape[2:]), image.dtype)
        padded[pad : pad + h, pad : pad + w] = image
        # random() is four times as fast as integers(), and of 2**53 steps none is missed.
        top, left = int(rng.random() * (free_h + 1)), int(rng.random() * (free_w + 1))
        return padded[top : top + height, left : left + width]

    def __repr__(self):
        return f"RandomCrop({self.size}, padding={self.padding})"


class RandomHorizontalFlip(Transform):
    """Mirror the image left to right with probability p.

    >>> RandomHorizontalFlip(p=1)(np.array([[1, 2, 3]], np.uint8), np.random.default_rng(0))
    array([[3, 2, 1]], dtype=uint8)
    """

    random = True

    def __init__(self, p=0.5):
        if not 0 <= p <= 1:
            raise ValueError(f"RandomHorizontalFlip: expected a probability p from 0 to 1, got {p}")
        self.p = p

    def __call__(self, image, rng):
        _check_image(image, "RandomHorizontalFlip")
        return image[:, ::-1] if rng.random() < self.p else image

    def __repr__(self):
        return f"RandomHorizontalFlip(p={self.p})"


def _height_and_width(name, size):
    pair = (size, size) if np.ndim(size) == 0 else tuple(size)
    if len(pair) != 2 or not all(isinstance(n, (int, np.integer)) and n > 0 for n in pair):
        raise ValueError(f"{name}: expected a size from 1, or (height, width), got {size!r}")
    return pair


def _check_image(image, name):
    """Told by the shape: on (C, H, W) a crop or a flip would work on the wrong axes without a word."""
    if image.ndim != 2 and not (image.ndim == 3 and image.shape[2] <= 4):
        raise ValueError(
            f"{name}: expected an image (H, W) or (H, W, C), got shape {image.shape}; put it before ToArray()"
        )
