"""A run whose loss is no longer finite stops and says where it began."""

import numpy as np
import pytest
from training_runs import fit, make_run

import minidl
from minidl import nn, optim, training
from minidl.serialization import load_npz


def test_a_diverging_run_stops_and_names_the_module(tmp_path):
    minidl.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 3))
    _, train, test, _, _ = make_run()
    optimizer = optim.SGD(model.parameters(), 1e25)
    with np.errstate(all="ignore"), pytest.raises(training.DivergenceError) as caught:
        fit((model, train, test, optimizer), tmp_path)
    message = str(caught.value)
    assert isinstance(caught.value, ArithmeticError)
    assert "epoch 1, batch 2" in message and "learning rate below 1e+25" in message
    assert "that of 1 (Linear)" in message or "that of 3 (Linear)" in message
    assert optimizer.state[0]["step"] == 1  # the step that would have spoilt the weights was not made
    assert not (tmp_path / "last.npz").exists()


class Scale(nn.Module):
    """Overflows from its n-th call in training on."""

    def __init__(self, n):
        super().__init__()
        self.calls, self.n = 0, n

    def forward(self, x):
        self.calls += self.training
        return x * float("inf") if self.calls >= self.n else x


def test_the_first_module_in_order_is_named_and_the_checkpoint_stays(tmp_path):
    minidl.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(64, 8), Scale(7)), nn.Linear(8, 3))
    _, train, test, _, _ = make_run()
    with np.errstate(all="ignore"), pytest.raises(training.DivergenceError, match=r"that of 1\.1 \(Scale\)") as caught:
        fit((model, train, test, optim.SGD(model.parameters(), 0.01)), tmp_path)
    assert "epoch 2, batch 2" in str(caught.value)
    assert "last.npz is the last good checkpoint" in caught.value.__notes__[0]
    assert load_npz(tmp_path / "last.npz")["epoch"] == 1
    assert not any(module._hooks for module in model.modules())


def test_nan_images_are_told_from_divergence():
    model, train, test, optimizer, _ = make_run()
    bad = train.dataset
    bad.transform = lambda image: np.full((1, 8, 8), np.nan, np.float32)
    weights = {name: array.copy() for name, array in model.named_parameters() for array in [array.data]}
    with pytest.raises(training.DivergenceError, match="epoch 1, batch 1: the images themselves hold NaN"):
        fit((model, train, test, optimizer))
    assert all(np.array_equal(weights[name], p.data) for name, p in model.named_parameters())
    with pytest.raises(training.DivergenceError, match="batch 1 of the test data: the images themselves"):
        training.evaluate(model, train)


def test_batch_statistics_spoilt_by_this_very_batch_are_not_blamed():
    model, train, test, _, _ = make_run()
    optimizer = optim.SGD(model.parameters(), 1e25)
    with np.errstate(all="ignore"), pytest.raises(training.DivergenceError, match=r"is that of \w+ \((Conv2d|Batch)"):
        fit((model, train, test, optimizer))


def test_weights_that_were_not_finite_before_are_named():
    run = make_run()
    run[0].fc.weight.data[1, 2] = np.nan
    with pytest.raises(training.DivergenceError, match=r"fc\.weight held NaN or infinite values before this batch"):
        fit(run)
