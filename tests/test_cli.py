"""The command line, as a user meets it: what it prints, what it leaves, and one sentence for every mistake."""

import errno
import gzip
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import minidl
from minidl import cli, models
from minidl.checkpoint import RunFolder
from minidl.serialization import load_npz

REPOSITORY = Path(__file__).parents[1]


def write_idx(path, array):
    head = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    path.write_bytes(gzip.compress(head + array.tobytes(), 1))


@pytest.fixture(scope="session")
def tiny_mnist(tmp_path_factory):
    """A folder of data with a tiny `mnist` in the official files: a bar whose height tells the digit."""
    root = tmp_path_factory.mktemp("data")
    folder, rng = root / "mnist", np.random.default_rng(0)
    folder.mkdir()
    for part, count in (("train", 200), ("t10k", 60)):
        labels = np.arange(count, dtype=np.uint8) % 10
        images = rng.integers(0, 30, (count, 28, 28), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[2 * label + 2 : 2 * label + 6] += 200
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", labels)
    return root


@pytest.fixture
def place(tmp_path, monkeypatch, tiny_mnist):
    """An empty working directory, with the tiny data set in reach."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINIDL_DATA", str(tiny_mnist))
    monkeypatch.setattr(RunFolder, "draw", lambda *_, **__: None)  # it takes most of the time; two tests do draw
    threads = minidl.get_num_threads()
    yield tmp_path
    minidl.set_num_threads(threads)


@pytest.fixture(scope="module")
def run_folder(tiny_mnist, tmp_path_factory):
    """A trained run on the tiny data."""
    folder = tmp_path_factory.mktemp("runs") / "mlp"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINIDL_DATA", str(tiny_mnist))
        assert cli.main(["train", "--model", "mlp", "--data", "mnist", "--epochs", "4", "--out", str(folder)]) == 0
    return folder


TRAIN = ["train", "--model", "mlp", "--data", "mnist", "--epochs", "2"]


def run(capsys, *argv):
    """(status, standard output, standard error) of a command."""
    capsys.readouterr()
    status = cli.main([str(argument) for argument in argv])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def fails(capsys, *argv):
    """The sentence that a command fails with; checks that it is one, and that the status says so."""
    status, _, error = run(capsys, *argv)
    assert status == 2, error
    assert re.fullmatch(r"minidl: [^\n]+\n", error), error
    assert "Traceback" not in error
    return error


# ---- train ----------------------------------------------------------------------------------------------------


def test_train_leaves_a_run_and_ends_with_the_accuracy(place, capsys):
    status, out, error = run(capsys, *TRAIN)
    assert (status, error) == (0, "")
    last = out.splitlines()[-1]
    assert re.fullmatch(r"test accuracy 0\.\d{4}|test accuracy 1\.0000", last)
    folder = place / "runs" / "mlp-mnist"
    assert sorted(path.name for path in folder.iterdir()) == ["best.npz", "config.json", "history.csv", "last.npz"]
    accuracy = (folder / "history.csv").read_text().splitlines()[-1].split(",")[-1]
    assert last == f"test accuracy {float(accuracy):.4f}"
    config = json.loads((folder / "config.json").read_text())
    assert config["model"] == "mlp" and config["data"] == "mnist" and config["epochs"] == 2
    assert all(len(line) <= 80 for line in out.splitlines())


def test_the_defaults_train_lenet_on_the_built_in_data(place, capsys, monkeypatch):
    from minidl.cli import train

    monkeypatch.setitem(train.DEFAULTS["without batch norm"], "epochs", 1)
    status, out, _ = run(capsys, "train")
    assert status == 0 and out.startswith("lenet5 with 61,706 parameters on fashion-mini: 5,000 training images")
    assert float(out.split()[-1]) > 0.4  # after one epoch of twelve
    assert (place / "runs" / "lenet5-fashion-mini" / "best.npz").exists()


@pytest.mark.parametrize(
    "model, epochs, lr", [("lenet5", 12, 0.05), ("highway", 12, 0.05), ("resnet20", 20, 0.1), ("vgg_cifar", 20, 0.1)]
)
def test_defaults_depend_on_batch_norm(model, epochs, lr):
    from minidl.cli import build_parser, train

    settings = train._new_settings(build_parser().parse_args(["train", "--model", model]))
    assert (settings["epochs"], settings["lr"], settings["batch_size"]) == (epochs, lr, 64)


def test_a_run_never_takes_the_place_of_another(place, capsys):
    for name in ("mlp-mnist", "mlp-mnist-2", "mlp-mnist-3"):
        assert run(capsys, *TRAIN, "--epochs", 1)[0] == 0
        assert (place / "runs" / name / "last.npz").exists()
    assert "holds a run already" in fails(capsys, *TRAIN, "--out", "runs/mlp-mnist-2")
    assert "mine: File exists" in fails(capsys, *TRAIN, "--out", place.joinpath("mine").write_text("") or "mine")


def test_the_same_seed_gives_the_same_run_and_another_seed_another(place, capsys):
    assert run(capsys, *TRAIN, "--augment", "--out", "a", "--seed", 5, "--threads", 1)[0] == 0
    assert run(capsys, *TRAIN, "--augment", "--out", "b", "--seed", 5, "--threads", 4, "--workers", 2)[0] == 0
    assert run(capsys, *TRAIN, "--augment", "--out", "c", "--seed", 6)[0] == 0
    a, b, c = ((place / name / "history.csv").read_bytes() for name in "abc")
    assert a == b != c


@pytest.mark.parametrize(
    "options",
    [["--optimizer", "adam"], ["--schedule", "step"], ["--schedule", "none"], ["--momentum", "0"],
     ["--weight-decay", "0.1"], ["--batch-size", "32"], ["--lr", "0.01"], ["--augment"]],
)  # fmt: skip
def test_every_option_reaches_the_run(place, capsys, run_folder, options):
    assert run(capsys, *TRAIN, "--epochs", 4, *options, "--out", "other")[0] == 0
    history = (place / "other" / "history.csv").read_text()
    assert history != (run_folder / "history.csv").read_text()
    rates = [float(line.split(",")[1]) for line in history.splitlines()[1:]]
    if "none" in options:
        assert rates == [0.05] * 4
    if "step" in options:
        assert rates == pytest.approx([0.05, 0.05, 0.005, 0.0005])
    if "adam" in options:
        assert rates[0] == 0.001


# ---- resume ---------------------------------------------------------------------------------------------------


def test_resume_goes_on_with_the_options_of_the_run(place, capsys):
    options = ["--model", "mlp", "--data", "mnist", "--schedule", "none", "--lr", "0.02", "--augment"]
    assert run(capsys, "train", *options, "--epochs", 4, "--out", "whole")[0] == 0
    assert run(capsys, "train", *options, "--epochs", 2, "--out", "part")[0] == 0
    status, out, _ = run(capsys, "train", "--resume", "part", "--epochs", 4)
    assert status == 0 and "going on after 2 epochs" in out
    for name in ("history.csv", "last.npz", "best.npz"):
        assert (place / "whole" / name).read_bytes() == (place / "part" / name).read_bytes()
    status, out, _ = run(capsys, "train", "--resume", "part")  # --epochs 4 was noted
    assert status == 0 and "all 4 epochs were trained already" in out and "test accuracy" in out.splitlines()[-1]


def test_resume_without_a_name_takes_the_latest_run(place, capsys):
    assert run(capsys, *TRAIN)[0] == 0
    assert run(capsys, *TRAIN)[0] == 0
    os.utime(place / "runs" / "mlp-mnist" / "last.npz", (2e9, 2e9))
    status, out, _ = run(capsys, "train", "--resume", "--epochs", 3)
    assert status == 0 and re.search(r"kept in runs.mlp-mnist\n", out)


def test_resume_refuses_another_run(place, capsys, run_folder):
    sentence = fails(capsys, "train", "--resume", run_folder, "--lr", 0.3, "--model", "lenet5", "--threads", 1)
    assert "lr was 0.05, now 0.3; model was mlp, now lenet5" in sentence and "threads" not in sentence
    assert "nowhere is not the folder of a run" in fails(capsys, "train", "--resume", "nowhere")
    assert "no run to resume in the folder runs" in fails(capsys, "train", "--resume")
    assert "name two folders" in fails(capsys, "train", "--resume", "a", "--out", "b")
    (place / "config.json").write_text('{"model": "mlp"}')
    assert "config.json lacks data, augment" in fails(capsys, "train", "--resume", ".")
    (place / "config.json").write_text('{"model": ')
    assert "config.json is not whole" in fails(capsys, "train", "--resume", ".")


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT to send")
def test_ctrl_c_on_the_command_line(place):
    code = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from minidl import cli, optim; step = optim.SGD.step\n"
        "def press(self):\n"
        "    step(self)\n"
        "    if self.state[0]['step'] == 3: os.kill(os.getpid(), signal.SIGINT)\n"
        "optim.SGD.step = press; sys.exit(cli.main(sys.argv[1:]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-c", code, *TRAIN], capture_output=True, text=True, env=environment)
    assert done.returncode == 130
    assert done.stderr.count("\n") == 1 and "minidl train --resume runs" in done.stderr
    assert load_npz(place / "runs" / "mlp-mnist" / "last.npz")["batch"] == 3


# ---- eval, predict --------------------------------------------------------------------------------------------


def test_a_run_has_its_curves(run_folder):
    with Image.open(run_folder / "curves.png") as image:
        assert np.array(image.convert("L")).std() > 5


def test_eval_agrees_with_the_history(place, capsys, run_folder):
    accuracies = [line.split(",")[-1] for line in (run_folder / "history.csv").read_text().splitlines()[1:]]
    status, out, _ = run(capsys, "eval", run_folder)
    assert status == 0 and out.splitlines()[-1] == f"test accuracy {float(max(accuracies)):.4f}"
    status, out, _ = run(capsys, "eval", run_folder, "--last")
    assert status == 0 and out.splitlines()[-1] == f"test accuracy {float(accuracies[-1]):.4f}"
    assert "last weights of the run" in out


def test_eval_refuses_what_is_no_run(place, capsys):
    assert "nowhere is not the folder of a run" in fails(capsys, "eval", "nowhere")
    assert run(capsys, *TRAIN, "--out", "a")[0] == 0
    (place / "a" / "best.npz").write_bytes(b"PK")
    assert "best.npz is not a whole .npz file" in fails(capsys, "eval", "a")
    (place / "a" / "best.npz").unlink()
    assert "no epoch has ended yet" in fails(capsys, "eval", "a")


def test_predict_needs_no_data_and_takes_any_image(place, capsys, monkeypatch, run_folder):
    monkeypatch.setenv("MINIDL_DATA", str(place / "nothing"))
    picture = np.zeros((280, 140, 3), np.uint8)
    picture[80:120] = 220  # of 280 rows: rows 8 to 12 of 28, the digit 3
    Image.fromarray(picture).save("three.png")
    Image.fromarray(picture[..., 0]).rotate(180).save("six.jpg")
    status, out, _ = run(capsys, "predict", run_folder, "three.png", "six.jpg")
    assert status == 0
    lines = out.splitlines()
    assert re.fullmatch(r"three\.png  3 0\.\d{3}, \d 0\.\d{3}, \d 0\.\d{3}", lines[0]), lines
    assert re.match(r"six\.jpg    [67] 0\.\d{3}, ", lines[1]), lines


def test_what_is_no_image_is_named(place, capsys, run_folder):
    Path("text.png").write_text("no image")
    Image.effect_noise((50, 50), 50).save("whole.png")
    Path("cut.png").write_bytes(Path("whole.png").read_bytes()[:-500])
    assert "text.png is not an image" in fails(capsys, "predict", run_folder, "whole.png", "text.png")
    assert "cut.png could not be read as an image" in fails(capsys, "predict", run_folder, "cut.png")
    assert "none.png: No such file" in fails(capsys, "predict", run_folder, "none.png")


# ---- data -----------------------------------------------------------------------------------------------------


def test_data_list_tells_what_is_here(place, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    status, out, _ = run(capsys, "data", "list")
    assert status == 0 and max(map(len, out.splitlines()[:-1])) <= 60  # the last names the folder
    assert re.search(r"^mnist +on this disk$", out, re.MULTILINE)
    assert re.search(r"^cifar10 +not fetched yet \(\d+ MB\)$", out, re.MULTILINE)
    assert re.search(r"^fashion-mini +comes with minidl$", out, re.MULTILINE)
    assert out.count("licence:") == 5


def test_data_fetch_of_what_is_here_checks_it(place, capsys):
    status, out, _ = run(capsys, "data", "fetch", "mnist")
    assert status == 0 and out.startswith("mnist: 200 training and 60 test images in ")


def test_data_show_draws_some_of_each_class(place, capsys, monkeypatch):
    status, out, _ = run(capsys, "data", "show", "mnist", "--out", "other.png")
    assert status == 0 and "other.png" in out
    with Image.open("other.png") as image:
        assert np.array(image.convert("L")).std() > 20
    drawn = []
    monkeypatch.setattr("minidl.visualize.show_images", lambda *arguments: drawn.append(arguments))
    assert run(capsys, "data", "show", "mnist")[0] == 0
    images, labels, classes, path = drawn[0]
    assert labels.tolist() == list(range(10)) * 5 and len(images) == 50
    assert (len(classes), path) == (10, "mnist.png")


# ---- Mistakes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "argv, sentence",
    [
        (["train", "--epochs", "-1"], "--epochs: expected a whole number from 1 on, got '-1'"),
        (["train", "--epochs", "ten"], "--epochs: expected a whole number from 1 on, got 'ten'"),
        (["train", "--batch-size", "0"], "--batch-size: expected a whole number from 1"),
        (["train", "--lr", "nan"], "--lr: expected a number above 0, got 'nan'"),
        (["train", "--lr", "0"], "--lr: expected a number above 0"),
        (["train", "--momentum", "1"], "--momentum: expected a number from 0 and below 1"),
        (["train", "--weight-decay", "-0.1"], "--weight-decay: expected a number from 0"),
        (["train", "--optimizer", "adam", "--momentum", "0.9"], "--momentum belongs to --optimizer sgd"),
        (["train", "--optimizer", "sgdd"], "invalid choice: 'sgdd'"),
        (["train", "--seed", "-3"], "--seed: expected a whole number from 0"),
        (["train", "--model", "lenet"], "unknown model 'lenet': did you mean lenet5"),
        (["train", "--data", "fashionmnist"], "unknown data set 'fashionmnist': did you mean 'fashion-mnist'"),
        (["train", "--data", "cifar10"], "minidl data fetch cifar10"),
        (["train", "--device", "gpu"], "unknown device 'gpu'"),
        (["train", "--epoch", "3"], "unrecognized arguments: --epoch 3; did you mean --epochs?"),
        (["summary", "xyz"], "unknown model 'xyz': `minidl summary` lists them"),
        (["summary", "resnet21"], "unknown model 'resnet21': did you mean resnet"),
        (["data", "show", "cifar"], "unknown data set 'cifar': did you mean"),
        (["data", "fetch", "imagenet"], "unknown data set 'imagenet'"),
        (["data"], "the following arguments are required: ACTION"),
        (["trian"], "did you mean train?"),
        ([], "the following arguments are required: COMMAND"),
        (["predict"], "the following arguments are required: IMAGE"),
        (["predict", "a.png"], "a run and an image, or --model NAME and an image; got a.png alone"),
    ],
)
def test_one_sentence_for_each_mistake_and_no_run_folder(place, capsys, argv, sentence):
    assert sentence in fails(capsys, *argv)
    assert not list(place.iterdir())


@pytest.mark.parametrize("device", ["cuda", "cuda:7"])
def test_a_gpu_without_cupy(place, capsys, monkeypatch, device):
    monkeypatch.setitem(sys.modules, "cupy", None)  # as if not installed
    assert "needs CuPy, which is not installed" in fails(capsys, *TRAIN, "--device", device)
    assert not list(place.iterdir())


def test_truncated_data_is_named(place, capsys, monkeypatch, tiny_mnist):
    (place / "mnist").mkdir()
    for path in (tiny_mnist / "mnist").iterdir():
        size = path.stat().st_size // (2 if "train-images" in path.name else 1)
        (place / "mnist" / path.name).write_bytes(path.read_bytes()[:size])
    monkeypatch.setenv("MINIDL_DATA", str(place))
    assert "train-images-idx3-ubyte" in fails(capsys, *TRAIN)
    assert "train-images-idx3-ubyte" in fails(capsys, "data", "show", "mnist")
    assert [path.name for path in place.iterdir()] == ["mnist"]


def test_divergence_is_one_sentence(place, capsys):
    sentence = fails(capsys, *TRAIN, "--lr", "1e30")
    assert "epoch 1, batch 2: the loss is" in sentence and "learning rate below 1e+30" in sentence


def test_a_full_disk_is_one_sentence(place, capsys, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "could not write runs/mlp-mnist/config.json: No space left on device" in fails(capsys, *TRAIN)
    assert not list((place / "runs" / "mlp-mnist").iterdir())


def test_debug_shows_the_traceback(place, capsys):
    status, _, error = run(capsys, "eval", "nowhere", "--debug")
    assert status == 2 and error.startswith("Traceback") and "minidl: nowhere is not" in error.splitlines()[-1]


def test_a_fault_of_minidls_own_is_not_hidden(monkeypatch):
    monkeypatch.setattr(models, "input_shape", lambda name: {}["lost"])
    with pytest.raises(KeyError):
        cli.main(["summary", "lenet5"])


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="pipes end otherwise here")
def test_a_reader_that_goes_away_is_no_error(place):
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "minidl.cli", "data", "list"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait() == 141
