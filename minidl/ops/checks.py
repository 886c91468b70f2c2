"""Checks that several ops make of their input."""

from minidl import backend


def check_floating(op, x, **others):
    """Raise unless x is floating-point: pixels of bytes would be computed with, 0 to 255, without a word.

    others: more arrays, by their names (None is passed over), that must be so too, and on the device of x.
    """
    backend.get_array_module(x, *others.values())
    if x.dtype.kind != "f":
        hint = "is ToArray() missing in the transform?" if x.dtype == "uint8" else "convert it, x.astype(np.float32)"
        raise TypeError(f"{op}: x must be floating-point, got {x.dtype}; {hint}")
    for name, array in others.items():
        if array is not None and array.dtype.kind != "f":
            raise TypeError(f"{op}: {name} must be floating-point as x is, got {array.dtype}")


def check_images(op, x):
    """Raise unless x is a batch of images (it may be empty) of at least one pixel, in floating-point numbers."""
    if x.ndim != 4 or min(x.shape[2:]) < 1:
        hint = " One image is a batch of one: x[None]." if x.ndim == 3 else ""
        raise ValueError(f"{op}: expected images (N, C, H, W) of at least one pixel, got shape {x.shape}.{hint}")
    check_floating(op, x)
