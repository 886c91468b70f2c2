"""Inputs on which every op can be tried: for `minidl gradcheck`, and for the tests on every device."""

import numpy as np

from minidl import ops, random
from minidl.autograd import arithmetic, reduction, shape


def normal(*shapes):
    """A function of a generator that gives arrays of normal random numbers of these shapes."""
    return lambda rng: [rng.standard_normal(shape) for shape in shapes]


def positive(*shapes):
    """As normal, with values from 0.5 to 2."""
    return lambda rng: [rng.uniform(0.5, 2, shape) for shape in shapes]


def apart(*shapes):
    """As normal, with values apart from each other and from zero."""
    return lambda rng: [away_from_kinks(rng, *shape) for shape in shapes]


def away_from_kinks(rng, *shape):
    """Different values, 0.02 apart and 0.05 from zero, in random order: no ties, no corner of an abs or relu."""
    size = int(np.prod(shape))
    step = max(4 / max(size, 1), 0.02)
    values = (np.arange(size) - size // 2) * step
    values = values + np.where(values < 0, -0.05, 0.05)
    return rng.permutation(values).reshape(shape)


def dropout():
    """Dropout that draws the same mask each time."""
    random.manual_seed(5)
    return ops.Dropout(0.4)


LABELS = np.array([[2, 0, -100], [1, 1, 3]])
CONDITION = np.array([[True], [False], [True]])

# name of the example: (what makes the op, what makes the inputs, in float64, from a generator)
EXAMPLES = {
    # arithmetic
    "Add": (arithmetic.Add, normal((2, 3, 4), (3, 1))),
    "Subtract": (arithmetic.Subtract, normal((3, 1), (2, 3, 4))),
    "Multiply": (arithmetic.Multiply, normal((2, 1, 4), (3, 4))),
    "Divide": (arithmetic.Divide, positive((3, 4), (2, 1, 4))),
    "Power": (lambda: arithmetic.Power(2.5), positive((3, 4))),
    "Power of -2": (lambda: arithmetic.Power(-2), apart((3, 4))),
    "MatMul": (arithmetic.MatMul, normal((3, 4), (4, 4))),
    "MatMul of a stack": (arithmetic.MatMul, normal((2, 1, 3, 4), (3, 4, 4))),
    # element by element
    "Exp": (ops.Exp, normal((3, 4))),
    "Log": (ops.Log, positive((3, 4))),
    "Sqrt": (ops.Sqrt, positive((3, 4))),
    "Abs": (ops.Abs, apart((3, 4))),
    "Clip": (lambda: ops.Clip(-0.7, 0.9), apart((4, 5))),
    "Where": (lambda: ops.Where(CONDITION), normal((3, 4), (4,))),
    # reduction
    "Sum": (lambda: reduction.Sum((0, -1)), normal((2, 3, 4))),
    "Mean": (lambda: reduction.Mean(1, keepdim=True), normal((2, 3, 4))),
    "Max": (lambda: reduction.Max(1), apart((2, 3, 4))),
    "Min": (lambda: reduction.Min(), apart((2, 3, 4))),
    "Var": (lambda: reduction.Var((0, 2)), normal((2, 3, 4))),
    # shape
    "Reshape": (lambda: shape.Reshape((4, -1)), normal((2, 3, 4))),
    "Permute": (lambda: shape.Permute((2, 0, 1)), normal((2, 3, 4))),
    "GetItem": (lambda: shape.GetItem((slice(None), np.array([0, 2, 2, 0]))), normal((2, 3, 4))),
    "Concatenate": (lambda: shape.Concatenate(1), normal((2, 3), (2, 1), (2, 4))),
    # activation
    "ReLU": (ops.ReLU, apart((4, 5))),
    "LeakyReLU": (lambda: ops.LeakyReLU(0.2), apart((4, 5))),
    "Sigmoid": (ops.Sigmoid, normal((4, 5))),
    "Tanh": (ops.Tanh, normal((4, 5))),
    "Softmax": (lambda: ops.Softmax(1), normal((2, 5, 3))),
    "LogSoftmax": (lambda: ops.LogSoftmax(0), normal((5, 3))),
    # linear and convolution
    "Linear": (ops.Linear, normal((3, 4), (4, 4), (4,))),
    "Conv2d": (lambda: ops.Conv2d(padding=1), normal((2, 4, 5, 4), (4, 4, 3, 3), (4,))),
    "Conv2d with stride": (lambda: ops.Conv2d((2, 1), (1, 2), (1, 2), 2), normal((2, 4, 5, 6), (2, 2, 3, 3), (2,))),
    # pooling
    "MaxPool2d": (lambda: ops.MaxPool2d(3, 2, 1), apart((2, 2, 5, 5))),
    "AvgPool2d": (lambda: ops.AvgPool2d(3, 2, 1), normal((2, 2, 5, 5))),
    "AdaptiveAvgPool2d": (lambda: ops.AdaptiveAvgPool2d((2, 3)), normal((2, 2, 5, 4))),
    # normalization and dropout
    "BatchNorm": (ops.BatchNorm, normal((3, 4, 2, 4), (4,), (4,))),
    "BatchNorm of rows": (ops.BatchNorm, normal((6, 4), (4,), (4,))),
    "BatchNorm in evaluation": (
        lambda: ops.BatchNorm(np.arange(4.0), np.arange(1.0, 5), training=False), normal((3, 4, 2, 4), (4,), (4,)),
    ),
    "Dropout": (dropout, normal((4, 5))),
    # loss
    "CrossEntropy": (lambda: ops.CrossEntropy(LABELS, label_smoothing=0.1), normal((2, 4, 3))),
    "CrossEntropy with weights": (
        lambda: ops.CrossEntropy(LABELS, np.array([1.0, 2, 0.5, 3]), reduction="none"), normal((2, 4, 3)),
    ),
    "MSE": (ops.MSE, normal((3, 4), (3, 4))),
}  # fmt: skip
