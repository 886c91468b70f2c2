"""Exercises: cross entropy behind a softmax, hinge loss."""

import math

import numpy as np

from .exercise import Mistake, OpExercise


def cross_entropy(x, targets):
    losses = []
    for row, target in zip(x, targets, strict=True):
        largest = max(row)
        losses.append(largest + math.log(sum(math.exp(value - largest) for value in row)) - row[target])
    return np.array(sum(losses) / len(losses))


def log_softmax(x, axis=1):
    x = x - x.max(axis=axis, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=axis, keepdims=True))


def softmax(x):
    return np.exp(log_softmax(x))


def one_hot(r):
    return np.eye(r.x.shape[1])[r.targets]


def of_targets(r, values):
    return values[np.arange(len(values)), r.targets]


CROSS_ENTROPY = OpExercise(
    name="softmax_cross_entropy",
    summary="the loss of a classifier, from its logits",
    task="""\
The mean over the batch of -log p[n, targets[n]], where p = softmax(x), p[n, k] = exp(x[n, k]) / sum_j exp(x[n, j]).
x (N, K) holds the logits; targets (N,), class numbers, goes to __init__. The result is a single number. Logits of 1000
must not overflow. backward takes gy, a single number, and returns a tuple with one array, (gx,).""",
    starter="""\
class SoftmaxCrossEntropy:
    def __init__(self, targets):
        self.targets = targets

    def forward(self, x):
        p = ...
        self.saved = p
        return ...

    def backward(self, gy):
        p = self.saved
        gx = ...
        return (gx,)
""",
    tip="Softmax does not change if one number is subtracted from a whole row. Its gradient with the log is short.",
    inputs=("x",),
    oracle=cross_entropy,
    cases=[
        dict(x=(4, 3), targets=np.array([2, 0, 1, 1])),
        dict(x=(3, 3), targets=np.array([1, 1, 2])),
        dict(x=(1, 6), targets=np.array([5])),
        dict(x=(5, 2), targets=np.array([0, 1, 1, 1, 0])),
        dict(x=[[1000.0, 0.0, -1000.0], [3.0, -1000.0, 2.0]], targets=np.array([1, 0])),
    ],
    mistakes=[
        Mistake(
            "y",
            "the losses are added, not averaged",
            lambda r: r.y * len(r.x),
            "A loss should not grow with the size of the batch.",
        ),
        Mistake(
            "y",
            "softmax runs over the wrong axis",
            lambda r: -of_targets(r, log_softmax(r.x, axis=0)).mean(),
            "The probabilities of one example add up to 1: along which axis?",
        ),
        Mistake(
            "y",
            "softmax is normalized over the whole batch",
            lambda r: -np.log(of_targets(r, np.exp(r.x) / np.exp(r.x).sum())).mean(),
            "Each example has probabilities of its own: keepdims.",
        ),
        Mistake("y", "the minus sign is left out", lambda r: -r.y, "A loss of probabilities is never negative."),
        Mistake("y", "the log is left out", lambda r: -of_targets(r, softmax(r.x)).mean(), "log p, not p."),
        Mistake(
            "y", "the softmax is left out", lambda r: -of_targets(r, r.x).mean(), "x holds logits, not probabilities."
        ),
        Mistake("y", "the losses are not averaged", lambda r: -of_targets(r, log_softmax(r.x)), "One number."),
        Mistake(
            "y",
            "the mean is taken over N K values, not over N",
            lambda r: r.y / r.x.shape[1],
            "Each example has one loss: how many are there?",
        ),
        Mistake(
            "y",
            "large logits overflow",
            lambda r: -np.log(of_targets(r, np.exp(r.x) / np.exp(r.x).sum(axis=1, keepdims=True))).mean(),
            "exp(1000) is too large for a float. Softmax stays the same if a whole row is shifted.",
        ),
        Mistake(
            "y",
            "large logits overflow",
            lambda r: (np.log(np.exp(r.x).sum(axis=1)) - of_targets(r, r.x)).mean(),
            "exp(1000) is too large for a float. Softmax stays the same if a whole row is shifted.",
        ),
        Mistake(
            "y",
            "the log of a probability that was rounded to 0 is taken",
            lambda r: -np.log(of_targets(r, softmax(r.x))).mean(),
            "Simplify log(exp(a) / s) on paper before you write it down.",
        ),
        Mistake(
            "gx",
            "the targets are not subtracted",
            lambda r: r.gy * softmax(r.x) / len(r.x),
            "Derive it for k = target and for the others: where do the two differ?",
        ),
        Mistake(
            "gx",
            "gx has the mean of forward left out: it is N times too large",
            lambda r: r.gy * (softmax(r.x) - one_hot(r)),
            "forward divides by something; so does backward.",
        ),
        Mistake(
            "gx",
            "only the target's column has a gradient",
            lambda r: r.gy * (softmax(r.x) - 1) * one_hot(r) / len(r.x),
            "The other logits stand in the denominator of the softmax.",
        ),
    ],
)


def hinge(x, targets, margin=1.0):
    total = 0.0
    for row, target in zip(x, targets, strict=True):
        total += sum(max(0, value - row[target] + margin) for k, value in enumerate(row) if k != target)
    return np.array(total / len(x))


def violated(r, margin=1.0):
    """1 where a class comes too near the target's."""
    return (r.x - of_targets(r, r.x)[:, None] + margin > 0) * (1 - one_hot(r))


def hinge_gradient(r, count):
    """With a free choice of what the column of the target gets."""
    return r.gy * (violated(r) - one_hot(r) * count(violated(r))) / len(r.x)


HINGE = OpExercise(
    name="hinge",
    summary="the loss of a support vector machine with many classes",
    task="""\
The mean over the batch of sum over k != t of max(0, x[n, k] - x[n, t] + 1), where t = targets[n].
x (N, K) holds the scores; targets (N,), class numbers, goes to __init__. The result is a single number.
backward takes gy, a single number, and returns a tuple with one array, (gx,).""",
    starter="""\
class Hinge:
    def __init__(self, targets):
        self.targets = targets

    def forward(self, x):
        margins = ...
        return ...

    def backward(self, gy):
        gx = ...
        return (gx,)
""",
    tip="x[np.arange(N), targets] are the scores of the right classes. How often does each appear in the sum?",
    inputs=("x",),
    oracle=hinge,
    cases=[
        dict(x=(4, 3), targets=np.array([2, 0, 1, 1])),
        dict(x=(3, 5), targets=np.array([1, 4, 2])),
        dict(x=(1, 6), targets=np.array([5])),
        dict(x=(5, 2), targets=np.array([0, 1, 1, 1, 0])),
    ],
    mistakes=[
        Mistake("y", "the right class is counted as well", lambda r: r.y + 1, "The sum leaves one k out."),
        Mistake("y", "the losses are added, not averaged", lambda r: r.y * len(r.x), "The mean over the batch."),
        Mistake("y", "the margin of 1 is left out", lambda r: hinge(r.x, r.targets, 0.0), "A term is missing."),
        Mistake(
            "y",
            "the scores are subtracted the wrong way round",
            lambda r: hinge(-r.x, r.targets),
            "The loss should fall when the score of the right class rises.",
        ),
        Mistake(
            "y",
            "max(0, .) is left out",
            lambda r: (r.x - of_targets(r, r.x)[:, None] + 1 - one_hot(r)).sum() / len(r.x),
            "A class that is far enough behind costs nothing.",
        ),
        Mistake(
            "y", "the mean is taken over N K values, not over N", lambda r: r.y / r.x.shape[1], "How many examples?"
        ),
        Mistake(
            "gx",
            "the right class gets no gradient",
            lambda r: hinge_gradient(r, lambda v: 0),
            "x[n, t] stands in the sum too, with its sign.",
        ),
        Mistake(
            "gx",
            "the right class gets -1, however many classes violate the margin",
            lambda r: hinge_gradient(r, lambda v: 1),
            "How often does x[n, t] appear in the sum?",
        ),
        Mistake(
            "gx",
            "the right class gets 1 - K, whether the margins are violated or not",
            lambda r: hinge_gradient(r, lambda v: r.x.shape[1] - 1),
            "A term that is 0 has no gradient.",
        ),
        Mistake(
            "gx",
            "the mean of forward is left out of gx: it is N times too large",
            lambda r: hinge_gradient(r, lambda v: v.sum(axis=1, keepdims=True)) * len(r.x),
            "forward divides by something; so does backward.",
        ),
    ],
)

EXERCISES = [CROSS_ENTROPY, HINGE]
