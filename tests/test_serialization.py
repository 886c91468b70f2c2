"""Files: what goes in comes out, and a failure leaves the old file whole."""

import errno
import os
import zipfile

import numpy as np
import pytest

from minidl import nn, serialization


def test_arrays_numbers_and_strings_come_back(tmp_path):
    image_order = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4).transpose(3, 1, 0, 2)
    entries = {
        "w": image_order[::2], "file": np.array([1, 2]), "empty": np.zeros((0, 3)), "flag": True,
        "epoch": 3, "lr": 0.1, "note": "größer", "layer1.0/weight": np.float64([[np.pi]]),
    }  # fmt: skip
    serialization.save_npz(tmp_path / "a.npz", entries)
    back = serialization.load_npz(tmp_path / "a.npz")
    assert list(back) == list(entries)
    for name, value in entries.items():
        assert np.array_equal(back[name], value), name
    assert back["w"].dtype == np.float32 and back["w"].flags.c_contiguous
    assert [type(back[name]) for name in ("flag", "epoch", "lr", "note")] == [bool, int, float, str]
    assert np.array_equal(np.load(tmp_path / "a.npz")["w"], entries["w"])  # NumPy reads it too


def test_equal_contents_give_equal_files(tmp_path):
    for name in ("a", "b"):
        serialization.save_npz(tmp_path / name, {"w": np.ones(3), "n": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_weights_of_a_model(tmp_path):
    def make():
        return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(4, 3))

    one, other = make(), make()
    serialization.save(one, tmp_path / "w.npz")
    serialization.load(other, tmp_path / "w.npz")
    assert one.state_dict().keys() == other.state_dict().keys()
    for name, array in one.state_dict().items():
        assert np.array_equal(array, other.state_dict()[name]), name
    with pytest.raises(ValueError, match=r"(?s)w\.npz: .* do not fit Linear.*0\.weight"):
        serialization.load(nn.Linear(4, 3), tmp_path / "w.npz")


class OnGpu:
    """As much of a CuPy array as saving may use: its copy on the CPU, asked for by name."""

    __cuda_array_interface__ = {}

    def __array__(self, *_):
        raise TypeError("implicit conversion to a NumPy array is not allowed")

    def get(self):
        return np.float32([1, 2])


def test_arrays_on_the_gpu_are_brought_over(tmp_path):
    serialization.save_npz(tmp_path / "a.npz", {"w": OnGpu()})
    assert serialization.load_npz(tmp_path / "a.npz")["w"].tolist() == [1, 2]


@pytest.mark.parametrize("value", [None, np.array([None]), {"a": 1}, object()])
def test_other_objects_are_refused_by_name(tmp_path, value):
    with pytest.raises(TypeError, match="entry 'x' must be"):
        serialization.save_npz(tmp_path / "a.npz", {"x": value})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [0, 3, 100, -1, -30])
def test_a_truncated_file_is_named(tmp_path, size):
    path = tmp_path / "cut.npz"
    serialization.save_npz(path, {"w": np.ones((20, 20)), "b": np.ones(3)})
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match=r"cut\.npz is not a whole \.npz file"):
        serialization.load_npz(path)


def test_every_damaged_byte_is_noticed_or_harmless(tmp_path):
    path = tmp_path / "bad.npz"
    serialization.save_npz(path, {"w": np.arange(5.0)})
    whole = path.read_bytes()
    noticed = 0
    for i in range(0, len(whole), 3):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 0x41]) + whole[i + 1 :])
        try:
            back = serialization.load_npz(path)
        except ValueError as error:
            noticed += "bad.npz" in str(error)
        else:  # the damage is in a name, a date or an attribute of the archive
            assert all(np.array_equal(array, np.arange(5.0)) for array in back.values())
    assert noticed > len(whole) // 6


def test_foreign_files_are_refused_and_nothing_is_unpickled(tmp_path):
    text, pickled = tmp_path / "text.npz", tmp_path / "pickled.npz"
    text.write_text("epoch,loss\n")
    np.savez(pickled, x=np.array([print], dtype=object), allow_pickle=True)
    for path in (text, pickled):
        with pytest.raises(ValueError, match=path.name):
            serialization.load_npz(path)
    with zipfile.ZipFile(tmp_path / "other.npz", "w") as archive:
        archive.writestr("readme.txt", "no array")
    with pytest.raises(ValueError, match=r"other\.npz"):
        serialization.load_npz(tmp_path / "other.npz")
    with pytest.raises(FileNotFoundError, match=r"there is no file .*none\.npz"):
        serialization.load_npz(tmp_path / "none.npz")


class FullDisk:
    """A file that runs out of room after some bytes."""

    def __init__(self, file, room, error):
        self.file, self.room, self.error = file, room, error

    def write(self, content):
        self.room -= len(content)
        if self.room < 0:
            raise self.error
        return self.file.write(content)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.mark.parametrize("room", [0, 500, 4000])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_full_disk_or_ctrl_c_leaves_the_old_file(tmp_path, monkeypatch, room, error):
    path = tmp_path / "a.npz"
    serialization.save_npz(path, {"w": np.ones(3)})
    before = path.read_bytes()
    monkeypatch.setattr("builtins.open", lambda *args, open=open, **kw: FullDisk(open(*args, **kw), room, error))
    with pytest.raises(type(error)) as caught:
        serialization.save_npz(path, {"w": np.ones(1000)})
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.npz"]
    if isinstance(error, OSError):
        assert caught.value.errno == errno.ENOSPC
        assert "could not write" in str(caught.value) and "No space left on device" in str(caught.value)
        assert "a.npz" in str(caught.value) and "is whole" in str(caught.value)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"could not write .*nowhere"):
        serialization.save_npz(tmp_path / "nowhere" / "a.npz", {"w": np.ones(3)})
