"""What transforms ask of their settings and of the image, and windows that stick out of one."""

import numpy as np

from minidl.kernels.checks import is_whole


def height_and_width(name, size):
    """(height, width) of a size that is one number for both, or a pair."""
    pair = (size, size) if np.ndim(size) == 0 else tuple(size)
    if len(pair) != 2 or not all(is_whole(n) and n > 0 for n in pair):
        raise ValueError(f"{name}: expected a size from 1, or (height, width), got {size!r}")
    return pair


def interval(name, setting, values, least, above=False):
    """The pair (lowest, highest) of a setting, both finite and from `least` on, or above it."""
    pair = tuple(values) if np.ndim(values) == 1 else ()
    within = len(pair) == 2 and np.isfinite(pair).all() and least <= pair[0] <= pair[1]
    if not within or (above and pair[0] == least):
        limits = f"{'above' if above else 'from'} {least}"
        raise ValueError(f"{name}: {setting} must be (lowest, highest), finite and {limits}, got {values!r}")
    return pair


def check_image(image, name):
    """Told by the shape: on (C, H, W) a crop or a flip would work on the wrong axes without a word."""
    if not hasattr(image, "ndim"):
        raise TypeError(
            f"{name}: expected an image as an array (H, W) or (H, W, C), got {type(image).__name__}; np.array(image) "
            "makes one of Pillow's image"
        )
    if image.ndim != 2 and not (image.ndim == 3 and image.shape[2] <= 4):
        raise ValueError(
            f"{name}: expected an image (H, W) or (H, W, C), got shape {image.shape}; put it before ToArray()"
        )
    if 0 in image.shape[:2]:
        raise ValueError(f"{name}: expected an image with pixels, got shape {image.shape}")


def check_fits(name, size, image):
    """Raise a ValueError unless a window of size (height, width) fits into the image."""
    if size[0] > image.shape[0] or size[1] > image.shape[1]:
        raise ValueError(
            f"{name}: a crop of {size[0]} x {size[1]} does not fit into an image of shape {image.shape}; "
            "put Resize before it"
        )


def cut(image, top, left, height, width):
    """The window of an image that begins at (top, left); where it sticks out it is black.

    >>> cut(np.array([[1, 2], [3, 4]]), -1, 1, 3, 2)
    array([[0, 0],
           [2, 0],
           [4, 0]])
    """
    h, w = image.shape[:2]
    inside = image[max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    if 0 <= top <= h - height and 0 <= left <= w - width:
        return inside
    window = np.zeros((height, width, *image.shape[2:]), image.dtype)
    window[max(-top, 0) : h - top, max(-left, 0) : w - left][: len(inside), : inside.shape[1]] = inside
    return window
