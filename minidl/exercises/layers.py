"""Exercises: linear layer, ReLU, dropout."""

from types import SimpleNamespace

import numpy as np

from .exercise import Mistake, OpExercise


def linear(x, w, b):
    y = np.zeros((len(x), len(w)))
    for n in range(len(x)):
        for o in range(len(w)):
            y[n, o] = sum(x[n, i] * w[o, i] for i in range(x.shape[1])) + b[o]
    return y


LINEAR = OpExercise(
    name="linear",
    summary="the fully connected layer",
    task="""\
A fully connected layer: y = x w^T + b, that is y[n, o] = sum_i x[n, i] w[o, i] + b[o].
Shapes: x (N, I), w (O, I), b (O,), y (N, O). backward takes gy, of the shape of y, and returns (gx, gw, gb).""",
    starter="""\
class Linear:
    def forward(self, x, w, b):
        self.saved = x, w
        return ...

    def backward(self, gy):
        x, w = self.saved
        gx = ...
        gw = ...
        gb = ...
        return gx, gw, gb
""",
    tip="Each gradient has the shape of its array; of the products that are possible, mostly only one has it.",
    inputs=("x", "w", "b"),
    oracle=linear,
    cases=[
        dict(x=(2, 3), w=(3, 3), b=(3,)),  # square first: what is transposed gives numbers here, and no error
        dict(x=(4, 3), w=(2, 3), b=(2,)),
        dict(x=(1, 5), w=(3, 5), b=(3,)),
        dict(x=(5, 1), w=(1, 1), b=(1,)),
    ],
    mistakes=[
        Mistake("y", "the bias is left out", lambda r: r.x @ r.w.T, "One more term belongs to y."),
        Mistake("y", "the bias is subtracted", lambda r: r.x @ r.w.T - r.b, "Look at the sign of b."),
        Mistake("y", "the weights are used transposed", lambda r: r.x @ r.w + r.b, "w has the shape (O, I)."),
        Mistake(
            "gb", "gb is not summed over the batch", lambda r: r.gy, "The same b is added to every row of the batch."
        ),
        Mistake("gb", "gb is summed over the wrong axis", lambda r: r.gy.sum(1), "gb has one value an output."),
        Mistake("gb", "gb is a single number", lambda r: r.gy.sum(), "gb has one value an output."),
        Mistake(
            "gb",
            "gb has an axis too many",
            lambda r: r.gy.sum(0, keepdims=True),
            "A gradient has exactly the shape of its array: compare gb.shape with b.shape.",
        ),
        Mistake("gx", "the weights are used transposed in gx", lambda r: r.gy @ r.w.T, "w has the shape (O, I)."),
        Mistake(
            "gw",
            "x and gy are summed over the batch before they are multiplied",
            lambda r: np.outer(r.gy.sum(0), r.x.sum(0)),
            "A sum of products is not a product of sums.",
        ),
    ],
)


def relu(x):
    y = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        y[i] = max(x[i], 0)
    return y


def relu_gradient(mask):
    return lambda r: r.gy * mask(r)


RELU = OpExercise(
    name="relu",
    summary="the rectifier",
    task="""\
The rectifier: y = max(x, 0), element by element, for x of any shape.
backward takes gy, of the shape of y, and returns a tuple with one array, (gx,).""",
    starter="""\
class ReLU:
    def forward(self, x):
        self.saved = ...
        return ...

    def backward(self, gy):
        gx = ...
        return (gx,)
""",
    tip="Where x is positive, y is x; elsewhere y does not depend on x at all.",
    inputs=("x",),
    oracle=relu,
    cases=[dict(x=(3, 4)), dict(x=(2, 3, 4, 5)), dict(x=(1, 1)), dict(x=(7,))],
    mistakes=[
        Mistake("y", "y is the absolute value", lambda r: abs(r.x), "What is max(-2, 0)?"),
        Mistake("y", "y is min(x, 0)", lambda r: np.minimum(r.x, 0), "Which of the two halves is kept?"),
        Mistake("y", "y is 0 or 1", lambda r: r.x > 0, "That is the slope, not the value."),
        Mistake("y", "y is x, nothing is cut", lambda r: r.x, "What is max(-2, 0)?"),
        Mistake("gx", "gx is the slope alone, without gy", lambda r: r.x > 0, "The chain rule: gy multiplies."),
        Mistake("gx", "gy passes where x is negative as well", lambda r: r.gy, "What is the slope left of 0?"),
        Mistake(
            "gx",
            "gy passes where gy is positive, instead of where x is",
            lambda r: np.maximum(r.gy, 0),
            "What was cut in forward has to be remembered: self.saved.",
        ),
        Mistake("gx", "gy passes on the wrong side", lambda r: r.gy * (r.x < 0), "Where did forward let x through?"),
        Mistake("gx", "gy is multiplied by y", lambda r: r.gy * r.y, "The slope of max(x, 0) is 0 or 1."),
        Mistake("gx", "gy is multiplied by x", lambda r: r.gy * r.x, "The slope of max(x, 0) is 0 or 1."),
        Mistake("gx", "the slope left of 0 is -1", lambda r: r.gy * np.sign(r.x), "What is the slope of a constant?"),
    ],
)


class DropoutExercise(OpExercise):
    """Each answer draws a mask of its own. What it should give follows from the places that it kept."""

    def gradients(self, r, gy):
        return {"gx": gy * getattr(r, "mask", 1) / (1 - r.p)}

    def adapt(self, r, given):
        if "y" not in given or given["y"].shape != r.x.shape:
            return r
        mask = given["y"] != 0
        enough = abs(mask.mean() - (1 - r.p)) < 5 * np.sqrt(r.p * (1 - r.p) / r.x.size)
        if not enough or (mask == mask[0]).all():
            mask = np.arange(r.x.size).reshape(r.x.shape) >= r.p * r.x.size
        r = SimpleNamespace(**{**vars(r), "mask": mask, "y": r.x * mask / (1 - r.p), "answer": given})
        vars(r).update(self.gradients(r, r.gy))
        return r


def if_true(output, condition):
    """For mistakes that are told by a property: the answer's own output where it has the property."""
    return lambda r: r.answer[output] if condition(r, r.answer[output]) else None


def too_many_zeros(r, y):
    return abs((y == 0).mean() - (1 - r.p)) < 0.05


DROPOUT = DropoutExercise(
    name="dropout",
    summary="random zeros, and the rest scaled",
    task="""\
Dropout in training: each element of x is set to 0 with probability p, independently; those that stay are divided by
1 - p, so that the expected value stays what it was. y = x mask / (1 - p), for x of any shape; p goes to __init__.
Draw the mask with np.random, new in each forward. backward takes gy and returns (gx,), with the mask of forward.""",
    starter="""\
class Dropout:
    def __init__(self, p=0.5):
        self.p = p

    def forward(self, x):
        self.mask = ...
        return ...

    def backward(self, gy):
        gx = ...
        return (gx,)
""",
    tip="np.random.random(x.shape) < q is True with probability q, place by place.",
    inputs=("x",),
    oracle=lambda x, p: x / (1 - p),
    cases=[
        dict(x=(50, 40), p=0.2),
        dict(x=(20, 3, 10, 5), p=0.7),
        dict(x=(30, 40), p=0.5),
    ],
    mistakes=[
        Mistake("y", "what stays is not rescaled", lambda r: r.x * r.mask, "Is the mean of y that of x?"),
        Mistake("y", "nothing is dropped", lambda r: r.x, "Are there zeros in y?"),
        Mistake("y", "nothing is dropped, only scaled", lambda r: r.x / (1 - r.p), "Are there zeros in y?"),
        Mistake("y", "what stays is multiplied by 1 - p", lambda r: r.x * r.mask * (1 - r.p), "Larger or smaller?"),
        Mistake("y", "what stays is divided by p", lambda r: r.x * r.mask / r.p, "Is p of x left?"),
        Mistake("gx", "gx is not rescaled", lambda r: r.gy * r.mask, "y = x times something: so is gx."),
        Mistake("gx", "gx does not know the mask", lambda r: r.gy, "What was dropped does not influence the loss."),
        Mistake("gx", "gx is scaled, but nothing is dropped", lambda r: r.gy / (1 - r.p), "Where is the mask?"),
        Mistake("gx", "gx is multiplied by x", lambda r: r.gy * r.x * r.mask, "What is the derivative of c x?"),
        Mistake(
            "gx",
            "the masks of forward and backward differ",
            if_true("gx", lambda r, gx: (np.isclose(gx, r.gy / (1 - r.p)) | (gx == 0)).all()),
            "Is there a random number drawn in backward?",
        ),
        Mistake(
            "y",
            "p is taken for the probability to stay",
            if_true("y", too_many_zeros),
            "p is the probability to be set to 0.",
        ),
        Mistake(
            "y",
            "every element of the batch has the same mask",
            if_true("y", lambda r, y: ((y == 0) == (y[0] == 0)).all()),
            "Which shape has the array of random numbers?",
        ),
    ],
)

EXERCISES = [LINEAR, RELU, DROPOUT]
