"""The folder that a training run leaves, and everything needed to go on from it to the last bit.

    config.json   what was asked for: model, data, options, versions
    history.csv   one line an epoch
    curves.png    the same as a picture
    best.npz      the weights with the best test accuracy so far
    last.npz      weights, optimizer, random state and position after the last checkpoint

They are written in the order `best.npz`, `last.npz`, `history.csv`: a run that is killed in between goes on from
the older `last.npz` and writes the same again.
"""

import csv
import io
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import minidl
from minidl import random
from minidl.serialization import load_npz, save, save_npz, write_atomically

COLUMNS = ["epoch", "lr", "train_loss", "train_accuracy", "test_loss", "test_accuracy"]
# What may differ between a run and its resumption: the rest would make it another run.
MAY_DIFFER = {"epochs", "device", "threads", "workers", "versions"}
SECONDS_BETWEEN_DRAWINGS = 30


@dataclass
class Score:
    """Loss and accuracy over the samples counted so far; a smaller last batch weighs less."""

    loss_sum: float = 0.0
    correct: int = 0
    seen: int = 0

    def count(self, loss, logits, labels):
        """Count a batch: its mean loss, logits (N, K) and labels (N,)."""
        self.loss_sum += loss * len(labels.data)
        self.correct += int((logits.data.argmax(axis=1) == labels.data).sum())
        self.seen += len(labels.data)

    @property
    def loss(self):
        return self.loss_sum / self.seen

    @property
    def accuracy(self):
        return self.correct / self.seen


@dataclass
class Position:
    """Where training stands: epochs ended, whole steps made in the one under way, and what was measured."""

    epoch: int = 0
    batch: int = 0
    score: Score = field(default_factory=Score)
    history: list = field(default_factory=list)

    def end_epoch(self, lr, test_loss, test_accuracy):
        """Move on to the next epoch; returns the line of history of the one that has ended."""
        values = [self.epoch + 1, lr, self.score.loss, self.score.accuracy, test_loss, test_accuracy]
        self.history.append(dict(zip(COLUMNS, values, strict=True)))
        self.epoch, self.batch, self.score = self.epoch + 1, 0, Score()
        return self.history[-1]


class RunFolder:
    """The files of one run. An existing run is never written over: it is resumed, or refused."""

    def __init__(self, path, config, resume=False):
        self.path = Path(path)
        self.drawn = time.monotonic()
        config = {**config, "versions": versions()}
        if (self.path / "config.json").exists():
            if not resume:
                raise FileExistsError(f"{self.path} holds a run already: resume it (resume=True) or name another")
            check_same_run(self.path, read_config(self.path), config)
        self.path.mkdir(parents=True, exist_ok=True)
        for leftover in self.path.glob(".*.tmp"):  # of a process that was killed while writing
            leftover.unlink()
        self.config = config
        if not resume:
            self.write_config()

    def write_config(self):
        """Write `config.json`: of a resumed run only when its checkpoint has proved to be good."""
        self._write_text("config.json", json.dumps(self.config, indent=2) + "\n")

    def restore(self, model, optimizer, schedule=None):
        """Put model, optimizer, schedule and random state back as they were; returns the Position.

        A run that was killed before its first checkpoint starts at the beginning.
        """
        if not (self.path / "last.npz").exists():
            return Position()
        path = self.path / "last.npz"
        entries = load_npz(path)
        try:
            return self._restore(entries, model, optimizer, schedule)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is not a checkpoint of this run: {error}") from error

    @staticmethod
    def _restore(entries, model, optimizer, schedule):
        _load_weights(model, entries)
        optimizer.load_state_dict(_section(entries, "optimizer"))
        random.generator().bit_generator.state = json.loads(entries["generator"])
        at = Position(entries["epoch"], entries["batch"], Score(**_section(entries, "score")), _history(entries))
        if schedule is not None:
            schedule.set_epoch(at.epoch)
        return at

    def save(self, model, optimizer, at):
        """Write the checkpoint `last.npz`, and `best.npz` and the history when an epoch has just ended."""
        accuracies = [row["test_accuracy"] for row in at.history]
        epoch_ended = at.history and at.batch == 0
        if epoch_ended and accuracies[-1] > max(accuracies[:-1], default=-1):
            save(model, self.path / "best.npz")
        parts = {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "score": vars(at.score),
            "history": {name: np.array([row[name] for row in at.history]) for name in COLUMNS},
        }
        entries = {f"{part}/{name}": value for part, values in parts.items() for name, value in values.items()}
        generator = json.dumps(random.generator().bit_generator.state)
        save_npz(self.path / "last.npz", {"epoch": at.epoch, "batch": at.batch, "generator": generator, **entries})
        if epoch_ended:
            self.write_history(at.history)

    def write_history(self, history):
        """Write `history.csv`; the digits are those that give back the very same numbers."""
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
        self._write_text("history.csv", text.getvalue())

    def draw(self, history, now=True):
        """Draw `curves.png`; with now=False only if that was not done lately (it takes a third of a second)."""
        if history and (now or time.monotonic() - self.drawn > SECONDS_BETWEEN_DRAWINGS):
            from minidl.visualize import plot_curves  # matplotlib takes a second to import

            plot_curves(history, self.path / "curves.png")
            self.drawn = time.monotonic()

    def _write_text(self, name, text):
        with write_atomically(self.path / name) as file:
            file.write(text.encode())


def load_last(model, run):
    """Load the weights of the last checkpoint of a run, which need not be its best ones."""
    _load_weights(model, load_npz(Path(run) / "last.npz"))


def read_history(run):
    """The history of a run up to its last checkpoint, as `fit` returns it."""
    return _history(load_npz(Path(run) / "last.npz"))


def read_config(run):
    """The contents of `config.json` of a run."""
    path = Path(run) / "config.json"
    try:
        config = json.loads(path.read_text())
    except FileNotFoundError:
        raise FileNotFoundError(f"{run} is not the folder of a run: there is no {path}") from None
    except ValueError as error:
        raise ValueError(f"{path} is not whole ({error})") from error
    if not isinstance(config, dict):
        raise ValueError(f"{path} should hold the options of a run by name, not a {type(config).__name__}")
    return config


def check_same_run(path, before, now):
    """Raise a ValueError that names every option in which two configurations differ, but for harmless ones."""
    names = sorted((before.keys() | now.keys()) - MAY_DIFFER)
    now = json.loads(json.dumps(now))  # a tuple comes back from a file as a list
    changes = [f"{n} was {before.get(n)}, now {now.get(n)}" for n in names if before.get(n) != now.get(n)]
    if changes:
        raise ValueError(f"cannot resume {path} with other options: {'; '.join(changes)}. Start a new run for these")


def versions():
    """The versions that a run's last digits may depend on."""
    return {"minidl": minidl.__version__, "numpy": np.__version__, "python": sys.version.split()[0]}


def _load_weights(model, entries):
    model.load_state_dict({name: np.asarray(value) for name, value in _section(entries, "model").items()})


def _history(entries):
    columns = _section(entries, "history")
    rows = zip(*(columns[name].tolist() for name in COLUMNS), strict=True)
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def _section(entries, part):
    prefix = f"{part}/"
    return {name.removeprefix(prefix): value for name, value in entries.items() if name.startswith(prefix)}
