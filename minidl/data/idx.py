"""The IDX format of MNIST and Fashion-MNIST.

Two zero bytes, a byte for the type (8: unsigned byte), a byte for the number of axes, each axis as four bytes
(big-endian), then the values, the last axis fastest.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

BLOCK = 1 << 20


def read_idx(path, shape):
    """The uint8 array in an IDX file, gzipped or not; anything but a whole and correct file raises a ValueError.

    shape: the expected shape, with None for any length: (None, 28, 28).
    """
    path = Path(path)
    with open(path, "rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        try:
            with gzip.open(raw) if packed else raw as stream:
                return _read(stream, path, shape)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"{path}: the gzip data is cut off or damaged ({error}); fetch the file again") from error


def _read(stream, path, shape):
    axes = len(shape)
    magic = struct.pack(">HBB", 0, 8, axes)
    header = stream.read(4 + 4 * axes)
    if header[:4] != magic:
        raise ValueError(
            f"{path}: not an IDX file of bytes with {axes} axes: expected it to begin with {magic.hex(' ')}, "
            f"got {header[:4].hex(' ') or 'an empty file'}"
        )
    if len(header) < 4 + 4 * axes:
        raise ValueError(f"{path}: cut off in the header: expected {4 + 4 * axes} bytes, got {len(header)}")
    found = struct.unpack(f">{axes}I", header[4:])
    if any(want is not None and want != have for want, have in zip(shape, found, strict=True)):
        raise ValueError(f"{path}: expected an array of shape {_text(shape)}, the header says {_text(found)}")
    count = math.prod(found)
    values = bytearray()  # grows with what really comes, not with what a damaged header promises
    while len(values) <= count and (block := stream.read(min(BLOCK, count + 1 - len(values)))):
        values += block
    if len(values) != count:
        came = f"only {len(values)}" if len(values) < count else "more"
        raise ValueError(f"{path}: expected {count} values after the header ({_text(found)}), the file holds {came}")
    return np.frombuffer(values, np.uint8).reshape(found)


def _text(shape):
    return " x ".join("any" if n is None else str(n) for n in shape)
