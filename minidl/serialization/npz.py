"""`.npz`, NumPy's own format: a zip archive of arrays."""

import zipfile

import numpy as np

from .arrays import host_array, open_file
from .atomic import write_atomically


def save_npz(path, entries):
    """Write a flat dict of arrays, numbers and strings to `path`, atomically.

    Arrays on the GPU are brought to the CPU; views are written as contiguous copies.

    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "a.npz"
    >>> save_npz(path, {"w": np.eye(2, dtype="float32"), "epoch": 3, "note": "best"})
    >>> load_npz(path)["epoch"], load_npz(path)["note"]
    (3, 'best')
    """
    with write_atomically(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, value in entries.items():
            array = host_array(value)
            if array.dtype.kind not in "biufcU":
                kind = type(value).__name__
                raise TypeError(f"save_npz: entry {name!r} must be an array, a number or a string, got {kind}")
            # A fixed date, so that equal contents give equal files.
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            with archive.open(entry, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def load_npz(path):
    """Read what `save_npz` wrote: a dict of arrays; numbers and strings come back as Python's own.

    Nothing in the file is executed (no pickles), and its checksums are verified before anything is used.
    """
    return {name: array.item() if array.ndim == 0 else array for name, array in read_npz(path).items()}


def read_npz(path):
    """The arrays in an `.npz` file by name."""
    with open_file(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return {name.removesuffix(".npy"): _read_entry(archive, name) for name in archive.namelist()}
        except Exception as error:  # a damaged archive shows itself in a dozen ways
            reason = f"{path} is not a whole .npz file of arrays ({error}); was it cut short in a copy?"
            raise ValueError(reason) from error


def _read_entry(archive, name):
    with archive.open(name) as member:
        array = np.lib.format.read_array(member, allow_pickle=False)
        if member.read(1):  # at the end of an entry zipfile checks its checksum
            raise ValueError(f"{name} goes on after its array")
    return array
