"""Training and evaluating a classifier: the loop, and what a long run needs around it.

`train_epoch` is the training loop that the lectures speak of. `fit` adds what an evening's run needs: progress,
history, checkpoints, Ctrl-C, and going on where it stopped.
"""

import math
import signal
import threading
import time
from contextlib import closing

from tqdm.auto import tqdm

from minidl import functional as F
from minidl.autograd import Tensor, no_grad
from minidl.backend import get_array_module
from minidl.checkpoint import Position, RunFolder, Score
from minidl.nn.module import device_of, evaluation_mode


def train_epoch(model, batches, optimizer, at):
    """Train on every batch once; `at` counts the steps, the loss and the accuracy."""
    device = device_of(model)
    for images, labels in batches:
        images, labels = images.to(device), labels.to(device)
        logits, loss = logits_and_loss(model, images, labels)
        check_finite(loss, model, images, f"epoch {at.epoch + 1}, batch {at.batch + 1}", optimizer)

        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

        at.score.count(loss.item(), logits, labels)
        at.batch += 1


def logits_and_loss(model, images, labels):
    """The logits, and their cross-entropy; one with auxiliary classifiers, as GoogLeNet, has its own loss."""
    if not hasattr(model, "forward_with_aux"):
        logits = model(images)
        return logits, F.cross_entropy(logits, labels)
    outputs = model.forward_with_aux(images)
    return outputs[0], model.loss(outputs, labels)


@no_grad()
def evaluate(model, batches):
    """The mean loss and the accuracy of a classifier over all samples, as (loss, accuracy).

    Dropout and batch norm behave as in use; afterwards every module is back in the mode it was in.
    """
    device, score = device_of(model), Score()
    with evaluation_mode(model):
        for number, (images, labels) in enumerate(batches, start=1):
            images, labels = images.to(device), labels.to(device)
            logits = model(images)
            loss = F.cross_entropy(logits, labels)
            check_finite(loss, model, images, f"batch {number} of the test data")
            score.count(loss.item(), logits, labels)
    if not score.seen:
        raise ValueError("evaluate: there is no batch to evaluate on; is the data set empty?")
    return score.loss, score.accuracy


@no_grad()
def average_predictions(model, views):
    """The probabilities (N, K) of each image's classes: the softmax averaged over its views (N, V, C, H, W).

    The views are what `data.FiveCrop` or `data.TenCrop` cut out of an image; the model works as in use.
    Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks, 2012, section 4.1.
    """
    if len(views.shape) != 5 or 0 in views.shape[:2]:
        raise ValueError(
            f"average_predictions: expected views (N, V, C, H, W) of at least one image, got {views.shape}; "
            "TenCrop before ToArray makes ten of an image"
        )
    with evaluation_mode(model):
        logits = model(views.to(device_of(model)).reshape(-1, *views.shape[2:]))
    return F.softmax(logits, dim=1).reshape(*views.shape[:2], -1).mean(dim=1)


def fit(
    model, train_loader, test_loader, optimizer, schedule=None,
    epochs=10, out=None, resume=False, progress=True, config=None,
):  # fmt: skip
    """Train a classifier and return the history: one dict an epoch, with the loss and accuracy on both data sets.

    train_loader, test_loader: DataLoaders that give images (N, C, H, W) and labels (N,).
    schedule: sets the learning rate, one step an epoch.
    out: a folder for checkpoints, history.csv, curves.png and config.json (see minidl.checkpoint); None keeps nothing.
    resume: go on from the checkpoint in `out`, if there is one, exactly as if there had been no stop.
    config: what to note in config.json; resuming with another one is refused.

    Ctrl-C waits for the step under way, writes a checkpoint and then raises KeyboardInterrupt; a second one
    stops at once. A loss that is not finite raises DivergenceError, and the last checkpoint stays.
    """
    if not len(train_loader):
        raise ValueError("fit: the training loader gives no batch; is the data set smaller than one batch?")
    run = RunFolder(out, {**(config or _describe(model, optimizer)), "epochs": epochs}, resume) if out else None
    at = run.restore(model, optimizer, schedule) if run and resume else Position()
    if at.epoch + (at.batch > 0) > epochs:
        raise ValueError(f"{out} is in epoch {at.epoch + (at.batch > 0)} already and cannot end after {epochs}")
    if run and resume:
        run.write_config()
    report = Report(epochs, progress)
    if at.epoch >= epochs:
        report.say(f"{out}: all {at.epoch} epochs were trained already; ask for more epochs to go on")
    elif at.epoch or at.batch:
        report.say(f"going on after {at.epoch} epochs and {at.batch} steps")
    model.train()
    with Interruption() as interruption:
        try:
            while at.epoch < epochs:
                train_loader.set_epoch(at.epoch)
                batches = interruption.between(train_loader.batches(start=at.batch))
                with closing(report.bar(batches, len(train_loader), at)) as batches:
                    train_epoch(model, batches, optimizer, at)
                scores = evaluate(model, interruption.between(test_loader))
                row = at.end_epoch(optimizer.lr, *scores)
                if schedule is not None:
                    schedule.step()
                if run:
                    run.save(model, optimizer, at)
                    run.draw(at.history, now=at.epoch == epochs)
                report.epoch(row)
        except Interrupted:
            raise KeyboardInterrupt(_keep_unfinished(run, model, optimizer, at)) from None
        except DivergenceError as error:
            if run and (run.path / "last.npz").exists():
                error.add_note(f"{run.path / 'last.npz'} is the last good checkpoint")
            raise
    if run:
        run.write_history(at.history)
        if not (run.path / "curves.png").exists():  # killed between the last checkpoint and the drawing
            run.draw(at.history)
    return at.history


def _keep_unfinished(run, model, optimizer, at):
    """Save a run that was stopped between two steps; returns the sentence that says how to go on."""
    where = f"stopped after {at.epoch} epochs and {at.batch} steps"
    if not run:
        return f"{where}; nothing was kept, for no folder was given (out)"
    _check_arrays(model.state_dict(), f"epoch {at.epoch + 1}, batch {at.batch + 1}", optimizer)
    run.save(model, optimizer, at)
    run.draw(at.history)
    return f"{where}; to go on: minidl train --resume {run.path} (in Python: fit with resume=True)"


def _describe(model, optimizer):
    """What identifies a run whose caller gave no config."""
    count = sum(parameter.size for parameter in model.parameters())
    return {"model": type(model).__name__, "parameters": count, "optimizer": type(optimizer).__name__}


class Report:
    """Progress for the eye: a bar while an epoch runs (on terminals and in notebooks), then one line."""

    def __init__(self, epochs, shown):
        self.epochs, self.shown = epochs, shown
        self.heading = "epoch   train loss    acc   test loss    acc       lr  seconds"

    def bar(self, batches, total, at):
        """Hand on the batches and show how far the epoch is. disable=None: no bar in a log file."""
        self.started = time.perf_counter()
        with tqdm(
            desc=f"epoch {at.epoch + 1}/{self.epochs}", initial=at.batch, total=total,
            leave=False, dynamic_ncols=True, disable=None if self.shown else True,
            bar_format="{desc} |{bar}| {n_fmt}/{total_fmt} {remaining}{postfix}",  # loss and accuracy in 60 columns
        ) as bar:  # fmt: skip
            for batch in batches:
                yield batch
                bar.set_postfix_str(f"loss {at.score.loss:.3f}, acc {at.score.accuracy:.3f}", refresh=False)
                bar.update()

    def epoch(self, row):
        """Print the line of an epoch that has ended, under a heading the first time."""
        if self.heading:
            self.say(self.heading)
            self.heading = None
        epoch = f"{row['epoch']}/{self.epochs}"
        train = f"{row['train_loss']:10.4f} {row['train_accuracy']:6.4f}"
        test = f"{row['test_loss']:11.4f} {row['test_accuracy']:6.4f}"
        self.say(f"{epoch:7} {train} {test} {row['lr']:8.2g} {time.perf_counter() - self.started:8.1f}")

    def say(self, line):
        if self.shown:
            print(line, flush=True)


# ---- Ctrl-C ---------------------------------------------------------------------------------------------------


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, raised where everything is whole: between two steps."""


class Interruption:
    """Makes Ctrl-C wait for a point between two steps; the second one stops at once, as it always did.

    Only the main thread is told of Ctrl-C: elsewhere, and where the signal is ignored, this does nothing.
    """

    pressed = False

    def __enter__(self):
        in_main = threading.current_thread() is threading.main_thread()
        self.previous = signal.getsignal(signal.SIGINT) if in_main else None
        if self.previous is signal.SIG_IGN:
            self.previous = None
        if self.previous is not None:
            signal.signal(signal.SIGINT, self._press)
        return self

    def __exit__(self, kind, *_):
        if self.previous is not None:
            signal.signal(signal.SIGINT, self.previous)
        if self.pressed and kind is None:  # it came after the last step
            raise KeyboardInterrupt("stopped, but training had just ended")

    def between(self, items):
        """Hand on the items; between two of them, raise Interrupted if Ctrl-C was pressed."""
        for item in items:
            self._check()
            yield item
        self._check()

    def _press(self, *_):
        if self.pressed:
            raise KeyboardInterrupt("stopped at once; the last checkpoint is as it was")
        self.pressed = True

    def _check(self):
        if self.pressed:
            raise Interrupted


# ---- Divergence -----------------------------------------------------------------------------------------------


class DivergenceError(ArithmeticError):
    """The loss is no longer a finite number."""


def check_finite(loss, model, images, where, optimizer=None):
    """Raise a DivergenceError that names the first thing to go wrong, unless the loss is finite."""
    if math.isfinite(loss.item()):
        return
    if not _is_finite(images):
        raise DivergenceError(f"{where}: the images themselves hold NaN or infinite values; the fault is in the data")
    # Not the buffers: this batch may already have spoilt a running mean.
    _check_arrays({name: parameter.data for name, parameter in model.named_parameters()}, where, optimizer)
    culprit = _first_not_finite(model, images)
    found = f"the first output not finite is that of {culprit}" if culprit else "yet every module's output is finite"
    raise DivergenceError(f"{where}: the loss is {loss.item()}; {found}{_hint(optimizer)}")


def _check_arrays(arrays, where, optimizer=None):
    """Raise a DivergenceError that names the first array (of a dict) that is not finite."""
    for name, array in arrays.items():
        if not _is_finite(array):
            raise DivergenceError(f"{where}: {name} held NaN or infinite values before this batch{_hint(optimizer)}")


def _first_not_finite(model, images):
    """Run a batch again and watch: the first module whose output is not finite, by name and class, or None."""
    culprits = []

    def watch(name):
        def hook(module, inputs, output):
            if not _is_finite(output):
                culprits.append(f"{name or 'the model'} ({type(module).__name__})")

        return hook

    handles = [module.register_forward_hook(watch(name)) for name, module in model.named_modules()]
    try:
        with no_grad():
            model(images)
    finally:
        for handle in handles:
            handle.remove()
    return culprits[0] if culprits else None


def _is_finite(value):
    array = value.data if isinstance(value, Tensor) else value
    return bool(get_array_module(array).isfinite(array).all())


def _hint(optimizer):
    return f". Try a learning rate below {optimizer.lr:g}" if optimizer else ". Try a lower learning rate in training"
