"""Arrays as they lie in files: brought over to be written, and in this machine's types when they are read."""

import mmap

import numpy as np

from minidl.backend import to_device


def host_array(value):
    """What a file can hold, as an array in C order on the CPU."""
    array = to_device(value, "cpu") if hasattr(value, "__cuda_array_interface__") else np.asarray(value)
    # ascontiguousarray would turn a scalar into a vector of one.
    return array if array.ndim == 0 else np.ascontiguousarray(array)


def open_file(path):
    """The file, opened for reading bytes."""
    try:
        return open(path, "rb")
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path}") from None


def map_file(path):
    """The bytes of a file as a read-only mmap: none of them is read before it is used."""
    with open_file(path) as file:
        try:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:
            raise ValueError(f"{path} is empty") from None


def itemsize(dtype):
    """The bytes that a value takes in a file."""
    return 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize


def stored_array(content, dtype, count, start=0, copy=True, order="<"):
    """`count` values that lie at byte `start` of some content: a copy of them, or a view with copy=False.

    Half precision ("f2", and "bfloat16", the upper half of a float32) becomes float32, in which minidl computes, and
    bytes in the other order are turned round: these are copies in any case.

    >>> stored_array(bytes([0x80, 0x3F]), "bfloat16", 1)
    array([1.], dtype=float32)
    """
    code = "u2" if dtype == "bfloat16" else dtype
    array = np.frombuffer(content, order + code, count, start)
    if dtype == "bfloat16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    return native_array(array, copy)


def native_array(array, copy=False):
    """The array in this machine's byte order, half precision as float32."""
    native = np.dtype(np.float32) if array.dtype.newbyteorder("=") == np.float16 else array.dtype.newbyteorder("=")
    return array.astype(native, copy=copy)
