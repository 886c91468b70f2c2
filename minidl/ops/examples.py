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


def pair_apart(rng):
    """Two arrays whose differences are away from zero."""
    target = rng.standard_normal((3, 4))
    return [target + away_from_kinks(rng, 3, 4), target]


def seeded(op, *settings):
    """What makes the op anew with the same random numbers each time."""

    def make():
        random.manual_seed(5)
        return op(*settings)

    return make


LABELS = np.array([[2, 0, -100], [1, 1, 3]])
CLASSES = np.array([3, 0, 1])
CONDITION = np.array([[True], [False], [True]])
BOXES = np.array([[1, 0.6, 1, 9.5, 8.8], [0, -3, 2, 4, 7], [1, 3, 3, 3, 3]])
PLACES = np.random.default_rng(0).permuted(np.tile(np.arange(16), (2, 2, 1)), axis=2)[:, :, :4].reshape(2, 2, 2, 2)

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
    "Pad": (lambda: ops.Pad((1, -1, 2, 0), 3.0), normal((2, 3, 3, 4))),
    # activation
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
    # linear and convolution
    "Linear": (ops.Linear, normal((3, 4), (4, 4), (4,))),
    "Conv2d": (lambda: ops.Conv2d(padding=1), normal((2, 4, 5, 4), (4, 4, 3, 3), (4,))),
    "Conv2d with stride": (lambda: ops.Conv2d((2, 1), (1, 2), (1, 2), 2), normal((2, 4, 5, 6), (2, 2, 3, 3), (2,))),
    # many channels and positions: on the CPU by Winograd's way
    "Conv2d with 16 channels": (lambda: ops.Conv2d(padding=1), normal((2, 16, 16, 16), (16, 16, 3, 3), (16,))),
    "Conv1d": (lambda: ops.Conv1d(2, 1, 2, 2), normal((2, 4, 9), (4, 2, 3), (4,))),
    "Conv1d of a large batch": (lambda: ops.Conv1d(2, 1), normal((33, 1, 5), (2, 1, 3), (2,))),
    "ConvTranspose2d": (lambda: ops.ConvTranspose2d(2, 1, 1), normal((2, 4, 4, 3), (4, 3, 3, 3), (3,))),
    "ConvTranspose2d with groups": (
        lambda: ops.ConvTranspose2d((2, 1), (1, 2), (1, 0), (1, 2), 2), normal((2, 4, 3, 5), (4, 2, 3, 3), (4,)),
    ),
    "ConvTranspose1d": (lambda: ops.ConvTranspose1d(3, 1, 2), normal((2, 3, 4), (3, 3, 4), (3,))),
    "Unfold": (lambda: ops.Unfold((3, 2), 1, 1, 2), normal((2, 3, 5, 4))),
    "Fold": (lambda: ops.Fold((5, 4), (3, 2), 1, 1, 2), normal((2, 12, 9))),
    # pooling
    "MaxPool2d": (lambda: ops.MaxPool2d(3, 2, 1), apart((2, 2, 5, 5))),
    "MaxPool2d with ceil_mode": (lambda: ops.MaxPool2d(2, ceil_mode=True), apart((2, 2, 5, 3))),
    "AvgPool2d": (lambda: ops.AvgPool2d(3, 2, 1), normal((2, 2, 5, 5))),
    "AvgPool2d with ceil_mode": (lambda: ops.AvgPool2d(3, 2, 1, ceil_mode=True), normal((2, 2, 6, 4))),
    "AdaptiveAvgPool2d": (lambda: ops.AdaptiveAvgPool2d((2, 3)), normal((2, 2, 5, 4))),
    "AdaptiveMaxPool2d": (lambda: ops.AdaptiveMaxPool2d((2, 3)), apart((2, 2, 5, 4))),
    # unpooling and resizing
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
    # regions of interest
    "RoIPool": (lambda: ops.RoIPool(BOXES, (2, 3), 0.5), apart((2, 2, 5, 5))),
    "RoIAlign": (lambda: ops.RoIAlign(BOXES, (2, 3), 0.5), normal((2, 2, 5, 5))),
    "RoIAlign, aligned": (lambda: ops.RoIAlign(BOXES, 2, 0.5, 2, aligned=True), normal((2, 2, 5, 5))),
    "PSRoIPool": (lambda: ops.PSRoIPool(BOXES, (1, 2), 0.5), normal((2, 4, 5, 5))),
    "CropAndResize": (lambda: ops.CropAndResize(BOXES * (1, 0.5, 0.5, 0.5, 0.5), (3, 2)), normal((2, 2, 5, 5))),
    # normalization
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
    # dropout
    "Dropout": (seeded(ops.Dropout, 0.4), normal((4, 5))),
    "Dropout2d": (seeded(ops.Dropout2d, 0.4), normal((3, 4, 2, 2))),
    "StochasticDepth": (seeded(ops.StochasticDepth, 0.4), normal((6, 4))),
    "StochasticDepth of a batch": (seeded(ops.StochasticDepth, 0.1, "batch"), normal((6, 4))),
    # loss of classes
    "CrossEntropy": (lambda: ops.CrossEntropy(LABELS, label_smoothing=0.1), normal((2, 4, 3))),
    "CrossEntropy with weights": (
        lambda: ops.CrossEntropy(LABELS, np.array([1.0, 2, 0.5, 3]), reduction="none"), normal((2, 4, 3)),
    ),
    "NLL": (lambda: ops.NLL(LABELS, np.array([1.0, 2, 0.5, 3])), normal((2, 4, 3))),
    "Hinge": (lambda: ops.Hinge(abs(LABELS) % 4), normal((2, 4, 3))),
    "Hinge per class": (lambda: ops.Hinge(abs(LABELS) % 4, form="per-class", reduction="none"), normal((2, 4, 3))),
    "MultiMargin": (lambda: ops.MultiMargin(CLASSES, weight=np.array([1.0, 2, 0.5, 3])), normal((3, 4))),
    "MultiMargin squared": (lambda: ops.MultiMargin(CLASSES, p=2, reduction="none"), normal((3, 4))),
    # loss of numbers
    "MSE": (ops.MSE, normal((3, 4), (3, 4))),
    "L1": (ops.L1, pair_apart),
    "Huber": (lambda: ops.Huber(0.7, "none"), normal((3, 4), (3, 4))),
    "SmoothL1": (lambda: ops.SmoothL1(0.7), normal((3, 4), (3, 4))),
    # loss of probabilities
    "BCEWithLogits": (
        lambda: ops.BCEWithLogits(np.array([1.0, 2, 0.5]), np.array([[2.0], [0.3]])), positive((2, 3), (2, 3)),
    ),
    "SigmoidFocal": (lambda: ops.SigmoidFocal(0.3, 1.5), lambda rng: [rng.uniform(0.1, 0.9, (3, 4)) for _ in range(2)]),
    "KLDiv": (ops.KLDiv, positive((3, 4), (3, 4))),
    "KLDiv of logarithms": (lambda: ops.KLDiv("batchmean", log_target=True), normal((3, 4), (3, 4))),
    "Dice": (lambda: ops.Dice(reduction="none"), positive((2, 2, 3, 3), (2, 2, 3, 3))),
    # distances
    "CosineSimilarity": (ops.CosineSimilarity, normal((2, 4, 4), (2, 4, 4))),
    "Contrastive": (
        lambda: ops.Contrastive(np.array([True, False, True, False]), 3.0), positive((4, 3), (4, 3)),
    ),
    "TripletMargin": (lambda: ops.TripletMargin(2.0), positive((4, 3), (4, 3), (4, 3))),
    "TripletMargin with p": (lambda: ops.TripletMargin(9.0, 3, reduction="none"), positive((4, 3), (4, 3), (4, 3))),
}  # fmt: skip
