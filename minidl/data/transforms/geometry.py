"""Other sizes, other places, mirrored: what moves the pixels of an image."""

import math

import numpy as np

from ..images import INTERPOLATIONS, resize
from .checks import check_image, cut, height_and_width, interval
from .compose import Transform


class Resize(Transform):
    """Resample an image: its shorter side to `size`, keeping its shape, or to size = (height, width).

    interpolation: "nearest", "bilinear" or "bicubic", by Pillow.

    >>> Resize(256)(np.zeros((100, 200, 3), np.uint8)).shape, Resize((8, 8))(np.zeros((100, 200), np.uint8)).shape
    ((256, 512, 3), (8, 8))
    """

    def __init__(self, size, interpolation="bilinear"):
        both = height_and_width("Resize", size)
        self.size, self.interpolation = size if np.ndim(size) == 0 else both, interpolation
        _check_interpolation("Resize", interpolation)

    def __call__(self, image):
        check_image(image, "Resize")
        size = _shorter_side(image, self.size) if np.ndim(self.size) == 0 else self.size
        return resize(image, size, self.interpolation)

    def __repr__(self):
        return f"Resize({self.size}, {self.interpolation!r})"


class RandomResize(Transform):
    """Resample an image to a random size: its shorter side to `shortest` .. `longest` pixels, each equally likely.

    With RandomCrop(224, padding=0) after it, the training of VGG (256 to 512) and of ResNet (256 to 480).
    Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, 2015, section 3.1.

    >>> RandomResize(8, 8)(np.zeros((10, 20, 3), np.uint8), np.random.default_rng(0)).shape
    (8, 16, 3)
    """

    random = True

    def __init__(self, shortest, longest, interpolation="bilinear"):
        _check_interpolation("RandomResize", interpolation)
        (self.shortest, _), (self.longest, _) = (height_and_width("RandomResize", n) for n in (shortest, longest))
        interval("RandomResize", "the shorter side", (shortest, longest), 1)
        self.interpolation = interpolation

    def __call__(self, image, rng):
        check_image(image, "RandomResize")
        shorter = self.shortest + int(rng.random() * (self.longest - self.shortest + 1))
        return resize(image, _shorter_side(image, shorter), self.interpolation)

    def __repr__(self):
        return f"RandomResize({self.shortest}, {self.longest}, {self.interpolation!r})"


class RandomResizedCrop(Transform):
    """A window of random area and shape, anywhere in the image, resampled to `size`.

    scale: its area as a part of the image's. ratio: width / height, drawn on a logarithmic scale. Drawn again, up to
    ten times, while the window does not fit; then it is the middle of the image, as large as `ratio` allows.
    Szegedy et al., Going Deeper with Convolutions, 2015, section 6.

    >>> RandomResizedCrop(224)(np.zeros((300, 400, 3), np.uint8), np.random.default_rng(0)).shape
    (224, 224, 3)
    """

    random = True

    def __init__(self, size, scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3), interpolation="bilinear"):
        self.size = height_and_width("RandomResizedCrop", size)
        self.scale = interval("RandomResizedCrop", "scale", scale, 0, above=True)
        self.ratio = interval("RandomResizedCrop", "ratio", ratio, 0, above=True)
        _check_interpolation("RandomResizedCrop", interpolation)
        self.interpolation = interpolation

    def window(self, shape, rng):
        """The window (top, left, height, width) that is cut out of an image of this shape."""
        h, w = shape[:2]
        for _ in range(10):
            area = h * w * rng.uniform(*self.scale)
            ratio = math.exp(rng.uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
            height, width = round(math.sqrt(area / ratio)), round(math.sqrt(area * ratio))
            if 0 < height <= h and 0 < width <= w:
                top, left = int(rng.random() * (h - height + 1)), int(rng.random() * (w - width + 1))
                return top, left, height, width
        height = min(h, max(1, round(w / self.ratio[0])))
        width = min(w, max(1, round(h * self.ratio[1])))
        return (h - height) // 2, (w - width) // 2, height, width

    def __call__(self, image, rng):
        check_image(image, "RandomResizedCrop")
        return resize(cut(image, *self.window(image.shape, rng)), self.size, self.interpolation)

    def __repr__(self):
        return f"RandomResizedCrop({self.size}, scale={self.scale}, ratio={self.ratio}, {self.interpolation!r})"


class RandomScaleTranslate(Transform):
    """Enlarge or shrink an image, and shift it, each by up to a part of its size; what comes into sight is black.

    The result has the size of the image: it is the window of height H / s and width W / s whose centre lies (dy, dx)
    from the image's, resampled; s from 1 - scale to 1 + scale, dy up to translate * H, dx up to translate * W.
    Redmon et al., You Only Look Once, 2016, section 2.2.

    >>> RandomScaleTranslate()(np.zeros((30, 40, 3), np.uint8), np.random.default_rng(0)).shape
    (30, 40, 3)
    """

    random = True

    def __init__(self, scale=0.2, translate=0.2, interpolation="bilinear"):
        if not (0 <= scale < 1 and 0 <= translate <= 1):
            raise ValueError(
                f"RandomScaleTranslate: expected scale from 0 and below 1 and translate from 0 to 1, "
                f"got {scale} and {translate}"
            )
        _check_interpolation("RandomScaleTranslate", interpolation)
        self.scale, self.translate, self.interpolation = scale, translate, interpolation

    def window(self, shape, rng):
        """The window (top, left, height, width) that is shown of an image of this shape.

        A point (x, y) of the image is shown at ((x - left) * W / width, (y - top) * H / height).
        """
        h, w = shape[:2]
        s = rng.uniform(1 - self.scale, 1 + self.scale)
        dy, dx = (n * rng.uniform(-self.translate, self.translate) for n in (h, w))
        height, width = max(1, round(h / s)), max(1, round(w / s))
        return round((h - height) / 2 + dy), round((w - width) / 2 + dx), height, width

    def __call__(self, image, rng):
        check_image(image, "RandomScaleTranslate")
        window = cut(image, *self.window(image.shape, rng))
        return resize(window, image.shape[:2], self.interpolation)

    def __repr__(self):
        return f"RandomScaleTranslate(scale={self.scale}, translate={self.translate}, {self.interpolation!r})"


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
        check_image(image, "RandomHorizontalFlip")
        return image[:, ::-1] if rng.random() < self.p else image

    def __repr__(self):
        return f"RandomHorizontalFlip(p={self.p})"


def _shorter_side(image, size):
    shorter = min(image.shape[:2])
    return tuple(size * n // shorter for n in image.shape[:2])


def _check_interpolation(name, interpolation):
    if interpolation not in INTERPOLATIONS:
        raise ValueError(f"{name}: interpolation must be one of {', '.join(INTERPOLATIONS)}, got {interpolation!r}")
