"""Starting a CUDA kernel: one thread for each number of the result, which it computes alone.

The sources are the .cu files beside this one, in plain CUDA C for one type of number, `real`. CuPy compiles them at
their first use. No two threads write to one place: a gradient is gathered by the place that receives it, not added up
by those that send it. So there are no atomic additions, whose order, and with it the last bits, would change.

Images lie in memory as planes: (H, W) in one piece, images and channels at any distance. That admits PyTorch's order
(N, C, H, W) and the order in which a matrix product gives a convolution, (C, N, H, W).
"""

from functools import cache
from pathlib import Path

import numpy as np

from minidl import backend

THREADS = 256  # of a block; a power of two, for the sums in channels.cu
NAMES = {"float32": "float", "float64": "double"}


def for_each(file, kernel, count, *arguments):
    """Run a kernel with one thread for each of `count` numbers.

    A Python int becomes an int, a float a real, an np.int64 a long long; images are passed as *planes(x).
    """
    for_each_block(file, kernel, -(-count // THREADS), *arguments)


def for_each_block(file, kernel, blocks, *arguments):
    """Run a kernel with so many blocks of THREADS threads."""
    if not blocks:  # a launch without threads is an error
        return
    arrays = [a for a in arguments if hasattr(a, "__cuda_array_interface__")]
    real = next((a.dtype for a in arrays if a.dtype.kind == "f"), np.dtype(np.float32))
    if any(a.dtype != real for a in arrays if a.dtype.kind == "f"):
        raise TypeError(f"{kernel}: arrays must be of one type, got {', '.join(a.dtype.name for a in arrays)}")
    types = {int: np.int32, bool: np.int32, float: real.type}
    arguments = tuple(types[type(a)](a) if type(a) in types else a for a in arguments)
    with arrays[0].device:
        _compiled(backend.get_array_module(arrays[0]), file, kernel, real.name)((blocks,), (THREADS,), arguments)


@cache
def _compiled(xp, file, kernel, real):
    return xp.RawKernel(source(file, real), kernel)


def source(file, real):
    """The text of a .cu file, for a type of number, "float32" or "float64"."""
    shared, own = (Path(__file__).with_name(name).read_text() for name in ("common.cuh", f"{file}.cu"))
    return f"typedef {NAMES[real]} real;\n#define THREADS {THREADS}\n{shared}\n{own}"


def planes(x):
    """x (N, C, H, W) as kernels take images: an array whose planes lie in one piece, and the two other strides."""
    h, w = x.shape[2:]
    if x.strides[2:] != (w * x.itemsize, x.itemsize):
        x = backend.get_array_module(x).ascontiguousarray(x)
    return x, *(np.int64(stride // x.itemsize) for stride in x.strides[:2])


def new_planes(like, shape, dtype=None):
    """An array for images of the shape (N, C, H, W), in the memory order (C, N, H, W)."""
    n, c, h, w = shape
    xp = backend.get_array_module(like)
    return xp.empty((c, n, h, w), like.dtype if dtype is None else dtype).swapaxes(0, 1)
