"""minidl predict with published networks: the ranked list, and what can go wrong before it."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minidl import cli, models, serialization
from minidl.models.published import PUBLISHED

NAME = "efficientnet_lite0"
REAL = Path(os.environ.get("MINIDL_DATA", "/nonexistent"))


def run(capsys, *arguments):
    status = cli.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weights whose head is so large that one class is certain."""
    model = models.create(NAME)
    model._fc.weight.data[...] = 0
    model._fc.bias.data[...] = 0
    model._fc.bias.data[[7, 3]] = [9.0, 8.0]
    path = tmp_path_factory.mktemp("weights") / "a.safetensors"
    serialization.save(model, path)
    return path


@pytest.fixture
def photo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINIDL_DATA", str(tmp_path / "data"))
    Image.fromarray(np.full((300, 400), 90, np.uint8)).save("photo.jpg")
    return "photo.jpg"


def test_the_ranked_list(capsys, weights, photo):
    Image.new("RGBA", (64, 500)).save("other.png")
    status, out, error = run(capsys, "predict", "--model", NAME, "--weights", weights, "--top", 2, photo, "other.png")
    assert (status, error) == (0, "")
    p, q = np.exp([9, 8]) / (np.exp(9) + np.exp(8) + 998)  # the other logits are 0
    lines = [f"  1  {'cock':30}  {p:.3f}  ###########", f"  2  {'tiger shark':30}  {q:.3f}  ####"]
    assert out.splitlines() == ["photo.jpg", *lines, "other.png", *lines]
    assert max(map(len, out.splitlines())) < 60


def test_five_classes_and_published_weights_that_are_there(capsys, weights, photo, tmp_path, monkeypatch):
    (tmp_path / "data" / "weights").mkdir(parents=True)
    (tmp_path / "data" / "weights" / PUBLISHED[NAME].file).write_bytes(weights.read_bytes())
    status, out, _ = run(capsys, "predict", "--model", NAME, photo)
    assert status == 0 and [line.split()[0] for line in out.splitlines()[1:]] == list("12345")


def test_mistakes_are_told_in_one_sentence(capsys, weights, photo):
    Path("text.jpg").write_text("no image")
    for arguments, sentence in (
        (["--model", NAME, photo], f"{PUBLISHED[NAME].file} is not there"),
        (["--model", NAME, "--weights", weights, photo, "text.jpg"], "text.jpg is not an image"),
        (["--model", NAME, "--weights", "text.jpg", photo], "text.jpg begins with b'no image'"),
        (["--model", NAME, "--weights", "none.pth", photo], "there is no file none.pth"),
        (["--model", "lenet5", photo], "lenet5 is none"),
        (["--model", "efficientnet", photo], "did you mean efficientnet_lite0"),
        (["--model", NAME, "--last", photo], "--last is for the weights of a run"),
        (["--weights", weights, photo], "--weights needs --model"),
        (["--model", NAME], "the following arguments are required: IMAGE"),
        (["--model", NAME, "--top", "0", photo], "whole number from 1"),
    ):
        status, out, error = run(capsys, "predict", *arguments)
        assert status == 2 and out == "" and sentence in error and error.count("\n") == 1, (arguments, error)


def test_without_the_internet(capsys, photo, monkeypatch):
    entry = PUBLISHED[NAME]._replace(address="http://127.0.0.1:9/models/")
    monkeypatch.setitem(PUBLISHED, NAME, entry)
    monkeypatch.setenv("no_proxy", "*")
    status, out, error = run(capsys, "predict", "--model", NAME, photo)
    assert status == 2 and out == "" and error.count("\n") == 1
    assert re.search(r"could not be fetched; tried http://127\.0\.0\.1:9/models/\S+ \(.*refused\)", error)


@pytest.mark.skipif(not (REAL / "weights").is_dir(), reason="needs MINIDL_DATA with weights")
@pytest.mark.skipif(not (REAL / "imagenet-sample").is_dir(), reason="needs MINIDL_DATA with imagenet-sample")
def test_the_real_network_on_a_photo(capsys):
    status, out, _ = run(capsys, "predict", "--model", NAME, REAL / "imagenet-sample" / "imagenet_01_559.jpg")
    assert status == 0 and re.fullmatch(r"  1  folding chair +0\.9\d\d  #{15,16}", out.splitlines()[1])
