"""Weights in files of every kind, told apart by their content."""

import zipfile
from pathlib import Path

from .arrays import native_array, open_file
from .npz import read_npz, save_npz
from .pytorch import read_pytorch
from .safetensors import read_safetensors, save_safetensors

PYTORCH_MAGIC = bytes.fromhex("6cfc9c46f9206aa85019")  # in the first pickle of PyTorch's old files
WRITERS = {".npz": save_npz, ".safetensors": save_safetensors}


def save(model, path):
    """Write the weights and buffers of a module, by their names in its `state_dict`, to a .npz or .safetensors file."""
    write = WRITERS.get(Path(path).suffix)
    if write is None:
        raise ValueError(f"save writes .npz and .safetensors, told apart by the name's end; got {path}")
    write(path, model.state_dict())


def load(model, path):
    """Read weights written by `save` into a module of the same architecture."""
    weights = load_weights(path, copy=False)
    try:
        model.load_state_dict(weights)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def load_weights(path, copy=True):
    """The weights in a file as {name: array}: PyTorch's (.pth, .pt, zipped and old), .safetensors or .npz.

    What a file is shows in its content; its name does not matter. Nothing in it is executed. Half precision becomes
    float32; a training script's wrapping ({"state_dict": ...}, "module." in front of all names) is taken off.
    copy=False gives read-only views of the file where its types allow it, for weights that are copied on anyway.

    Raises a ValueError that names the file and what is wrong with it.
    """
    weights = _reader(path)(path, copy)
    if weights and all(name.startswith("module.") for name in weights):  # as DataParallel leaves them
        weights = {name.removeprefix("module."): array for name, array in weights.items()}
    return weights


def _reader(path):
    with open_file(path) as file:
        start = file.read(264)
        if start[:2] == b"PK":
            return _reader_of_archive(path, file)
    if PYTORCH_MAGIC in start[:64]:
        return read_pytorch
    if start[8:9] == b"{":
        return read_safetensors
    found = f"begins with {start[:12]!r}" if start else "is empty"
    if start[257:262] == b"ustar":
        found = "is a tar archive, as PyTorch wrote them before 2017: load it there and save it again"
    elif start[:1] == b"\x80":
        found = "is a pickle, but not one of torch.save; nothing of it was run"
    raise ValueError(f"{path} {found}; expected weights as .pth, .safetensors or .npz")


def _reader_of_archive(path, file):
    try:
        with zipfile.ZipFile(file) as archive:
            from_pytorch = any(name.endswith("data.pkl") for name in archive.namelist())
    except Exception as error:  # a damaged archive shows itself in a dozen ways
        reason = f"{path} is not a whole .npz file, nor one of PyTorch's ({error}); was it cut short in a copy?"
        raise ValueError(reason) from error
    return read_pytorch if from_pytorch else _read_npz


def _read_npz(path, copy):
    return {name: native_array(array) for name, array in read_npz(path).items()}
