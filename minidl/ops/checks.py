"""Checks that several ops make of their input."""


def check_floating(op, x):
    """Raise unless x is floating-point: pixels of bytes would be computed with, 0 to 255, without a word."""
    if x.dtype.kind != "f":
        raise TypeError(f"{op}: x must be floating-point, got {x.dtype}; is ToArray() missing in the transform?")


def check_images(op, x):
    """Raise unless x is a batch of images (it may be empty) of at least one pixel, in floating-point numbers."""
    if x.ndim != 4 or min(x.shape[2:]) < 1:
        hint = " One image is a batch of one: x[None]." if x.ndim == 3 else ""
        raise ValueError(f"{op}: expected images (N, C, H, W) of at least one pixel, got shape {x.shape}.{hint}")
    check_floating(op, x)
