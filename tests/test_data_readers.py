"""The readers, on small files in the official formats and (with MINIDL_DATA) on the real ones."""

import gzip
import os
import pickle
import shutil
import struct
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from minidl import data
from minidl.data import CIFAR10, CIFAR100, MNIST, FashionMini, FashionMNIST
from minidl.data.fashion_mini import build, first_of_each_class
from minidl.data.mnist import MEMBERS

REAL = Path(os.environ.get("MINIDL_DATA", "/nonexistent"))


def needs(folder):
    return pytest.mark.skipif(not (REAL / folder).is_dir(), reason=f"needs MINIDL_DATA with {folder}")


# ---- IDX ------------------------------------------------------------------------------------------------------


def idx_bytes(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def digits():
    rng = np.random.default_rng(0)
    return {
        "train": (rng.integers(0, 256, (20, 28, 28), np.uint8), rng.integers(0, 10, 20).astype(np.uint8)),
        "t10k": (rng.integers(0, 256, (10, 28, 28), np.uint8), rng.integers(0, 10, 10).astype(np.uint8)),
    }


@pytest.fixture
def mnist_root(tmp_path, digits):
    write_mnist(tmp_path / "mnist", digits)
    return tmp_path


def write_mnist(folder, digits, compress=True):
    folder.mkdir()
    for name in MEMBERS:
        images, labels = digits[name.split("-")[0]]
        raw = idx_bytes(images if "images" in name else labels)
        (folder / (name if compress else name[:-3])).write_bytes(gzip.compress(raw) if compress else raw)


@pytest.mark.parametrize("train, part", [(True, "train"), (False, "t10k")])
@pytest.mark.parametrize("compress", [True, False])
def test_mnist_reads_what_was_written(tmp_path, digits, train, part, compress):
    write_mnist(tmp_path / "mnist", digits, compress)
    dataset = MNIST(tmp_path, train=train)
    np.testing.assert_array_equal(dataset.images, digits[part][0])
    np.testing.assert_array_equal(dataset.labels, digits[part][1])
    assert dataset.images.dtype == np.uint8 and dataset.labels.dtype == np.int64
    image, label = dataset[3]
    assert (image == digits[part][0][3]).all() and label == digits[part][1][3] and type(label) is int
    assert (dataset.in_channels, dataset.image_size, len(dataset.classes)) == (1, (28, 28), 10)
    with pytest.raises(IndexError):
        dataset[len(dataset)]


def test_data_set_lies_where_minidl_data_points(mnist_root, monkeypatch):
    monkeypatch.setenv("MINIDL_DATA", str(mnist_root))
    assert len(MNIST()) == 20
    monkeypatch.delenv("MINIDL_DATA")
    assert data.data_root() == Path.home() / ".cache" / "minidl"


IMAGES, LABELS = MEMBERS[:2]
HEADER = struct.pack(">HBB3I", 0, 8, 3, 20, 28, 28)
PIXELS = bytes(20 * 28 * 28)


@pytest.mark.parametrize(
    "name, raw, message",
    [
        (IMAGES, HEADER + PIXELS[:-1], "expected 15680 values.*only 15679"),
        (IMAGES, HEADER + PIXELS + b"x", "expected 15680 values.*more"),
        (IMAGES, HEADER[:9], "cut off in the header: expected 16 bytes, got 9"),
        (IMAGES, b"", "expected it to begin with 00 00 08 03, got an empty file"),
        (IMAGES, b"<html>not found</html>", "expected it to begin with 00 00 08 03, got 3c 68 74 6d"),
        (IMAGES, b"\0\0\x0d\x03" + HEADER[4:] + PIXELS, "got 00 00 0d 03"),
        (IMAGES, struct.pack(">HBB3I", 0, 8, 3, 20, 28, 27) + bytes(20 * 28 * 27), "any x 28 x 28.*20 x 28 x 27"),
        # A header that promises 3 TB must not take the memory for it.
        (IMAGES, struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 28, 28) + PIXELS, "only 15680"),
        (IMAGES, struct.pack(">HBB3I", 0, 8, 3, 19, 28, 28) + PIXELS[:-784], "19 images but labels of shape"),
        (
            LABELS,
            struct.pack(">HBBI", 0, 8, 1, 20) + bytes(7) + b"\x0a" + bytes(12),
            "label 10 of image 7 is out of range",
        ),
    ],
)
@pytest.mark.parametrize("compress", [True, False])
def test_wrong_idx_file_is_refused_by_name(mnist_root, name, raw, message, compress):
    path = mnist_root / "mnist" / name
    path.write_bytes(gzip.compress(raw) if compress else raw)
    with pytest.raises(ValueError, match=message) as error:
        MNIST(mnist_root)
    assert name in str(error.value) and "\n" not in str(error.value)
    assert len(MNIST(mnist_root, train=False)) == 10  # the other part is not touched by it


@pytest.mark.parametrize("damage", ["cut", "flipped", "tail"])
def test_damaged_gzip_is_refused_by_name(mnist_root, damage):
    path = mnist_root / "mnist" / IMAGES
    packed = bytearray(path.read_bytes())
    if damage == "cut":
        packed = packed[: len(packed) // 2]
    elif damage == "flipped":
        packed[len(packed) // 2] ^= 0xFF
    else:
        packed += b"trailing bytes"
    path.write_bytes(packed)
    with pytest.raises(ValueError, match=f"{IMAGES}: the gzip data is cut off or damaged"):
        MNIST(mnist_root)


@pytest.mark.parametrize("reader, name", [(MNIST, "mnist"), (FashionMNIST, "fashion-mnist"), (CIFAR10, "cifar10")])
def test_missing_files_say_where_and_what_to_do(tmp_path, reader, name):
    with pytest.raises(FileNotFoundError, match=f"minidl data fetch {name}") as error:
        reader(tmp_path)
    assert str(tmp_path / reader.info.folder) in str(error.value) and reader.info.members[0] in str(error.value)
    assert not list(tmp_path.iterdir())


# ---- CIFAR ----------------------------------------------------------------------------------------------------


def python2_string(raw):
    return b"T" + struct.pack("<i", len(raw)) + raw


def python2_batch(images, labels, label_key=b"labels"):
    """A batch as the original release pickles it: protocol 2, Python 2 strings, NumPy 1 names, integer flags."""
    flat = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    rows, columns = (b"J" + struct.pack("<i", n) for n in flat.shape)
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01" + rows + columns + b"\x86"
        b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        + python2_string(flat.tobytes())
        + b"tb"
    )
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    names = b"](" + b"".join(python2_string(b"image_%d.png" % i) for i in range(len(labels))) + b"e"
    entries = [
        (b"batch_label", python2_string(b"training batch 1 of 5")),
        (label_key, numbers),
        (b"data", array),
        (b"filenames", names),
    ]
    return b"\x80\x02}(" + b"".join(python2_string(key) + value for key, value in entries) + b"u."


CLASSES = [f"class{i}" for i in range(10)]
META = (
    b"\x80\x02}"
    + python2_string(b"label_names")
    + b"]("
    + b"".join(python2_string(c.encode()) for c in CLASSES)
    + b"es."
)


@pytest.fixture
def photos():
    rng = np.random.default_rng(1)
    return [(rng.integers(0, 256, (4, 32, 32, 3), np.uint8), rng.integers(0, 10, 4).tolist()) for _ in range(6)]


@pytest.fixture
def cifar_root(tmp_path, photos):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name, (images, labels) in zip(CIFAR10.info.members, photos, strict=False):
        (folder / name).write_bytes(python2_batch(images, labels))
    (folder / "batches.meta").write_bytes(META)
    return tmp_path


@pytest.mark.filterwarnings("error")  # NumPy warns about the old dtype flags; the reader must not pass that on
def test_cifar10_reads_what_was_written(cifar_root, photos):
    train, test = CIFAR10(cifar_root), CIFAR10(cifar_root, train=False)
    np.testing.assert_array_equal(train.images, np.concatenate([images for images, _ in photos[:5]]))
    np.testing.assert_array_equal(train.labels, sum((labels for _, labels in photos[:5]), []))
    np.testing.assert_array_equal(test.images, photos[5][0])
    assert train.classes == CLASSES and train.in_channels == 3 and train.image_size == (32, 32)


@pytest.mark.parametrize("protocol", [3, 4])
def test_cifar100_written_by_python_3(tmp_path, photos, protocol):
    """The same dict pickled anew, with str keys and numpy._core, as people's tools write it."""
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    images, labels = photos[0]
    flat = images.transpose(0, 3, 1, 2).reshape(4, -1)
    batch = {"data": flat.copy(), "fine_labels": [n * 10 for n in labels], "coarse_labels": labels}
    for name in ("train", "test"):
        (folder / name).write_bytes(pickle.dumps(batch, protocol))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": [f"kind{i}" for i in range(100)]}, protocol))
    dataset = CIFAR100(tmp_path)
    np.testing.assert_array_equal(dataset.images, images)
    assert dataset.labels.tolist() == [n * 10 for n in labels] and len(dataset.classes) == 100


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_pickle_that_would_run_code_is_refused_without_running(cifar_root, tmp_path):
    victim = tmp_path / "was run"
    path = cifar_root / "cifar-10-batches-py" / "data_batch_3"
    for protocol in range(6):
        path.write_bytes(pickle.dumps({"data": Evil(victim), "labels": [0]}, protocol))
        with pytest.raises(ValueError, match=rf"data_batch_3.*asks for {os.name}\.mkdir"):
            CIFAR10(cifar_root)
        assert not victim.exists()


def test_plain_unpickler_would_have_run_it(tmp_path):
    pickle.loads(pickle.dumps(Evil(tmp_path / "was run")))
    assert (tmp_path / "was run").exists()


@pytest.mark.parametrize(
    "body, asked",
    [
        (b"cbuiltins\neval\nX\x05\x00\x00\x001 + 1\x85R.", "builtins.eval"),
        (b"(X\x05\x00\x00\x001 + 1ibuiltins\neval\n.", "builtins.eval"),
        (b"(cbuiltins\neval\nX\x05\x00\x00\x001 + 1o.", "builtins.eval"),
        (b"\x8c\x05numpy\x8c\x12ndarray.__reduce__\x93.", "numpy.ndarray.__reduce__"),
        (b"cnumpy\nload\n.", "numpy.load"),
        (b"c_codecs\nencode\n.", "_codecs.encode"),
        (b"ccopyreg\n_reconstructor\n.", "copyreg._reconstructor"),
        (b"cminidl.data.cifar\npickle.loads\n.", "minidl.data.cifar.pickle.loads"),
    ],
)
def test_every_other_name_in_a_pickle_is_refused(cifar_root, body, asked):
    (cifar_root / "cifar-10-batches-py" / "test_batch").write_bytes(b"\x80\x04" + body)
    with pytest.raises(ValueError, match="test_batch.*asks for " + asked.replace(".", r"\.")):
        CIFAR10(cifar_root, train=False)


def batch_with(**changes):
    batch = {"data": np.zeros((4, 3072), np.uint8), "labels": [0, 1, 2, 3]} | changes
    return pickle.dumps({key: value for key, value in batch.items() if value is not None}, 4)


# An array that is announced, but whose shape and bytes never come.
NEVER_FILLED = b"\x80\x02}(U\x04datacnumpy.core.multiarray\n_reconstruct\n)RU\x06labels]u."


@pytest.mark.parametrize(
    "raw, message",
    [
        (b"", "Ran out of input|damaged"),
        (b"not a pickle", "damaged"),
        (batch_with()[:-100], "damaged"),
        (pickle.dumps([1, 2], 2), "expected a pickled dict, got list"),
        (batch_with(data=None), "expected 'data' of type array, got NoneType"),
        (batch_with(labels=None), "expected 'labels' of type list, got NoneType"),
        (batch_with(labels="0123"), "expected 'labels' of type list, got str"),
        (batch_with(labels=[0, 1, 2]), "4 images but labels of shape"),
        (batch_with(labels=[0, 1, 2, 10]), "label 10 of image 3 is out of range; expected 0 to 9"),
        (batch_with(labels=[0, 1, 2, -1]), "label -1 of image 3"),
        (batch_with(labels=[0, 1, 2, 3.0]), "small integers"),
        (batch_with(labels=[0, 1, 2, 2**80]), "small integers"),
        (batch_with(data=np.zeros((4, 3071), np.uint8)), r"shape \(N, 3072\), got \(4, 3071\)"),
        (batch_with(data=np.zeros((4, 3072), np.float32)), "array of type 'f4', expected uint8"),
        (NEVER_FILLED, r"shape \(N, 3072\), got \(0,\)"),
        (batch_with(data=np.array([None])), "array of type 'O8', expected uint8"),
        (batch_with(data=np.asfortranarray(np.zeros((4, 3072), np.uint8))), "C order"),
    ],
)
def test_wrong_batch_is_refused_by_name(cifar_root, raw, message):
    (cifar_root / "cifar-10-batches-py" / "data_batch_2").write_bytes(raw)
    with pytest.raises(ValueError, match=f"data_batch_2.*({message})") as error:
        CIFAR10(cifar_root)
    assert "\n" not in str(error.value)


def test_missing_class_names_are_refused(cifar_root):
    (cifar_root / "cifar-10-batches-py" / "batches.meta").write_bytes(pickle.dumps({"label_names": ["cat"]}, 2))
    with pytest.raises(ValueError, match="batches.meta: expected 10 names"):
        CIFAR10(cifar_root)


def test_cifar_archive_beside_is_unpacked(cifar_root, photos):
    archive = cifar_root / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(cifar_root / "cifar-10-batches-py", "cifar-10-batches-py")
    shutil.rmtree(cifar_root / "cifar-10-batches-py")
    np.testing.assert_array_equal(CIFAR10(cifar_root, train=False).images, photos[5][0])
    assert sorted(p.name for p in cifar_root.iterdir()) == ["cifar-10-batches-py", "cifar-10-python.tar.gz"]


# ---- Built in -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("train, count", [(True, 500), (False, 100)])
def test_fashion_mini_is_balanced_and_always_there(tmp_path, monkeypatch, train, count):
    monkeypatch.setenv("MINIDL_DATA", str(tmp_path))
    dataset = FashionMini(train=train)
    assert np.bincount(dataset.labels).tolist() == [count] * 10
    assert dataset.images.shape == (10 * count, 28, 28) and dataset.images.max() == 255
    assert data.fetch("fashion-mini") == FashionMini.folder and not list(tmp_path.iterdir())


def test_fashion_mini_carries_its_licence():
    text = (FashionMini.folder / "LICENSE").read_text()
    assert "MIT License" in text and "Zalando SE" in text
    assert sum(file.stat().st_size for file in FashionMini.folder.glob("*.gz")) < 3e6


def test_fashion_mini_builds_from_official_files(tmp_path, digits):
    write_mnist(tmp_path / "source", digits)
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-m",
            "minidl.data.fashion_mini",
            tmp_path / "source",
            tmp_path / "fashion-mnist",
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(FashionMNIST(tmp_path).images, digits["train"][0])  # so few that all are taken


@needs("fashion-mnist")
def test_fashion_mini_is_what_the_real_files_give(tmp_path):
    build(REAL / "fashion-mnist", tmp_path / "fashion-mnist")
    for train in (True, False):
        rebuilt, built_in, whole = FashionMNIST(tmp_path, train), FashionMini(train=train), FashionMNIST(REAL, train)
        chosen = first_of_each_class(whole.labels, 500 if train else 100)
        for dataset in (rebuilt, built_in):
            np.testing.assert_array_equal(dataset.images, whole.images[chosen])
            np.testing.assert_array_equal(dataset.labels, whole.labels[chosen])


# ---- Real files, registry -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reader, shape, first_labels",
    [
        pytest.param(MNIST, (28, 28), [5, 0, 4, 1, 9], marks=needs("mnist")),
        pytest.param(FashionMNIST, (28, 28), [9, 0, 0, 3, 0], marks=needs("fashion-mnist")),
        pytest.param(CIFAR10, (32, 32, 3), None, marks=needs("cifar-10-batches-py")),
    ],
)
def test_real_files(reader, shape, first_labels):
    train, test = reader(REAL), reader(REAL, train=False)
    assert train.images.shape == (50000 if reader is CIFAR10 else 60000, *shape)
    assert test.images.shape == (10000, *shape)
    assert first_labels is None or train.labels[:5].tolist() == first_labels
    pixels = train.images[::10].reshape(-1, train.in_channels) / 255  # a tenth is near enough, and quick
    np.testing.assert_allclose(pixels.mean(0), train.mean, atol=0.01)
    np.testing.assert_allclose(pixels.std(0), train.std, atol=0.01)


def test_registry_creates_by_name(mnist_root):
    assert data.names() == ["mnist", "fashion-mnist", "cifar10", "cifar100", "fashion-mini"]
    assert type(data.create("mnist", train=False, root=mnist_root)) is MNIST
    info = data.info("cifar10")
    assert info.digests == {"cifar-10-python.tar.gz": "md5:c58f30108f718f92721af3b95e74349a"}
    assert info.sizes["cifar-10-python.tar.gz"] == 170498071 and "toronto" in info.urls["cifar-10-python.tar.gz"][0]
    for name in data.names():
        assert data.info(name).name == name and data.info(name).licence


@pytest.mark.parametrize("name, near", [("cifar", "'cifar10' or 'cifar100'"), ("Fashion_MNIST", "'fashion-mnist'")])
def test_unknown_name_suggests_near_ones(name, near):
    for call in (data.create, data.info, data.fetch):
        with pytest.raises(ValueError, match=f"unknown data set '{name}': did you mean {near}"):
            call(name)
    with pytest.raises(ValueError, match="unknown data set 'xyzzy'; there are mnist"):
        data.info("xyzzy")
