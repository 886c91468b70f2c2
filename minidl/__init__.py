"""minidl: a deep learning framework for computer vision courses, from scratch on NumPy and CuPy."""

from minidl import functional, nn, optim
from minidl.autograd import Op, Tensor, concatenate, no_grad, stack
from minidl.backend import get_num_threads, set_num_threads
from minidl.creation import ones, rand, randn, tensor, zeros
from minidl.models import load_pretrained
from minidl.ops.pointwise import where
from minidl.random import manual_seed
from minidl.version import __version__

__all__ = [
    "Op", "Tensor", "concatenate", "functional", "get_num_threads", "load_pretrained", "manual_seed", "nn", "no_grad",
    "ones", "optim", "rand", "randn", "set_num_threads", "stack", "tensor", "where", "zeros", "__version__",
]  # fmt: skip
