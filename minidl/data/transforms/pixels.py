"""From pixels to what a network takes: float32 (C, H, W) around zero."""

import numpy as np

from .compose import Transform


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
        _check_floats(image, "Normalize")
        channels = len(self.mean)
        if image.ndim < 3 or image.shape[-3] != channels:
            raise ValueError(f"Normalize: expected (C, H, W) with {channels} channels, got shape {image.shape}")
        out = image - self.mean.astype(image.dtype)
        out /= self.std.astype(image.dtype)
        return out

    def __repr__(self):
        return f"Normalize(mean={self.mean.ravel().tolist()}, std={self.std.ravel().tolist()})"


class SubtractMean(Transform):
    """image - mean, on (C, H, W) floats: the mean image of the training data (C, H, W), or one number a channel (C,).

    `data.mean_image` and `data.channel_statistics` find them.

    >>> SubtractMean(np.array([[[0.25, 0.75]]]))(np.ones((1, 1, 2), np.float32))
    array([[[0.75, 0.25]]], dtype=float32)
    """

    batched = True

    def __init__(self, mean):
        self.mean = np.atleast_1d(np.asarray(mean, np.float64))
        if self.mean.ndim not in (1, 3):
            raise ValueError(
                f"SubtractMean: expected a mean image (C, H, W) or one mean a channel (C,), got shape {self.mean.shape}"
            )

    def __call__(self, image):
        _check_floats(image, "SubtractMean")
        mean = self.mean.reshape(-1, 1, 1) if self.mean.ndim == 1 else self.mean
        sizes = image.shape[-3:] if self.mean.ndim == 3 else image.shape[-3:-2]
        if image.ndim < 3 or sizes != self.mean.shape:
            raise ValueError(
                f"SubtractMean: the mean has shape {self.mean.shape} but the image {image.shape}; "
                "crop or resize images to the size of the mean, or subtract one mean a channel"
            )
        return image - mean.astype(image.dtype)

    def __repr__(self):
        return f"SubtractMean(mean of shape {self.mean.shape})"


def _check_floats(image, name):
    if getattr(image, "dtype", np.dtype(object)).kind != "f":
        raise TypeError(
            f"{name}: expected a floating-point array, got {getattr(image, 'dtype', type(image).__name__)}; "
            "put ToArray() before it"
        )
