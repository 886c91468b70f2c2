"""Every op of the package against numerical gradients, and wrong backwards that the check must catch."""

import importlib
import inspect
import pkgutil
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import away_from_kinks, check_op

import minidl
from minidl import ops
from minidl.autograd import Op

ABSTRACT = {
    "Op", "Reduction", "Convolution", "Windows", "Pool2d", "AdaptivePool2d", "Unpool", "Region", "WeightedRegion",
    "Pointwise", "SampleNorm", "Loss", "ClassLoss", "DifferenceLoss",
}  # fmt: skip
NO_GRADIENT_OF_ITS_OWN = {"ToDevice"}  # moves arrays, see test_backend.py


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


def normal(*shapes):
    """Arrays of normal random numbers of these shapes."""
    return lambda rng: [rng.standard_normal(shape) for shape in shapes]


def positive(*shapes):
    return lambda rng: [rng.uniform(0.5, 2, shape) for shape in shapes]


def apart(*shapes):
    """Arrays whose values are apart from each other and from zero."""
    return lambda rng: [away_from_kinks(rng, *shape) for shape in shapes]


def seeded(op, *settings):
    """What makes the op anew with the same random numbers each time."""

    def make():
        minidl.manual_seed(5)
        return op(*settings)

    return make


LABELS = np.array([[2, 0, -100], [1, 1, 3]])
BOXES = np.array([[1, 0.6, 1, 9.5, 8.8], [0, -3, 2, 4, 7], [1, 3, 3, 3, 3]])
PLACES = np.random.default_rng(0).permuted(np.tile(np.arange(16), (2, 2, 1)), axis=2)[:, :, :4].reshape(2, 2, 2, 2)
def pair_apart(rng):
    """Two arrays whose differences are away from zero."""
    target = rng.standard_normal((3, 4))
    return [target + away_from_kinks(rng, 3, 4), target]


def dropout():
    minidl.manual_seed(5)
    return ops.Dropout(0.4)


LABELS = np.array([[2, 0, -100], [1, 1, 3]])
CLASSES = np.array([3, 0, 1])
CONDITION = np.array([[True], [False], [True]])

# name of the case: (what makes the op, what makes the inputs)
CASES = {
    "Add": (OPS.Add, normal((2, 3, 4), (3, 1))),
    "Subtract": (OPS.Subtract, normal((3, 1), (2, 3, 4))),
    "Multiply": (OPS.Multiply, normal((2, 1, 4), (3, 4))),
    "Divide": (OPS.Divide, positive((3, 4), (2, 1, 4))),
    "Power": (lambda: OPS.Power(2.5), positive((3, 4))),
    "Power of -2": (lambda: OPS.Power(-2), apart((3, 4))),
    "MatMul": (OPS.MatMul, normal((3, 4), (4, 4))),
    "MatMul of a stack": (OPS.MatMul, normal((2, 1, 3, 4), (3, 4, 4))),
    "Exp": (OPS.Exp, normal((3, 4))),
    "Log": (OPS.Log, positive((3, 4))),
    "Sqrt": (OPS.Sqrt, positive((3, 4))),
    "Abs": (OPS.Abs, apart((3, 4))),
    "Clip": (lambda: OPS.Clip(-0.7, 0.9), apart((4, 5))),
    "Where": (lambda: OPS.Where(CONDITION), normal((3, 4), (4,))),
    "Sum": (lambda: OPS.Sum((0, -1)), normal((2, 3, 4))),
    "Mean": (lambda: OPS.Mean(1, keepdim=True), normal((2, 3, 4))),
    "Max": (lambda: OPS.Max(1), apart((2, 3, 4))),
    "Min": (lambda: OPS.Min(), apart((2, 3, 4))),
    "Var": (lambda: OPS.Var((0, 2)), normal((2, 3, 4))),
    "Reshape": (lambda: OPS.Reshape((4, -1)), normal((2, 3, 4))),
    "Permute": (lambda: OPS.Permute((2, 0, 1)), normal((2, 3, 4))),
    "GetItem": (lambda: OPS.GetItem((slice(None), np.array([0, 2, 2, 0]))), normal((2, 3, 4))),
    "Concatenate": (lambda: OPS.Concatenate(1), normal((2, 3), (2, 1), (2, 4))),
    "ReLU": (ops.ReLU, apart((4, 5))),
    "LeakyReLU": (lambda: ops.LeakyReLU(0.2), apart((4, 5))),
    "PReLU": (ops.PReLU, lambda rng: [*apart((2, 3, 4))(rng), rng.standard_normal(3)]),
    "PReLU of one slope": (ops.PReLU, lambda rng: [*apart((4, 5))(rng), rng.standard_normal(1)]),
    "ReLU6": (ops.ReLU6, lambda rng: [3 * away_from_kinks(rng, 4, 5) + 3]),
    "Maxout": (lambda: ops.Maxout(3), apart((2, 6, 4))),
    "Maxout of the last axis": (lambda: ops.Maxout(2, -1), apart((3, 4))),
    "ELU": (lambda: ops.ELU(1.5), apart((4, 5))),
    "SELU": (ops.SELU, apart((4, 5))),
    "GELU": (ops.GELU, normal((4, 5))),
    "GELU by tanh": (lambda: ops.GELU("tanh"), normal((4, 5))),
    "SiLU": (ops.SiLU, normal((4, 5))),
    "Softplus": (lambda: ops.Softplus(2.0), normal((4, 5))),
    "Sigmoid": (ops.Sigmoid, normal((4, 5))),
    "Tanh": (ops.Tanh, normal((4, 5))),
    "Softmax": (lambda: ops.Softmax(1), normal((2, 5, 3))),
    "LogSoftmax": (lambda: ops.LogSoftmax(0), normal((5, 3))),
    "Linear": (ops.Linear, normal((3, 4), (4, 4), (4,))),
    "Conv2d": (lambda: ops.Conv2d(padding=1), normal((2, 4, 5, 4), (4, 4, 3, 3), (4,))),
    "Conv2d with stride": (lambda: ops.Conv2d((2, 1), (1, 2), (1, 2), 2), normal((2, 4, 5, 6), (2, 2, 3, 3), (2,))),
    "Conv1d": (lambda: ops.Conv1d(2, 1, 2, 2), normal((2, 4, 9), (4, 2, 3), (4,))),
    "Conv1d of a large batch": (lambda: ops.Conv1d(2, 1), normal((33, 1, 5), (2, 1, 3), (2,))),
    "ConvTranspose2d": (lambda: ops.ConvTranspose2d(2, 1, 1), normal((2, 4, 4, 3), (4, 3, 3, 3), (3,))),
    "ConvTranspose2d with groups": (
        lambda: ops.ConvTranspose2d((2, 1), (1, 2), (1, 0), (1, 2), 2), normal((2, 4, 3, 5), (4, 2, 3, 3), (4,)),
    ),
    "ConvTranspose1d": (lambda: ops.ConvTranspose1d(3, 1, 2), normal((2, 3, 4), (3, 3, 4), (3,))),
    "Unfold": (lambda: ops.Unfold((3, 2), 1, 1, 2), normal((2, 3, 5, 4))),
    "Fold": (lambda: ops.Fold((5, 4), (3, 2), 1, 1, 2), normal((2, 12, 9))),
    "Pad": (lambda: ops.Pad((1, -1, 2, 0), 3.0), normal((2, 3, 3, 4))),
    "MaxPool2d": (lambda: ops.MaxPool2d(3, 2, 1), apart((2, 2, 5, 5))),
    "AvgPool2d": (lambda: ops.AvgPool2d(3, 2, 1), normal((2, 2, 5, 5))),
    "MaxPool2d with ceil_mode": (lambda: ops.MaxPool2d(2, ceil_mode=True), apart((2, 2, 5, 3))),
    "AvgPool2d with ceil_mode": (lambda: ops.AvgPool2d(3, 2, 1, ceil_mode=True), normal((2, 2, 6, 4))),
    "AdaptiveAvgPool2d": (lambda: ops.AdaptiveAvgPool2d((2, 3)), normal((2, 2, 5, 4))),
    "RoIPool": (lambda: ops.RoIPool(BOXES, (2, 3), 0.5), apart((2, 2, 5, 5))),
    "RoIAlign": (lambda: ops.RoIAlign(BOXES, (2, 3), 0.5), normal((2, 2, 5, 5))),
    "RoIAlign, aligned": (lambda: ops.RoIAlign(BOXES, 2, 0.5, 2, aligned=True), normal((2, 2, 5, 5))),
    "PSRoIPool": (lambda: ops.PSRoIPool(BOXES, (1, 2), 0.5), normal((2, 4, 5, 5))),
    "CropAndResize": (lambda: ops.CropAndResize(BOXES * (1, 0.5, 0.5, 0.5, 0.5), (3, 2)), normal((2, 2, 5, 5))),
    "AdaptiveMaxPool2d": (lambda: ops.AdaptiveMaxPool2d((2, 3)), apart((2, 2, 5, 4))),
    "MaxUnpool2d": (lambda: ops.MaxUnpool2d(PLACES, 2), normal((2, 2, 2, 2))),
    "UnpoolNearest": (lambda: ops.UnpoolNearest((2, 3)), normal((2, 2, 3, 3))),
    "UnpoolNails": (lambda: ops.UnpoolNails((2, 3)), normal((2, 2, 3, 3))),
    "Interpolate": (lambda: ops.Interpolate(size=(7, 4)), normal((2, 2, 5, 5))),
    "Interpolate, bilinear": (lambda: ops.Interpolate(scale_factor=(2.5, 0.7), mode="bilinear"), normal((2, 2, 5, 5))),
    "Interpolate, aligned": (
        lambda: ops.Interpolate(size=(7, 4), mode="bilinear", align_corners=True), normal((2, 2, 5, 5)),
    ),
    "PixelShuffle": (lambda: ops.PixelShuffle(2), normal((2, 8, 2, 3))),
    "PixelUnshuffle": (lambda: ops.PixelUnshuffle(2), normal((2, 2, 4, 6))),
    "BatchNorm": (ops.BatchNorm, normal((3, 4, 2, 4), (4,), (4,))),
    "BatchNorm of rows": (ops.BatchNorm, normal((6, 4), (4,), (4,))),
    "BatchNorm in evaluation": (
        lambda: ops.BatchNorm(np.arange(4.0), np.arange(1.0, 5), training=False), normal((3, 4, 2, 4), (4,), (4,)),
    ),
    "LayerNorm": (lambda: ops.LayerNorm((3, 4)), normal((2, 2, 3, 4), (3, 4), (3, 4))),
    "GroupNorm": (lambda: ops.GroupNorm(2), normal((2, 6, 2, 4), (6,), (6,))),
    "GroupNorm of rows": (lambda: ops.GroupNorm(2), normal((3, 8), (8,), (8,))),
    "LocalResponseNorm": (lambda: ops.LocalResponseNorm(3, 2.0, 0.75, 1.5), normal((2, 5, 2, 3))),
    "LocalResponseNorm of even size": (lambda: ops.LocalResponseNorm(4, 3.0, 0.5), normal((2, 5, 2, 3))),
    "Dropout": (seeded(ops.Dropout, 0.4), normal((4, 5))),
    "Dropout2d": (seeded(ops.Dropout2d, 0.4), normal((3, 4, 2, 2))),
    "StochasticDepth": (seeded(ops.StochasticDepth, 0.4), normal((6, 4))),
    "StochasticDepth of a batch": (seeded(ops.StochasticDepth, 0.1, "batch"), normal((6, 4))),
    "CrossEntropy": (lambda: ops.CrossEntropy(LABELS, label_smoothing=0.1), normal((2, 4, 3))),
    "CrossEntropy with weights": (
        lambda: ops.CrossEntropy(LABELS, np.array([1.0, 2, 0.5, 3]), reduction="none"), normal((2, 4, 3)),
    ),
    "NLL": (lambda: ops.NLL(LABELS, np.array([1.0, 2, 0.5, 3])), normal((2, 4, 3))),
    "Hinge": (lambda: ops.Hinge(abs(LABELS) % 4), normal((2, 4, 3))),
    "Hinge per class": (lambda: ops.Hinge(abs(LABELS) % 4, form="per-class", reduction="none"), normal((2, 4, 3))),
    "MultiMargin": (lambda: ops.MultiMargin(CLASSES, weight=np.array([1.0, 2, 0.5, 3])), normal((3, 4))),
    "MultiMargin squared": (lambda: ops.MultiMargin(CLASSES, p=2, reduction="none"), normal((3, 4))),
    "MSE": (ops.MSE, normal((3, 4), (3, 4))),
    "L1": (ops.L1, pair_apart),
    "Huber": (lambda: ops.Huber(0.7, "none"), normal((3, 4), (3, 4))),
    "SmoothL1": (lambda: ops.SmoothL1(0.7), normal((3, 4), (3, 4))),
    "BCEWithLogits": (
        lambda: ops.BCEWithLogits(np.array([1.0, 2, 0.5]), np.array([[2.0], [0.3]])), positive((2, 3), (2, 3)),
    ),
    "SigmoidFocal": (lambda: ops.SigmoidFocal(0.3, 1.5), lambda rng: [rng.uniform(0.1, 0.9, (3, 4)) for _ in range(2)]),
    "KLDiv": (ops.KLDiv, positive((3, 4), (3, 4))),
    "KLDiv of logarithms": (lambda: ops.KLDiv("batchmean", log_target=True), normal((3, 4), (3, 4))),
    "Dice": (lambda: ops.Dice(reduction="none"), positive((2, 2, 3, 3), (2, 2, 3, 3))),
    "CosineSimilarity": (ops.CosineSimilarity, normal((2, 4, 4), (2, 4, 4))),
    "Contrastive": (
        lambda: ops.Contrastive(np.array([True, False, True, False]), 3.0), positive((4, 3), (4, 3)),
    ),
    "TripletMargin": (lambda: ops.TripletMargin(2.0), positive((4, 3), (4, 3), (4, 3))),
    "TripletMargin with p": (lambda: ops.TripletMargin(9.0, 3, reduction="none"), positive((4, 3), (4, 3), (4, 3))),
    "SubsampleAndPad": (lambda: OPS.SubsampleAndPad(5, 2), normal((2, 3, 5, 4))),
}  # fmt: skip


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
