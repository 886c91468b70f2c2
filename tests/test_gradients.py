"""Every op of the package against numerical gradients, and wrong backwards that the check must catch."""

import importlib
import inspect
import pkgutil
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import check_op

from minidl import ops
from minidl.autograd import Op
from minidl.ops.examples import EXAMPLES, normal

ABSTRACT = {
    "Op", "Reduction", "Convolution", "Windows", "Pool2d", "AdaptivePool2d", "Unpool", "Region", "WeightedRegion",
    "Pointwise", "SampleNorm", "Loss", "ClassLoss", "DifferenceLoss",
}  # fmt: skip
NO_GRADIENT_OF_ITS_OWN = {"ToDevice", "Cast"}  # they move arrays: test_backend.py, test_operators.py


def all_ops():
    """name -> class for every Op that the package defines below its training loop."""
    found = {}
    for package in ("autograd", "ops", "nn", "models"):
        package = importlib.import_module(f"minidl.{package}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            for name, value in vars(importlib.import_module(module.name)).items():
                if inspect.isclass(value) and issubclass(value, Op) and name not in ABSTRACT:
                    found[name] = value
    return found


OPS = SimpleNamespace(**all_ops())


CASES = EXAMPLES | {
    "SubsampleAndPad": (lambda: OPS.SubsampleAndPad(5, 2), normal((2, 3, 5, 4))),
}  # those of ops that belong to one model only


def test_every_op_has_a_case():
    assert set(all_ops()) - NO_GRADIENT_OF_ITS_OWN == {type(make()).__name__ for make, _ in CASES.values()}


@pytest.mark.parametrize("name", CASES)
def test_backward_is_the_derivative_of_forward(name):
    make, inputs = CASES[name]
    for seed in range(20 if "Conv" not in name and "BatchNorm" not in name else 8):
        rng = np.random.default_rng([seed, len(name)])
        check_op(make, inputs(rng), rng)


def transposed(gradient):
    """The gradient with two axes of the same length exchanged; flipped where there are none."""
    for axis in range(gradient.ndim - 1):
        if gradient.shape[axis] == gradient.shape[axis + 1] > 1:
            return gradient.swapaxes(axis, axis + 1)
    return gradient[(slice(None, None, -1),) * gradient.ndim]


WRONGS = {
    "scaled": lambda g: g * 1.01,
    "negated": lambda g: -g,
    "transposed": transposed,
    "shifted": lambda g: np.roll(g, 1),
    "one value": lambda g: g + (np.arange(g.size) == np.argmax(abs(g))).reshape(g.shape) * g * 0.05,
}


@pytest.mark.parametrize("wrong", WRONGS)
@pytest.mark.parametrize("name", CASES)
def test_a_planted_wrong_backward_is_caught(name, wrong):
    make, inputs = CASES[name]
    rng = np.random.default_rng(7)
    arrays = inputs(rng)
    caught = 0
    for i in range(len(arrays)):
        correct = make()
        gradient = correct.backward(rng.standard_normal(np.shape(correct.forward(*arrays))))[i]
        if np.allclose(WRONGS[wrong](gradient), gradient, 1e-4):
            continue  # a constant gradient looks the same shifted; scaled and negated never do

        def plant(i=i):
            op = make()
            right = op.backward
            op.backward = lambda gy: tuple(WRONGS[wrong](g) if j == i else g for j, g in enumerate(right(gy)))
            return op

        with pytest.raises(AssertionError):
            check_op(plant, arrays, np.random.default_rng(8))
        caught += 1
    assert caught == len(arrays) or wrong not in ("scaled", "negated")


def test_the_check_sees_an_op_that_writes_to_its_input_or_to_gy():
    class WritesToInput(Op):
        def forward(self, x):
            x *= 1.5
            return x * 1

        def backward(self, gy):
            return (gy,)

    class WritesToGradient(WritesToInput):
        def forward(self, x):
            return x * 1

        def backward(self, gy):
            gy += 1
            return (gy,)

    for op, message in ((WritesToInput, "input was changed"), (WritesToGradient, "changed gy")):
        with pytest.raises(AssertionError, match=message):
            check_op(op, [np.ones((2, 3))], np.random.default_rng(0))


def test_large_inputs_are_checked_along_random_directions():
    rng = np.random.default_rng(0)
    check_op(lambda: ops.Conv2d(padding=1), [rng.standard_normal(s) for s in ((4, 8, 9, 9), (16, 8, 3, 3), (16,))], rng)

    class Wrong(ops.Conv2d):
        def backward(self, gy):
            gx, gw, gb = super().backward(gy)
            gw[3, 2] = gw[3, 2].T.copy()
            return gx, gw, gb

    with pytest.raises(AssertionError):
        check_op(Wrong, [rng.standard_normal(s) for s in ((4, 8, 9, 9), (16, 8, 3, 3), (16,))], rng)
