"""Image folders: which files belong to which class, and what is damaged, hidden, empty or goes round in circles."""

import os

import numpy as np
import pytest
from PIL import Image

from minidl.data import Compose, DataLoader, ImageFolder, RandomHorizontalFlip, Resize, ToArray, read_image


def save(path, colour=0, size=(9, 7)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (colour, 10, 200)).save(path)


@pytest.fixture
def root(tmp_path):
    """Two classes, four images, and what else lies about."""
    for colour, name in enumerate(
        ["cat/b.png", "cat/a.JPG", "cat/deeper/still/c.webp", "dog/a.png", "dog/.hidden.png"]
    ):
        save(tmp_path / name, 50 * colour)
    (tmp_path / "dog" / "notes.txt").write_text("not an image")
    (tmp_path / "dog" / "Thumbs.db").write_bytes(b"\x00")
    (tmp_path / ".git" / "objects").mkdir(parents=True)
    (tmp_path / "README.md").write_text("beside the classes")
    return tmp_path


def relative(folder):
    return [os.path.relpath(path, folder.root).replace(os.sep, "/") for path in folder.paths]


def test_classes_and_files_in_their_order(root):
    folder = ImageFolder(root)
    assert folder.classes == folder.folders == ["cat", "dog"] and folder.class_to_index == {"cat": 0, "dog": 1}
    assert relative(folder) == ["cat/a.JPG", "cat/b.png", "cat/deeper/still/c.webp", "dog/a.png"]
    assert folder.labels.tolist() == [0, 0, 0, 1] and folder.labels.dtype == np.int64
    assert len(folder) == 4 and repr(folder) == f"ImageFolder({str(root)!r}): 4 images, 2 classes"
    image, label = folder[1]
    assert label == 0 and type(label) is int
    np.testing.assert_array_equal(image, read_image(root / "cat" / "b.png"))
    assert image.shape == (7, 9, 3)
    assert ImageFolder(str(root), channels=1)[3][0].shape == (7, 9)


def test_the_home_folder_has_a_short_name(root, monkeypatch):
    monkeypatch.setenv("HOME", str(root.parent))
    assert len(ImageFolder(f"~/{root.name}")) == 4


def test_names_that_are_hard_on_a_shell(tmp_path):
    for name in ("a b/ä ö.png", "a b/100%.png", "[x]/*.png", "Z/-rf.png"):
        save(tmp_path / name)
    folder = ImageFolder(tmp_path)
    assert folder.classes == ["Z", "[x]", "a b"]
    assert relative(folder) == ["Z/-rf.png", "[x]/*.png", "a b/100%.png", "a b/ä ö.png"]


def test_wordnet_numbers_get_their_names(tmp_path):
    for wnid in ("n01443537", "n01440764", "n02012849", "n03126707"):
        save(tmp_path / wnid / "1.png")
    folder = ImageFolder(tmp_path)
    assert folder.folders == ["n01440764", "n01443537", "n02012849", "n03126707"]
    assert folder.classes == ["tench", "goldfish", "crane", "crane"]  # the bird and the machine
    assert folder.class_to_index["n03126707"] == 3
    save(tmp_path / "other" / "1.png")
    assert ImageFolder(tmp_path).classes == [*folder.folders, "other"]


def test_links_are_followed_but_not_round_in_circles(root):
    (root / "bird").symlink_to(root / "dog")
    (root / "dog" / "up").symlink_to(root)
    (root / "dog" / "self").symlink_to(root / "dog")
    (root / "dog" / "nowhere.png").symlink_to(root / "gone.png")
    folder = ImageFolder(root)
    assert folder.classes == ["bird", "cat", "dog"]
    found = relative(folder)
    assert "bird/a.png" in found and "dog/a.png" in found and len(found) < 30
    with pytest.raises(FileNotFoundError, match="nowhere.png"):
        folder[found.index("dog/nowhere.png")]
    with pytest.warns(UserWarning, match="left out: .*nowhere.png"):
        assert relative(ImageFolder(root, damaged="skip")) == [path for path in found if "nowhere" not in path]


def test_a_transform_and_the_loader(root):
    folder = ImageFolder(root, Compose([Resize((8, 6)), RandomHorizontalFlip(), ToArray()]))
    ((images, labels),) = DataLoader(folder, 10)
    assert images.shape == (4, 3, 8, 6) and images.dtype == np.float32 and labels.numpy().tolist() == [0, 0, 0, 1]
    assert folder.random and not ImageFolder(root).random


def test_grey_alpha_palette_and_sixteen_bits_are_alike(tmp_path):
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    images = {
        "grey": Image.fromarray(pixels),
        "alpha": Image.fromarray(np.dstack([pixels] * 3 + [np.full_like(pixels, 255)])),
        "palette": Image.fromarray(pixels).convert("P"),
        "deep": Image.fromarray(pixels.astype(np.uint16) * 257),
    }
    for name, image in images.items():
        (tmp_path / name).mkdir()
        image.save(tmp_path / name / "1.png")
    ((batch, _),) = DataLoader(ImageFolder(tmp_path), 4)
    for image in batch.numpy():
        np.testing.assert_array_equal(image, np.dstack([pixels] * 3))


# ---- What is wrong --------------------------------------------------------------------------------------------


@pytest.fixture
def damaged(root):
    (root / "dog" / "b.jpg").write_text("no image")
    (root / "dog" / "c.jpg").write_bytes(b"")
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)).save(root / "dog" / "d.jpg")
    whole = (root / "dog" / "d.jpg").read_bytes()
    (root / "dog" / "d.jpg").write_bytes(whole[: len(whole) // 2])
    return root


@pytest.mark.parametrize("num_workers", [0, 2])
def test_damaged_files_are_named_when_their_turn_comes(damaged, num_workers):
    folder = ImageFolder(damaged)
    assert len(folder) == 7 and folder[3][1] == 1
    for index, name in ((4, "b.jpg is not an image"), (5, "c.jpg is not an image"), (6, "d.jpg could not be read")):
        with pytest.raises(ValueError, match=name):
            folder[index]
    seen = 0
    with pytest.raises(ValueError, match=r"sample 4: .*dog.b\.jpg is not an image"):
        for _ in DataLoader(folder, 1, num_workers=num_workers):
            seen += 1
    assert seen == 4


def test_damaged_files_are_left_out_when_asked(damaged):
    with pytest.warns(UserWarning) as warned:
        folder = ImageFolder(damaged, damaged="skip")
    assert len(folder) == len(folder.labels) == 4
    said = [str(warning.message) for warning in warned]
    assert [next(name for name in ("b.jpg", "c.jpg", "d.jpg") if name in text) for text in said] == [
        "b.jpg",
        "c.jpg",
        "d.jpg",
    ]
    assert all(text.startswith("left out: ") for text in said)
    assert sum(len(labels.data) for _, labels in DataLoader(folder, 1)) == 4


def test_a_failing_transform_names_the_file(root):
    def fails(image):
        raise RuntimeError("too dark")

    with pytest.raises(RuntimeError, match="too dark") as error:
        ImageFolder(root, fails)[3]
    assert error.value.__notes__ == [f"the image is {root / 'dog' / 'a.png'}"]


def test_folders_that_are_no_data_set(root, tmp_path):
    (root / "empty" / "below").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"empty is a class without images: fill it, or take the folder away"):
        ImageFolder(root)
    with pytest.raises(ValueError, match=r"below holds no folders; expected one folder a class"):
        ImageFolder(root / "empty" / "below")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        ImageFolder(root / "nowhere")
    with pytest.raises(NotADirectoryError, match=r"README\.md"):
        ImageFolder(root / "README.md")
    with pytest.raises(ValueError, match="damaged must be 'raise' or 'skip', got 'ignore'"):
        ImageFolder(root, damaged="ignore")
