"""PyTorch's own files (`.pth`, `.pt`), as torch.save writes them, read without PyTorch.

    since 1.6   a zip archive: NAME/data.pkl, a pickle, and NAME/data/0, NAME/data/1 ... the storages
    before      a magic number, a version, facts on the machine, the pickle, the list of storages, the storages; the
                first five are pickles one after the other, and each storage has its length in front

A storage is a run of values of one type; a tensor in the pickle says where in a storage it begins, and by how many
values each of its axes steps. Tensors may share a storage, and need not lie in C order in it.
"""

import io
import struct
import zipfile
import zlib
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .arrays import itemsize, map_file, stored_array
from .pickles import Name, make_dict, read_pickle

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
DTYPES = {
    "torch.FloatStorage": "f4", "torch.DoubleStorage": "f8", "torch.HalfStorage": "f2",
    "torch.BFloat16Storage": "bfloat16", "torch.LongStorage": "i8", "torch.IntStorage": "i4",
    "torch.ShortStorage": "i2", "torch.CharStorage": "i1", "torch.ByteStorage": "u1", "torch.BoolStorage": "?",
}  # fmt: skip
WRAPPERS = ("state_dict", "model_state_dict", "model", "net")  # under which training scripts keep the weights


class Storage(NamedTuple):
    """`count` values of a type, under a key by which the file finds them."""

    key: str
    dtype: str
    count: int


class View(NamedTuple):
    """The values [first, last) of a storage."""

    storage: Storage
    first: int
    last: int


class StoredTensor(NamedTuple):
    """Value [i, j, ...] is value number first + i strides[0] + j strides[1] + ... of the storage."""

    storage: Storage
    first: int
    shape: tuple
    strides: tuple


def read_pytorch(path, copy=True):
    """The weights in a file of torch.save by name; with copy=False views of the file where its types allow it.

    Views and tied weights share memory, as they do in PyTorch.
    """
    content = map_file(path)
    try:
        tensors, arrays = _read_zipped(path, content, copy) if content[:2] == b"PK" else _read_old(content, copy)
        return {name: _as_array(tensor, arrays[tensor.storage.key]) for name, tensor in tensors.items()}
    except Exception as error:  # what damaged bytes can do to a reader is without end
        reason = str(error) or type(error).__name__
        raise ValueError(f"{path} could not be read as PyTorch's weights: {reason}") from error


# ---- The two forms --------------------------------------------------------------------------------------------


def _read_zipped(path, content, copy):
    with zipfile.ZipFile(path) as archive:
        entries = {info.filename: info for info in archive.infolist()}
    pickles = [name for name in entries if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickles) != 1:
        raise ValueError(f"the archive has {len(pickles)} entries NAME/data.pkl, expected one")
    folder = pickles[0].removesuffix("data.pkl")
    if f"{folder}constants.pkl" in entries:
        raise ValueError("it is a program of TorchScript; torch.save(model.state_dict(), path) saves weights alone")

    def stored(name):
        if folder + name not in entries:
            raise ValueError(f"the archive has no entry {folder}{name}")
        return _stored_bytes(entries[folder + name], content)

    order = ">" if f"{folder}byteorder" in entries and stored("byteorder") == b"big" else "<"
    tensors, _ = _read_tensors(io.BytesIO(stored("data.pkl")))
    arrays, taken = {}, 0
    for key, dtype, count in {tensor.storage for tensor in tensors.values()}:
        data = stored(f"data/{key}")
        taken += len(data)
        if len(data) < count * itemsize(dtype) or taken > len(content):
            raise ValueError(f"storage {key} has {len(data)} bytes, which cannot be {count} values of type {dtype}")
        arrays[key] = stored_array(data, dtype, count, copy=copy, order=order)
    return tensors, arrays


def _stored_bytes(info, content):
    """The bytes of an entry of a zip archive as they lie in the file, with their checksum verified."""
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
        raise ValueError(f"{info.filename} is compressed or encrypted, which torch.save never does")
    name, extra = struct.unpack("<HH", content[info.header_offset + 26 : info.header_offset + 30])
    start = info.header_offset + 30 + name + extra
    data = memoryview(content)[start : start + info.file_size]
    if zlib.crc32(data) != info.CRC:
        raise ValueError(f"the checksum of {info.filename} is wrong: the file is damaged")
    return data


def _read_old(content, copy):
    if read_pickle(content) != MAGIC_NUMBER:
        raise ValueError("it does not begin with PyTorch's magic number")
    _version, _machine = read_pickle(content), read_pickle(content)
    tensors, storages = _read_tensors(content)
    wanted = {tensor.storage.key for tensor in tensors.values()}
    arrays, keys = {}, read_pickle(content)
    start = content.tell()
    for key in keys:
        if not isinstance(key, str) or key not in storages:
            raise ValueError("it lists a storage that no tensor has")
        _, dtype, count = storages[key]
        end = start + 8 + count * itemsize(dtype)
        if end > len(content):
            raise ValueError(f"it ends {end - len(content)} bytes before the end of storage {key}")
        if count != int.from_bytes(content[start : start + 8], "little"):
            raise ValueError(f"the length of storage {key} is not {count} as its tensors say")
        if key in wanted:
            arrays[key] = stored_array(content, dtype, count, start + 8, copy)
        start = end
    if wanted - arrays.keys():
        raise ValueError(f"it lacks {len(wanted - arrays.keys())} of its {len(wanted)} storages")
    return tensors, arrays


# ---- The pickle -----------------------------------------------------------------------------------------------


def _read_tensors(stream):
    """({name: StoredTensor}, {key: Storage}) of the pickle at the stream's position."""
    storages = {}

    def persistent_load(saved):
        kind, dtype, key, _device, count, *view = saved
        if kind != "storage" or not isinstance(dtype, Name) or dtype not in DTYPES or not isinstance(key, str):
            raise ValueError("it refers to something outside of the pickle that is no storage of a known type")
        storage = Storage(key, DTYPES[dtype], _natural(count))
        if storages.setdefault(key, storage) != storage:
            raise ValueError(f"storage {key} is of two types or sizes")
        if not view or view[0] is None:
            return View(storage, 0, count)
        _key, first, length = view[0]
        if _natural(first) + _natural(length) > count:
            raise ValueError(f"a view of storage {key} goes beyond its {count} values")
        return View(storage, first, first + length)

    return _weights_in(read_pickle(stream, FUNCTIONS, DTYPES, persistent_load)), storages


def _rebuild_tensor(view, offset, shape, strides, _requires_grad=False, _hooks=None, metadata=None):
    if not isinstance(view, View) or metadata or len(shape) != len(strides):
        raise ValueError("it describes a tensor in a way that is not known")
    first = view.first + _natural(offset)
    last = first + sum((_natural(n) - 1) * _natural(s) for n, s in zip(shape, strides, strict=True))
    if 0 not in shape and last >= view.last:
        raise ValueError(
            f"a tensor of shape {tuple(shape)}, strides {tuple(strides)} and offset {offset} goes beyond the "
            f"{view.last - view.first} values of its storage"
        )
    return StoredTensor(view.storage, first, tuple(shape), tuple(strides))


def _rebuild_parameter(tensor, _requires_grad, _hooks):
    return tensor


FUNCTIONS = {
    "collections.OrderedDict": make_dict,
    "torch._utils._rebuild_tensor": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
}


def _natural(number):
    if type(number) is not int or number < 0:
        found = number if type(number) is int else f"a {type(number).__name__}"
        raise ValueError(f"a size, stride or offset is {found}, expected a whole number from 0")
    return number


def _weights_in(content):
    """The weights in what was saved: itself, or what it holds under one of the usual names."""
    if isinstance(content, dict):
        content = next((content[name] for name in WRAPPERS if isinstance(content.get(name), dict)), content)
    named = isinstance(content, dict) and all(isinstance(name, str) for name in content)
    if named and all(isinstance(value, StoredTensor) for value in content.values()):
        return content
    raise ValueError(f"it holds {_describe(content)}, expected tensors by name, or a dict of them as {WRAPPERS[0]!r}")


def _describe(value):
    if isinstance(value, StoredTensor):
        return f"a tensor {value.shape}"
    if not isinstance(value, dict) or not value:
        return f"a {type(value).__name__}"
    others = {name: item for name, item in value.items() if not isinstance(item, StoredTensor)}
    listed = [f"{name!r} ({type(item).__name__})" for name, item in list(others.items())[:8]]
    listed += ["..."] if len(others) > 8 else []
    tensors = len(value) - len(others)
    return " ".join([f"a dict of {len(value)} entries,", f"{tensors} of them tensors," if tensors else "", *listed])


def _as_array(tensor, values):
    if 0 in tensor.shape:
        return np.zeros(tensor.shape, values.dtype)
    strides = [s * values.itemsize if n > 1 else 0 for n, s in zip(tensor.shape, tensor.strides, strict=True)]
    return as_strided(values[tensor.first :], tensor.shape, strides)
