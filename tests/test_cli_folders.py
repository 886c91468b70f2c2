"""`minidl train` and what follows it, on photos in folders."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from minidl import cli
from minidl.checkpoint import RunFolder
from minidl.cli.setup import load_data, open_data, to_network


def photos(folder, count, classes=("dark", "light")):
    """So many photos a class, of various sizes: dark ones and light ones."""
    rng = np.random.default_rng(0)
    for k, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            pixels = rng.integers(0, 80, (20 + i, 30 - i, 3)) + 120 * k
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{i:02}.png")


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(RunFolder, "draw", lambda *_, **__: None)
    photos(tmp_path / "photos", 10)
    return tmp_path


def run(capsys, *words):
    status = cli.main([str(word) for word in words])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


TRAIN = ["train", "--model", "mlp", "--size", "8", "--epochs", "3", "--batch-size", "4", "--augment"]


def test_train_resume_evaluate_predict(place, capsys):
    status, out, err = run(capsys, *TRAIN, "--data", "photos", "--workers", "2")
    assert status == 0, err
    assert "on photos: 16 training images\nand 4 test images; the run is kept in runs/mlp-photos" in out
    assert out.endswith("test accuracy 1.0000\n")
    config = json.loads((place / "runs" / "mlp-photos" / "config.json").read_text())
    assert config["images"]["classes"] == ["dark", "light"] and config["images"]["size"] == [8, 8]
    status, out, err = run(capsys, "train", "--resume", "runs/mlp-photos", "--epochs", "4")
    assert status == 0 and "4/4" in out, err
    status, out, err = run(capsys, "eval", "runs/mlp-photos")
    assert status == 0 and "on the 4 test images of photos" in out and "test accuracy 1.0000" in out, err
    status, out, err = run(capsys, "predict", "runs/mlp-photos", "photos/dark/00.png", "photos/light/09.png")
    assert [line.split()[1] for line in out.splitlines()] == ["dark", "light"], err


def test_every_fifth_image_of_a_class_is_for_the_test(place):
    parts = [open_data("photos", train, 3) for train in (True, False)]
    assert len(parts[0]) == 16
    assert sorted(parts[1].paths) == [f"photos/{k}/{i}.png" for k in ("dark", "light") for i in ("04", "09")]
    assert not set(parts[0].paths) & set(parts[1].paths)
    assert parts[1].labels.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("part", ["val", "test"])
def test_parts_that_the_user_made(tmp_path, part):
    photos(tmp_path / "train", 3)
    photos(tmp_path / part, 2)
    train, test, images = load_data(str(tmp_path), (3, 16, 16), augment=True)
    assert (len(train), len(test)) == (6, 4) and images["photos"]
    assert train[0][0].shape == test[3][0].shape == (3, 16, 16)
    assert train.random and not test.random


def test_photos_come_to_the_size_of_the_network():
    images = {"size": [64, 64], "channels": 3, "mean": [0.5] * 3, "std": [0.2] * 3, "photos": True}
    assert repr(to_network(images)).startswith("Compose([Resize(73, 'bilinear'), CenterCrop((64, 64)), ToArray()")
    augmented = repr(to_network(images, augment=True))
    assert augmented.startswith("Compose([RandomResizedCrop((64, 64)") and "RandomHorizontalFlip" in augmented
    assert to_network(images)(np.zeros((5, 200, 3), np.uint8)).shape == (3, 64, 64)


@pytest.mark.parametrize(
    "words, message",
    [
        (["--data", "nowhere/photos"], "there is no folder nowhere/photos"),
        (["--data", "nowhere"], "unknown data set 'nowhere'"),
        (["--data", "empty"], "empty holds no folders; expected one folder a class"),
        (["--data", "few"], "few has no class of five images, and every fifth is for the test"),
        (["--data", "half"], "half has a folder train but none for the test: add half/val or half/test"),
        (["--data", "odd"], r"odd: the classes to train on are \['a', 'b'\], those to test on \['a', 'c'\]"),
        (["--size", "9"], "--size is for photos in a folder; those of fashion-mini have a size"),
    ],
)
def test_mistakes_take_one_sentence(place, capsys, words, message):
    (place / "empty").mkdir()
    photos(place / "few", 4)
    photos(place / "half" / "train", 1)
    photos(place / "odd" / "train", 1, ("a", "b"))
    photos(place / "odd" / "val", 1, ("a", "c"))
    status, _, err = run(capsys, "train", *words)
    assert status == 2 and len(err.splitlines()) == 1 and re.search(message, err), err
