"""Pictures: what they hold, that they need no display, and that nothing global is touched."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minidl.visualize import plot_curves, show_images

HISTORY = [
    {
        "epoch": e, "lr": 0.1, "train_loss": 1 / e, "test_loss": 1.2 / e,
        "train_accuracy": 1 - 0.5 / e, "test_accuracy": [0.5, 0.8, 0.7][e - 1],
    }
    for e in (1, 2, 3)
]  # fmt: skip


def test_curves_show_every_quantity(tmp_path):
    figure = plot_curves(HISTORY, tmp_path / "curves.png")
    loss, accuracy = figure.axes
    for axes, quantity in ((loss, "loss"), (accuracy, "accuracy")):
        train, test = axes.get_lines()
        assert axes.get_ylabel() == quantity and axes.get_xlabel() == "epoch"
        for line, name in ((train, "train"), (test, "test")):
            assert line.get_label() == name
            assert line.get_ydata().tolist() == [row[f"{name}_{quantity}"] for row in HISTORY]
        assert train.get_linestyle() != test.get_linestyle()  # told apart in print
    assert "0.8000 (epoch 2)" in accuracy.get_title()
    with Image.open(tmp_path / "curves.png") as image:
        assert image.size[0] > 1000 and np.array(image.convert("L")).std() > 5
    assert [path.name for path in tmp_path.iterdir()] == ["curves.png"]


def test_one_epoch_is_a_visible_point():
    figure = plot_curves(HISTORY[:1])
    assert all(line.get_marker() not in ("", "None") for axes in figure.axes for line in axes.get_lines())


def test_an_empty_history_is_refused():
    with pytest.raises(ValueError, match="history is empty"):
        plot_curves([])


@pytest.mark.parametrize("shape", [(7, 28, 28), (7, 32, 32, 3)])
def test_images_appear_under_their_class(tmp_path, shape):
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    figure = show_images(images, [0, 1, 2, 0, 1, 2, 0], ["cat", "dog", "ship"], tmp_path / "grid.png", columns=3)
    drawn = figure.axes
    assert [axes.get_title() for axes in drawn] == ["cat", "dog", "ship", "cat", "dog", "ship", "cat"]
    assert all(np.array_equal(a.get_images()[0].get_array(), x) for a, x in zip(drawn, images, strict=True))
    with Image.open(tmp_path / "grid.png") as picture:
        assert np.array(picture.convert("L")).std() > 20  # the images, not a white page


def test_images_need_labels():
    with pytest.raises(ValueError, match="got 2 and 1"):
        show_images(np.zeros((2, 4, 4), np.uint8), [0], ["a"])


def test_no_display_and_no_pyplot(tmp_path):
    code = (
        "import os, sys; os.environ.pop('DISPLAY', None); os.environ.pop('MPLBACKEND', None)\n"
        "import minidl, minidl.training; assert 'matplotlib' not in sys.modules, 'imported too early'\n"
        f"from minidl.visualize import plot_curves; plot_curves({HISTORY!r}, {str(tmp_path / 'a.png')!r})\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])
    assert (tmp_path / "a.png").exists()
