"""A check that several ops make of their input."""


def check_floating(op, x):
    """Raise unless x is floating-point: pixels of bytes would be computed with, 0 to 255, without a word."""
    if x.dtype.kind != "f":
        raise TypeError(f"{op}: x must be floating-point, got {x.dtype}; is ToArray() missing in the transform?")
