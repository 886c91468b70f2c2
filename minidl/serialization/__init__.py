"""Arrays to files and back: `.npz`, `.safetensors`, and PyTorch's files, which are read without PyTorch."""

from .atomic import write_atomically
from .npz import load_npz, save_npz
from .weights import load, load_weights, save

__all__ = ["load", "load_npz", "load_weights", "save", "save_npz", "write_atomically"]
