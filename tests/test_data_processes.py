"""The loader with worker processes: the same batches, errors that come through, and nothing left behind."""

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import types

import numpy as np
import pytest
from loader_samples import CannotBeRead, Dying, Failing, Marking, Numbers, OwnError, Slow
from PIL import Image

from minidl.data import (
    Compose,
    DataLoader,
    ImageDataset,
    ImageFolder,
    RandomCrop,
    RandomHorizontalFlip,
    RandomHSV,
    RandomResizedCrop,
    Subset,
    ToArray,
)


def processes(dataset, batch_size=1, num_workers=1, **settings):
    return DataLoader(dataset, batch_size, num_workers=num_workers, worker="process", **settings)


def flat(batches):
    return [tuple(field.numpy().tobytes() for field in batch) for batch in batches]


@pytest.fixture(autouse=True)
def no_process_is_left_behind(monkeypatch):
    """And none imports pytest, which is the program here, but takes longer than most of these tests."""
    monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))
    yield
    assert not multiprocessing.active_children()


# ---- Batches --------------------------------------------------------------------------------------------------

AUGMENT = Compose([RandomCrop(8, 2), RandomHorizontalFlip(), RandomHSV(), ToArray()])


def test_any_number_of_threads_and_processes_gives_the_same_bits():
    rng = np.random.default_rng(3)
    whole = ImageDataset(rng.integers(0, 256, (30, 8, 8, 3), np.uint8), rng.integers(0, 4, 30), list("abcd"), AUGMENT)
    dataset = Subset(whole, np.arange(29, 2, -1))
    expected = None
    for worker, num_workers in (("thread", 0), ("thread", 2), ("process", 1), ("process", 3)):
        loader = DataLoader(dataset, 4, shuffle=True, num_workers=num_workers, seed=1, worker=worker)
        loader.set_epoch(2)
        batches = flat(loader)
        expected = expected or batches
        assert batches == expected and len(batches) == 7 and loader.epoch == 3
    loader.set_epoch(2)
    assert flat(loader.batches(5)) == expected[5:]


def test_a_folder_of_photos(tmp_path):
    rng = np.random.default_rng(0)
    for k in range(6):
        path = tmp_path / "ab"[k % 2] / f"{k}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (30 + k, 40, 3), np.uint8)).save(path)
    dataset = ImageFolder(tmp_path, Compose([RandomResizedCrop(16), ToArray()]))
    runs = [flat(DataLoader(dataset, 4, True, n, worker=w)) for w, n in (("thread", 0), ("process", 1))]
    assert runs[0] == runs[1]


def test_samples_of_several_fields_and_sizes():
    samples = [(np.zeros((0, 3)), (i, i / 2, bool(i % 2)), np.asfortranarray(np.eye(3) * i)) for i in range(5)]
    for theirs, ours in zip(processes(samples, 2), DataLoader(samples, 2), strict=True):
        (a, (b, c, d), e), (f, (g, h, i), j) = theirs, ours
        for x, y in ((a, f), (b, g), (c, h), (d, i), (e, j)):
            np.testing.assert_array_equal(x.numpy(), y.numpy())
            assert x.dtype == y.dtype
        e.data[...] = 1  # like every batch, it may be written to


def test_no_batches_start_no_process():
    assert list(processes(Numbers(0))) == []
    assert list(processes(Numbers(3), 5, drop_last=True)) == []


def test_batches_larger_than_a_pipe():
    for images, labels in processes(Numbers(8, (3, 200, 200)), 2, num_workers=2):
        assert (images.numpy() == labels.numpy()[:, None, None, None]).all()


def test_prefetch_is_bounded(tmp_path):
    batches = iter(processes(Marking(1000, tmp_path), num_workers=2))
    for _ in range(3):
        next(batches)
    time.sleep(0.3)
    few = len(list(tmp_path.iterdir()))
    batches.close()
    assert 3 <= few < 1000


# ---- Errors ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error, expected, message",
    [
        ([ValueError, "bad file"], ValueError, "sample 5: bad file"),
        ([FileNotFoundError, 2, "No such file", "a.jpg"], FileNotFoundError, r"sample 5: .*a\.jpg"),
        ([OwnError, "this", "that"], RuntimeError, "sample 5: OwnError: this and that"),
    ],
)
def test_an_error_names_the_sample_and_comes_in_its_turn(error, expected, message):
    loader, seen = processes(Failing(20, *error), num_workers=1), []
    with pytest.raises(expected, match=message) as caught:
        for numbers in loader:
            seen += numbers.numpy().tolist()
    assert seen == [0, 1, 2, 3, 4] and loader.epoch == 0
    assert "in __getitem__" in caught.value.__notes__[0]  # the traceback of the worker


def test_samples_that_do_not_fit_together():
    with pytest.raises(ValueError, match="samples 0 and 1 differ in shape"):
        list(processes([np.zeros(2), np.zeros(3)], 2))
    with pytest.raises(TypeError, match="sample 0 holds a dict"):
        list(processes([{}], 2))


def test_a_worker_that_is_killed_is_told():
    with pytest.raises(RuntimeError, match="ended with exit code -9 before its batch was ready"):
        list(processes(Dying(20)))


def test_a_worker_that_is_killed_while_it_waits_to_hand_a_batch_over_is_told():
    batches = iter(processes(Numbers(20, (1_000_000,)), num_workers=1))
    next(batches)
    time.sleep(1)  # until the worker is in the middle of the second batch, which is larger than the pipe
    for worker in multiprocessing.active_children():
        worker.kill()
        worker.join()
    with pytest.raises(RuntimeError, match="ended with exit code -9 before its batch was ready"):
        list(batches)


def test_what_cannot_be_sent_is_told_with_what_to_do():
    for dataset, reason in ((ImageDataset(np.zeros((4, 2, 2), np.uint8), [0] * 4, ["a"], lambda x: x), "lambda"),
                            ([threading.Lock()], "lock")):  # fmt: skip
        with pytest.raises(TypeError, match=rf"cannot be sent to worker processes: .*{reason}.*top of a module"):
            list(processes(dataset))
    with pytest.raises(TypeError, match="cannot be sent to worker processes: .*Disks.*worker='thread'"):
        list(processes(CannotBeRead(4)))


def test_wrong_settings():
    with pytest.raises(ValueError, match="worker must be 'thread' or 'process', got 'fork'"):
        DataLoader(Numbers(4), worker="fork")


# ---- Leaving --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["break", "error", "abandoned", "garbage"])
def test_processes_end_when_the_consumer_leaves(how):
    """Though they would still work for half a minute."""
    begun = time.monotonic()
    loader = processes(Slow(1000), num_workers=2)
    if how == "break":
        for _ in loader:
            break
    elif how == "error":
        with pytest.raises(ZeroDivisionError):
            for _ in loader:
                1 / 0  # noqa: B018
    else:
        cycle = [iter(loader)]
        assert next(cycle[0]).numpy() == [0]
        if how == "garbage":
            cycle.append(cycle)
        del cycle
        gc.collect()
    assert not multiprocessing.active_children() and time.monotonic() - begun < 15


SCRIPT = """
    import os, sys, time
    import numpy as np
    from minidl.data import DataLoader, Dataset

    class Slow(Dataset):
        def __len__(self):
            return 50
        def __getitem__(self, index):
            os.write(1, b"at %d\\n" % os.getpid())
            time.sleep(0.2)
            return index
"""
MAIN = """
    if __name__ == "__main__":
        for _ in DataLoader(Slow(), num_workers=2, worker="process"):
            pass
"""


def script(tmp_path, main):
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(SCRIPT + main))
    return subprocess.Popen(
        [sys.executable, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def is_gone(pid, seconds=10):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.skipif(sys.platform == "win32", reason="signals are of POSIX")
@pytest.mark.parametrize("how, to_all", [(signal.SIGINT, True), (signal.SIGINT, False), (signal.SIGKILL, False)])
def test_whatever_ends_the_program_ends_its_workers(tmp_path, how, to_all):
    """Ctrl-C, which the terminal sends to all processes: one traceback. And a program that is killed."""
    program = script(tmp_path, MAIN)
    workers = set()
    while len(workers) < 2:
        workers.add(int(program.stdout.readline().split()[1]))
    (os.killpg if to_all else os.kill)(program.pid, how)
    errors = program.communicate(timeout=30)[1]
    assert program.returncode in (-how, 128 + how)
    assert errors.count("Traceback") == (how == signal.SIGINT), errors
    assert all(is_gone(pid) for pid in workers)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are of POSIX")
def test_ctrl_c_while_the_workers_start(tmp_path):
    program = script(tmp_path, MAIN.replace("for _", "print('ready', flush=True)\n        for _"))
    assert program.stdout.readline() == "ready\n"
    time.sleep(0.15)
    os.killpg(program.pid, signal.SIGINT)
    errors = program.communicate(timeout=30)[1]
    assert errors.count("Traceback") == 1 and errors.strip().endswith("KeyboardInterrupt"), errors


def test_a_script_without_the_guard_is_told(tmp_path):
    program = script(tmp_path, "    list(DataLoader(Slow(), num_workers=1, worker='process'))\n")
    errors = program.communicate(timeout=60)[1]
    assert program.returncode == 1
    assert "RuntimeError: DataLoader: a worker process ended with exit code 1" in errors
    assert 'if __name__ == "__main__":' in errors.splitlines()[-1]
