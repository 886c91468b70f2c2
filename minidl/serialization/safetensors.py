"""safetensors: a JSON header that says where each array lies, then the arrays (github.com/huggingface/safetensors).

    8 bytes   the length of the header, little-endian
    header    {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {...}}
    data      the arrays in C order, one after the other, without gaps

Nothing in such a file can be executed; what it says of itself is checked in full all the same.
"""

import json
import math

import numpy as np

from minidl.version import __version__

from .arrays import host_array, itemsize, map_file, stored_array
from .atomic import write_atomically

LONGEST_HEADER = 100_000_000  # bytes, as in the reference implementation
# In the reference's order, by which it lays out the data: the widest type first keeps every array aligned.
DTYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "I16": "i2", "U16": "u2", "F16": "f2", "BF16": "bfloat16",
    "I32": "i4", "U32": "u4", "F32": "f4", "F64": "f8", "I64": "i8", "U64": "u8",
}  # fmt: skip
NAMES = {np.dtype(code): name for name, code in DTYPES.items() if name != "BF16"}
ORDER = list(DTYPES)


def save_safetensors(path, entries):
    """Write a flat dict of arrays to `path`, atomically; views and arrays on the GPU as contiguous copies."""
    names = {}
    for name, value in entries.items():
        dtype = np.dtype(getattr(value, "dtype", object)).newbyteorder("=")
        if dtype not in NAMES or name == "__metadata__":
            kind = dtype if dtype.kind != "O" else type(value).__name__
            raise TypeError(f"save_safetensors: entry {name!r} must be an array of numbers, got {kind}")
        names[name] = NAMES[dtype]
    header, end = {"__metadata__": {"format": "pt", "producer": f"minidl {__version__}"}}, 0
    order = sorted(entries, key=lambda name: (-ORDER.index(names[name]), name))
    for name in order:
        start, end = end, end + entries[name].nbytes
        header[name] = {"dtype": names[name], "shape": list(entries[name].shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with write_atomically(path) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in order:
            array = host_array(entries[name])
            file.write(array.astype(array.dtype.newbyteorder("<"), copy=False).data)


def read_safetensors(path, copy=True):
    """The arrays in a `.safetensors` file by name; with copy=False views of the file where its types allow it."""
    content = map_file(path)
    try:
        header, start = _read_header(content)
        return {
            name: stored_array(content, DTYPES[dtype], math.prod(shape), start + first, copy).reshape(shape)
            for name, (dtype, shape, first) in header.items()
        }
    except Exception as error:  # a damaged header shows itself in a dozen ways
        raise ValueError(f"{path} is not a whole .safetensors file: {error}") from error


def _read_header(content):
    """({name: (dtype, shape, first byte)}, where the data begin), checked."""
    length = int.from_bytes(content[:8], "little")
    if length > LONGEST_HEADER or length > len(content) - 8:
        raise ValueError(f"its header should have {length} bytes, and the file has {len(content)}")
    header = json.loads(content[8 : 8 + length].decode(), object_pairs_hook=_without_duplicates)
    if not isinstance(header, dict):
        raise ValueError(f"its header is a {type(header).__name__}, not a table of arrays")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("its __metadata__ is not a table of texts")
    entries = {name: _check_entry(name, entry) for name, entry in header.items()}
    end = 0
    for name, (dtype, shape, first, last) in sorted(entries.items(), key=lambda item: item[1][2:]):
        size = math.prod(shape) * itemsize(DTYPES[dtype])
        if first != end:
            raise ValueError(f"{name} begins at byte {first} of the data, the array before it ends at {end}")
        if last - first != size:
            raise ValueError(f"{name} has {last - first} bytes, and {dtype} of shape {shape} takes {size}")
        end = last
    if end != len(content) - 8 - length:
        raise ValueError(f"its arrays take {end} bytes, and {len(content) - 8 - length} follow the header")
    return {name: (dtype, shape, first) for name, (dtype, shape, first, _) in entries.items()}, 8 + length


def _check_entry(name, entry):
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{name} should have dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if dtype not in ORDER:
        raise ValueError(f"{name} is of type {dtype!r}; known are {', '.join(ORDER)}")
    for numbers in (shape, offsets):
        if not isinstance(numbers, list) or len(numbers) > 64 or not all(type(n) is int and n >= 0 for n in numbers):
            raise ValueError(f"{name}: shape and data_offsets should be lists of whole numbers, of 64 at most")
    if len(offsets) != 2:
        raise ValueError(f"{name} should have two data_offsets, got {len(offsets)}")
    return dtype, tuple(shape), *offsets


def _without_duplicates(pairs):
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("its header gives a name twice")
    return table
