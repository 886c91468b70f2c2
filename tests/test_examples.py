"""The examples run from the command line, on tiny data sets in the official formats."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_data_readers import META, python2_batch, write_mnist

ROOT = Path(__file__).parent.parent
EPOCH = r"epoch (\d)/2  train loss (\d+\.\d+)  test accuracy (\d\.\d{4})  \d+\.\d s"


def run_example(name, *arguments, expect=0):
    """Run an example as a user does; gives what it printed."""
    command = [sys.executable, str(ROOT / "examples" / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == expect, done.stderr
    return done.stdout if expect == 0 else done.stderr


def bars(count, size, channels):
    """Noisy images that a network tells apart in a few steps: bright above (label 0), or bright below (label 1)."""
    rng = np.random.default_rng(count)
    labels = (np.arange(count) % 2).astype(np.uint8)
    images = rng.integers(0, 60, (count, size, size, channels), dtype=np.uint8)
    images[labels == 0, : size // 2] += 150
    images[labels == 1, size // 2 :] += 150
    return images, labels


@pytest.fixture
def mnist(tmp_path):
    (train, train_labels), (test, test_labels) = bars(640, 28, 1), bars(50, 28, 1)
    write_mnist(tmp_path / "mnist", {"train": (train[..., 0], train_labels), "t10k": (test[..., 0], test_labels)})
    return tmp_path


@pytest.fixture
def cifar(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        (folder / name).write_bytes(python2_batch(*bars(40, 32, 3)))
    (folder / "batches.meta").write_bytes(META)
    return tmp_path


def epochs(printed):
    """[(train loss, test accuracy)] of the two epochs that an example reports."""
    rows = re.findall(EPOCH, printed)
    assert [row[0] for row in rows] == ["1", "2"] and len(printed.splitlines()) == 2, printed
    return [(float(loss), float(accuracy)) for _, loss, accuracy in rows]


def test_train_mnist_learns(mnist):
    (loss, _), (later_loss, accuracy) = epochs(run_example("train_mnist.py", "--epochs", "2", "--data-dir", str(mnist)))
    assert later_loss < loss and accuracy > 0.9


def test_train_cifar_learns(cifar):
    (loss, _), (later_loss, _) = epochs(run_example("train_cifar.py", "--epochs", "2", "--data-dir", str(cifar)))
    assert later_loss < loss


def test_train_cifar_can_be_limited(cifar):
    arguments = ("--epochs", "2", "--limit", "16", "--data-dir", str(cifar))
    accuracies = [accuracy for _, accuracy in epochs(run_example("train_cifar.py", *arguments))]
    assert all((16 * accuracy) == pytest.approx(round(16 * accuracy), abs=0.001) for accuracy in accuracies)


@pytest.mark.parametrize("name, dataset", [("train_mnist.py", "mnist"), ("train_cifar.py", "cifar10")])
def test_missing_data_is_one_sentence_that_says_how_to_fetch_it(tmp_path, name, dataset):
    error = run_example(name, "--data-dir", str(tmp_path), expect=1)
    assert len(error.splitlines()) == 1
    assert f"minidl data fetch {dataset}" in error and str(tmp_path) in error


def test_finetune_learns_with_a_frozen_first_layer():
    printed = run_example("finetune.py", "--scratch", "--per-class", "40", "--epochs", "4")
    losses = [float(loss) for loss in re.findall(r"first layer learns  train loss (\d+\.\d+)", printed)]
    assert len(losses) == 4 and losses[-1] < losses[0]
    printed = run_example("finetune.py", "--per-class", "10", "--epochs", "4")
    assert float(re.search(r"AlexNet on the other five classes: test accuracy (\d\.\d+)", printed)[1]) > 0.6
    assert re.findall(r"first layer (\w+)", printed) == ["frozen", "frozen", "learns", "learns"]


@pytest.mark.parametrize("loss", ["triplet", "contrastive"])
def test_verification_tells_held_out_classes_apart(loss, tmp_path):
    picture = str(tmp_path / "roc.png")
    printed = run_example("verification.py", "--loss", loss, "--epochs", "2", "--limit", "700", "--out", picture)
    areas = re.findall(r"^(learned|held out), (\w+) .* area (\d\.\d+)  equal error \d\.\d+$", printed, re.M)
    areas = {(part, of): float(area) for part, of, area in areas}
    assert len(areas) == 4 and areas["learned", "embedding"] > areas["learned", "pixels"]
    assert areas["held out", "embedding"] > 0.6 and (tmp_path / "roc.png").exists()
