"""Arrays to files and back: `.npz`, NumPy's own format, written all or not at all.

Every file is written beside its final place under another name and moved there in one step: whatever happens, a
full disk or Ctrl-C among them, either the old file or the new one is there, whole.
"""

import errno
import io
import os
import secrets
import zipfile
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from minidl.backend import to_device


def save(model, path):
    """Write the weights and buffers of a module to an `.npz` file, under the names of its `state_dict`."""
    save_npz(path, model.state_dict())


def load(model, path):
    """Read weights written by `save` into a module of the same architecture."""
    entries = load_npz(path)
    try:
        model.load_state_dict({name: np.asarray(value) for name, value in entries.items()})
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def save_npz(path, entries):
    """Write a flat dict of arrays, numbers and strings to `path`, atomically.

    Arrays on the GPU are brought to the CPU; views are written as contiguous copies.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.npz"
    >>> save_npz(path, {"w": np.eye(2, dtype="float32"), "epoch": 3, "note": "best"})
    >>> load_npz(path)["epoch"], load_npz(path)["note"]
    (3, 'best')
    """
    arrays = {name: _host_array(name, value) for name, value in entries.items()}
    with write_atomically(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, array in arrays.items():
            # A fixed date, so that equal contents give equal files.
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            with archive.open(entry, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def load_npz(path):
    """Read what `save_npz` wrote: a dict of arrays; numbers and strings come back as Python's own.

    Nothing in the file is executed (no pickles), and its checksums are verified before anything is used.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path}") from None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name.removesuffix(".npy"): _parse(archive.read(name)) for name in archive.namelist()}
    except Exception as error:  # a damaged archive shows itself in a dozen ways
        raise ValueError(f"{path} is not a whole .npz file of arrays ({error}); was it cut short in a copy?") from error


@contextmanager
def write_atomically(path):
    """Open a binary file that takes the place of `path` only when it has been written to the end.

    On any failure, a full disk or Ctrl-C among them, the half-written file is removed and `path` is as it was.
    """
    path = Path(path)
    path = path.resolve() if path.is_symlink() else path  # a link stays a link
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, f"could not write {path}: it is no ordinary file")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        reason = error.strerror or error
        kept = "the file that was there before is whole" if path.is_file() else "nothing was left behind"
        raise type(error)(error.errno, f"could not write {path}: {reason}; {kept}") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def _host_array(name, value):
    array = to_device(value, "cpu") if hasattr(value, "__cuda_array_interface__") else np.asarray(value)
    if array.dtype.kind not in "biufcU":
        raise TypeError(f"save_npz: entry {name!r} must be an array, a number or a string, got {type(value).__name__}")
    # ascontiguousarray would turn a scalar into a vector of one.
    return array if array.ndim == 0 else np.ascontiguousarray(array)


def _parse(content):
    array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    return array.item() if array.ndim == 0 else array
