"""The training loop: what it measures, what it leaves, and that stopping and going on changes nothing."""

import csv
import errno
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from training_runs import EPOCHS, Net, PressAt, assert_same_weights, fit, make_data, make_run

import minidl
from minidl import optim, training
from minidl.checkpoint import Position, RunFolder, load_last, read_history
from minidl.data import DataLoader
from minidl.serialization import load, load_npz


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nobody disturbed: (folder, model)."""
    run, folder = make_run(), tmp_path_factory.mktemp("whole") / "run"
    fit(run, folder)
    return folder, run[0]


@pytest.fixture
def ctrl_c():
    """A way to press Ctrl-C, also where the tests run in the background and ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, before)


# ---- Measuring and recording ----------------------------------------------------------------------------------


def test_evaluate_weighs_samples_and_restores_every_mode():
    model, _, _, _, _ = make_run()
    model.train()
    model.bn.eval()  # frozen by the user
    data = make_data(50, 1)
    in_batches = training.evaluate(model, DataLoader(data, 16))
    at_once = training.evaluate(model, DataLoader(data, 50))
    assert in_batches == pytest.approx(at_once, rel=1e-6)
    assert (model.training, model.conv.training, model.bn.training) == (True, True, False)
    model.eval()
    images, labels = next(iter(DataLoader(data, 50)))
    logits = model(images).numpy().astype(np.float64)
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    expected = -log_p[np.arange(50), labels.numpy()].mean(), (logits.argmax(1) == labels.numpy()).mean()
    assert at_once == pytest.approx(expected, rel=1e-5)


def test_evaluate_restores_the_mode_after_an_error():
    model = make_run()[0].train()
    with pytest.raises(ValueError):
        training.evaluate(model, [(minidl.zeros(2, 5, 8, 8), minidl.tensor([0, 1]))])
    assert all(module.training for module in model.modules())


def test_nothing_to_evaluate_on_or_train_on_is_said():
    model, train, test, optimizer, _ = make_run()
    with pytest.raises(ValueError, match="no batch to evaluate on"):
        training.evaluate(model, [])
    with pytest.raises(ValueError, match="gives no batch"):
        training.fit(model, DataLoader(train.dataset, 100, drop_last=True), test, optimizer, progress=False)


def test_a_run_learns_and_leaves_its_files(whole):
    folder, model = whole
    assert sorted(path.name for path in folder.iterdir()) == [
        "best.npz", "config.json", "curves.png", "history.csv", "last.npz",
    ]  # fmt: skip
    history = read_history(folder)
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert [row["lr"] for row in history] == pytest.approx([0.05, 0.0375, 0.0125])
    assert history[-1]["train_accuracy"] > 0.8 and history[-1]["test_accuracy"] > 0.8
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    with open(folder / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [{name: float(value) for name, value in row.items()} for row in rows] == history  # every digit
    assert list(rows[0]) == ["epoch", "lr", "train_loss", "train_accuracy", "test_loss", "test_accuracy"]
    config = json.loads((folder / "config.json").read_text())
    assert config["model"] == "Net" and config["epochs"] == EPOCHS
    assert config["versions"]["numpy"] == np.__version__


def test_best_holds_the_weights_of_the_best_epoch_and_last_those_of_the_last(whole):
    folder, model = whole
    history, test = read_history(folder), make_run()[2]
    best, last = Net(), Net()
    load(best, folder / "best.npz")
    load_last(last, folder)
    assert training.evaluate(best, test)[1] == max(row["test_accuracy"] for row in history)
    assert training.evaluate(last, test) == (history[-1]["test_loss"], history[-1]["test_accuracy"])
    assert_same_weights(last, model)


def test_best_is_kept_when_a_later_epoch_is_worse(tmp_path):
    run = make_run()
    folder = RunFolder(tmp_path, {})
    at = Position()
    for accuracy in (0.5, 0.9, 0.9, 0.7):
        run[0].fc.bias.data[...] = accuracy + at.epoch
        at.score.loss_sum, at.score.seen = 1.0, 1
        at.end_epoch(0.1, 1.0, accuracy)
        folder.save(run[0], run[3], at)
    assert load_npz(tmp_path / "best.npz")["fc.bias"][0] == np.float32(0.9 + 1)


@pytest.mark.parametrize("threads, workers", [(1, 1), (2, 4), (4, 0)])
def test_threads_and_workers_do_not_change_a_bit(whole, tmp_path, threads, workers):
    before = minidl.get_num_threads()
    minidl.set_num_threads(threads)
    try:
        fit(make_run(workers), tmp_path / "run")
    finally:
        minidl.set_num_threads(before)
    for name in ("history.csv", "last.npz", "best.npz"):
        assert (tmp_path / "run" / name).read_bytes() == (whole[0] / name).read_bytes(), name


def test_what_is_printed(capsys):
    model, train, test, optimizer, schedule = make_run()
    history = training.fit(model, train, test, optimizer, schedule, epochs=2)
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert len(lines) == 3 and all(len(line) < 70 for line in lines)
    assert lines[2].startswith("2/2 ") and f"{history[1]['test_loss']:.4f}" in lines[2]
    assert printed.err == ""  # no bar where nobody watches
    fit(make_run(), epochs=1)
    assert capsys.readouterr().out == ""


def test_a_bar_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    model, train, test, optimizer, _ = make_run()
    training.fit(model, train, test, optimizer, epochs=1)
    shown = capsys.readouterr().err
    assert "epoch 1/1" in shown


# ---- Stopping and going on ------------------------------------------------------------------------------------


# 5 training and 4 test batches an epoch. Forward runs for both; the others only in training.
@pytest.mark.parametrize(
    "where, n",
    [("forward", 1), ("forward", 4), ("step", 5), ("step", 7), ("forward", 7), ("forward", 9), ("forward", 27),
     ("save", 1), ("save", 2), ("save", 3)],
)  # fmt: skip
def test_ctrl_c_then_resume_is_as_if_nothing_had_been(whole, tmp_path, monkeypatch, ctrl_c, where, n):
    folder = tmp_path / "run"
    run = make_run()
    if where != "step":  # drawing takes most of the time
        monkeypatch.setattr(RunFolder, "draw", lambda *_, **__: None)
    owner, name = {"forward": (Net, "forward"), "step": (optim.SGD, "step"), "save": (RunFolder, "save")}[where]
    function = getattr(owner, name)
    pressed = PressAt(function, n, ctrl_c)
    monkeypatch.setattr(owner, name, lambda *args: pressed(*args))
    with pytest.raises(KeyboardInterrupt, match=r"stopped"):
        fit(run, folder)
    monkeypatch.setattr(owner, name, function)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert not list(folder.glob(".*"))
    again = make_run()
    fit(again, folder, resume=True)
    assert_same_weights(again[0], whole[1])
    for file in ("history.csv", "last.npz", "best.npz"):
        assert (folder / file).read_bytes() == (whole[0] / file).read_bytes(), file
    assert (folder / "curves.png").exists() == (where == "step")


def test_the_step_under_way_is_finished_and_counted(tmp_path, monkeypatch, ctrl_c):
    run = make_run()
    pressed = PressAt(optim.SGD.step, 3, ctrl_c)
    monkeypatch.setattr(optim.SGD, "step", lambda self: pressed(self))
    with pytest.raises(KeyboardInterrupt, match=r"after 0 epochs and 3 steps; to go on: minidl train --resume .*run"):
        fit(run, tmp_path / "run")
    kept = load_npz(tmp_path / "run" / "last.npz")
    assert (kept["epoch"], kept["batch"], kept["score/seen"], kept["optimizer/step.0"]) == (0, 3, 48, 3)
    assert np.array_equal(kept["model/conv.weight"], run[0].conv.weight.data)


def test_adam_resumes_too(tmp_path, monkeypatch, ctrl_c):
    one = make_run(adam=True)
    fit(one)
    pressed = PressAt(optim.Adam.step, 7, ctrl_c)
    monkeypatch.setattr(optim.Adam, "step", lambda self: pressed(self))
    with pytest.raises(KeyboardInterrupt):
        fit(make_run(adam=True), tmp_path)
    other = make_run(adam=True)
    fit(other, tmp_path, resume=True)
    assert_same_weights(one[0], other[0])


def test_a_second_ctrl_c_stops_at_once_and_keeps_the_last_checkpoint(whole, tmp_path, monkeypatch, ctrl_c):
    steps = PressAt(optim.SGD.step, 8, ctrl_c, times=2)
    monkeypatch.setattr(optim.SGD, "step", lambda self: steps(self))
    with pytest.raises(KeyboardInterrupt, match="at once"):
        fit(make_run(), tmp_path)
    assert steps.calls == 8
    monkeypatch.undo()
    assert load_npz(tmp_path / "last.npz")["epoch"] == 1
    again = make_run()
    fit(again, tmp_path, resume=True)
    assert_same_weights(again[0], whole[1])


def test_ctrl_c_twice_while_writing_leaves_the_old_checkpoint(whole, tmp_path, monkeypatch, ctrl_c):
    writes = PressAt(np.lib.format.write_array, 70, ctrl_c, times=2)
    monkeypatch.setattr(np.lib.format, "write_array", lambda *args, **kw: writes(*args, **kw))
    with pytest.raises(KeyboardInterrupt):
        fit(make_run(), tmp_path)
    assert writes.calls == 70
    monkeypatch.undo()
    assert not list(tmp_path.glob(".*"))
    again = make_run()
    fit(again, tmp_path, resume=True)
    assert_same_weights(again[0], whole[1])


def test_without_a_folder_ctrl_c_says_that_nothing_is_kept(monkeypatch, ctrl_c):
    steps = PressAt(optim.SGD.step, 1, ctrl_c)
    monkeypatch.setattr(optim.SGD, "step", lambda self: steps(self))
    with pytest.raises(KeyboardInterrupt, match="nothing was kept"):
        fit(make_run())


def test_training_works_in_another_thread(whole):
    run = make_run()
    thread = threading.Thread(target=fit, args=(run,))
    thread.start()
    thread.join()
    assert_same_weights(run[0], whole[1])


class PowerCut(BaseException):
    pass


def test_a_run_that_ends_between_any_two_files_goes_on_alike(whole, tmp_path, monkeypatch):
    """Each file lands by os.replace; the run ends just before or just after the n-th of them, for every n."""
    monkeypatch.setattr(RunFolder, "draw", lambda *_, **__: None)  # takes long, and is not gone on from
    replace, landed = os.replace, []

    def cut(source, target):
        landed.append(target)
        if len(landed) <= n or after:
            replace(source, target)
        if len(landed) > n:
            raise PowerCut

    for n, after in [(n, after) for n in range(20) for after in (False, True)]:
        folder, landed[:] = tmp_path / f"{n}{after}", []
        monkeypatch.setattr(os, "replace", cut)
        try:
            fit(make_run(), folder)
        except PowerCut:
            monkeypatch.setattr(os, "replace", replace)
            again = make_run()
            fit(again, folder, resume=True)
            assert_same_weights(again[0], whole[1])
        else:
            break  # n is beyond the last file
        for file in ("history.csv", "last.npz", "best.npz"):
            assert (folder / file).read_bytes() == (whole[0] / file).read_bytes(), (n, after, file)
    assert n >= 1 + 2 * EPOCHS


def test_what_a_killed_process_was_writing_is_cleared_away(tmp_path):
    (tmp_path / ".last.npz.0123abcd.tmp").write_bytes(b"half")
    fit(make_run(), tmp_path, epochs=1)
    assert not list(tmp_path.glob(".*"))


def run_in_a_process(folder):
    """What the processes of the next test do."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    RunFolder.draw = lambda *_, **__: None  # takes long, and is not gone on from
    run = make_run(workers=2)
    print("ready", flush=True)
    fit(run, folder, resume=True, epochs=25)


def test_killed_at_any_moment_and_resumed_gives_the_same_weights(tmp_path):
    one = make_run()
    fit(one, tmp_path / "one", epochs=25)
    code = f"import test_training; test_training.run_in_a_process({str(tmp_path / 'b')!r})"
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(minidl.__file__).parents[1])])
    environment = {**os.environ, "PYTHONPATH": path}
    moments = random.Random(0)
    for attempt in range(6):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment)
        assert process.stdout.readline() == b"ready\n"
        if attempt < 5:
            time.sleep(moments.uniform(0, 0.15))
            process.kill() if attempt % 4 else process.send_signal(signal.SIGINT)
        process.communicate()
    assert process.returncode == 0
    other = Net()
    load_last(other, tmp_path / "b")
    assert_same_weights(other, one[0])
    assert sorted(os.listdir(tmp_path / "b")) == ["best.npz", "config.json", "history.csv", "last.npz"]
    for file in ("history.csv", "last.npz", "best.npz"):
        assert (tmp_path / "b" / file).read_bytes() == (tmp_path / "one" / file).read_bytes(), file


def test_weights_that_are_not_finite_are_never_kept(tmp_path, monkeypatch, ctrl_c):
    run = make_run()

    def step(self):
        run[0].fc.weight.data[...] = np.inf
        ctrl_c()

    monkeypatch.setattr(optim.SGD, "step", step)
    with pytest.raises(training.DivergenceError, match=r"fc\.weight"):
        fit(run, tmp_path)
    assert not (tmp_path / "last.npz").exists()


# ---- Resuming: what is refused --------------------------------------------------------------------------------


def test_a_run_is_not_written_over(whole):
    before = (whole[0] / "last.npz").read_bytes()
    with pytest.raises(FileExistsError, match="holds a run already"):
        fit(make_run(), whole[0])
    assert (whole[0] / "last.npz").read_bytes() == before


def test_a_finished_run_says_so_and_does_nothing(whole, capsys):
    before = {path.name: path.read_bytes() for path in whole[0].iterdir() if path.suffix != ".json"}
    run = make_run()
    history = training.fit(*run, epochs=EPOCHS, out=whole[0], resume=True)
    assert "all 3 epochs were trained already" in capsys.readouterr().out
    assert history == read_history(whole[0])
    assert before == {path.name: path.read_bytes() for path in whole[0].iterdir() if path.suffix != ".json"}
    assert_same_weights(run[0], whole[1])


def test_more_epochs_may_be_asked_for(tmp_path):
    model, train, test, optimizer, _ = make_run()
    one = training.fit(model, train, test, optimizer, epochs=4, progress=False)
    for epochs in (2, 4):
        other, train, test, optimizer, _ = make_run()
        two = training.fit(other, train, test, optimizer, epochs=epochs, out=tmp_path, resume=True, progress=False)
    assert one == two
    assert_same_weights(model, other)


def test_other_options_are_refused_by_name(tmp_path):
    fit(make_run(), tmp_path, epochs=1, config={"lr": 0.1, "seed": 0, "threads": 1, "model": "a"})
    with pytest.raises(ValueError, match=r"lr was 0\.1, now 0\.2; model was a, now b\. ") as caught:
        fit(make_run(), tmp_path, resume=True, config={"lr": 0.2, "seed": 0, "threads": 2, "model": "b"})
    assert "threads" not in str(caught.value) and "epochs" not in str(caught.value)


def test_a_damaged_checkpoint_is_named(whole, tmp_path):
    for path in whole[0].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes()[: 1000 if path.name == "last.npz" else None])
    with pytest.raises(ValueError, match=r"last\.npz is not a whole"):
        fit(make_run(), tmp_path, resume=True)


def test_a_full_disk_at_the_checkpoint_keeps_the_one_before(whole, tmp_path, monkeypatch):
    writes = []
    fsync = os.fsync

    def full(descriptor):
        writes.append(descriptor)
        if len(writes) > 6:  # config; best, last, history of the first epoch; then the second
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"could not write .*No space left on device"):
        fit(make_run(), tmp_path)
    monkeypatch.undo()
    assert not list(tmp_path.glob(".*"))
    again = make_run()
    fit(again, tmp_path, resume=True)
    assert_same_weights(again[0], whole[1])
