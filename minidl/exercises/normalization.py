"""Exercises: batch normalization."""

import numpy as np

from .exercise import Mistake, OpExercise


def batch_norm(x, w, b, eps=1e-5):
    y = np.zeros_like(x)
    for c in range(x.shape[1]):
        values = x[:, c]
        mean = values.sum() / values.size
        variance = ((values - mean) ** 2).sum() / values.size
        y[:, c] = w[c] * (values - mean) / np.sqrt(variance + eps) + b[c]
    return y


BATCH = (0, 2, 3)


def parts(r):
    """(x less its mean, variance, the root, xhat), in shapes that broadcast."""
    centred = r.x - r.x.mean(BATCH, keepdims=True)
    variance = (centred**2).mean(BATCH, keepdims=True)
    root = np.sqrt(variance + r.eps)
    return centred, variance, root, centred / root


def per_channel(values):
    return values[:, None, None]


def with_root(r, root):
    return per_channel(r.w) * parts(r)[0] / root + per_channel(r.b)


def along(r, axes, ddof=0):
    """Normalized along other axes, or with another divisor of the variance."""
    root = np.sqrt(r.x.var(axes, keepdims=True, ddof=ddof) + r.eps)
    return per_channel(r.w) * (r.x - r.x.mean(axes, keepdims=True)) / root + per_channel(r.b)


def gx(r, mean=True, variance=True, weight=True, n=None):
    """The gradient of x, with terms that can be left out."""
    _, _, root, xhat = parts(r)
    g = r.gy * per_channel(r.w) if weight else r.gy
    n = n or g.size / g.shape[1]
    terms = g - mean * g.sum(BATCH, keepdims=True) / n
    return (terms - variance * xhat * (g * xhat).sum(BATCH, keepdims=True) / n) / root


BATCH_NORM = OpExercise(
    name="batch_norm",
    summary="batch normalization in training",
    task="""\
Batch normalization in training. For each channel c, with the mean and the variance (divided by their number) of all its
values in the batch: xhat = (x - mean[c]) / sqrt(variance[c] + eps), y = w[c] xhat + b[c].
Shapes: x (N, C, H, W), w and b (C,), y as x. eps goes to __init__. Running averages are not asked for.
backward takes gy and returns (gx, gw, gb). Mean and variance depend on x too.""",
    starter="""\
class BatchNorm:
    def __init__(self, eps=1e-5):
        self.eps = eps

    def forward(self, x, w, b):
        xhat = ...
        self.saved = ...
        return ...

    def backward(self, gy):
        gx = ...
        gw = ...
        gb = ...
        return gx, gw, gb
""",
    tip="Draw the graph: x -> mean -> x - mean -> its square -> variance -> xhat -> y, and walk back edge by edge.",
    inputs=("x", "w", "b"),
    oracle=batch_norm,
    cases=[
        dict(x=(2, 3, 2, 3), w=(3,), b=(3,), eps=1e-5),
        dict(x=(1, 2, 4, 3), w=(2,), b=(2,), eps=0.1),
        dict(x=(5, 1, 1, 1), w=(1,), b=(1,), eps=0.5),
        dict(x=(3, 4, 1, 2), w=(4,), b=(4,), eps=0.01),
    ],
    mistakes=[
        Mistake(
            "y",
            "the variance is divided by n - 1",
            lambda r: along(r, BATCH, ddof=1),
            "Over what is the mean of the squares taken? Batch norm uses the biased variance.",
        ),
        Mistake(
            "y",
            "x is divided by the variance, not by its root",
            lambda r: with_root(r, parts(r)[1] + r.eps),
            "y should have variance 1 before w and b.",
        ),
        Mistake(
            "y",
            "eps is added outside the root",
            lambda r: with_root(r, np.sqrt(parts(r)[1]) + r.eps),
            "Read the formula again: what does the root span?",
        ),
        Mistake("y", "eps is left out", lambda r: with_root(r, np.sqrt(parts(r)[1])), "What if all values are equal?"),
        Mistake(
            "y",
            "the mean is not subtracted",
            lambda r: per_channel(r.w) * r.x / parts(r)[2] + per_channel(r.b),
            "What is the mean of xhat?",
        ),
        Mistake("y", "w is left out", lambda r: parts(r)[3] + per_channel(r.b), "y is xhat, scaled and shifted."),
        Mistake("y", "b is left out", lambda r: r.y - per_channel(r.b), "y is xhat, scaled and shifted."),
        Mistake(
            "y",
            "each image has a mean and variance of its own",
            lambda r: along(r, (2, 3)),
            "That is instance norm: batch norm takes all values of a channel.",
        ),
        Mistake(
            "y",
            "each position has a mean and variance of its own",
            lambda r: along(r, (0,)),
            "Mean and variance have one value a channel: over which axes do they run?",
        ),
        Mistake(
            "y",
            "the channels of an image are normalized together",
            lambda r: along(r, (1, 2, 3)),
            "That is layer norm: batch norm takes each channel by itself.",
        ),
        Mistake(
            "gx",
            "the gradient through the mean is left out",
            lambda r: gx(r, mean=False),
            "Changing one x changes the mean, and with it all y of the channel.",
        ),
        Mistake(
            "gx",
            "the gradient through the variance is left out",
            lambda r: gx(r, variance=False),
            "Changing one x changes the variance, and with it all y of the channel.",
        ),
        Mistake(
            "gx",
            "mean and variance are taken for constants",
            lambda r: gx(r, mean=False, variance=False),
            "Changing one x changes the mean and the variance, and with them all y of the channel.",
        ),
        Mistake("gx", "w is left out of gx", lambda r: gx(r, weight=False), "gy meets w first on its way back."),
        Mistake(
            "gx",
            "the sums over a channel are not divided by their number",
            lambda r: gx(r, n=1),
            "The mean has a divisor: so has its gradient.",
        ),
        Mistake(
            "gx",
            "the sums over a channel are divided by N alone",
            lambda r: gx(r, n=len(r.x)),
            "How many values has a channel in the whole batch?",
        ),
        Mistake("gw", "gw is the sum of gy x, not of gy xhat", lambda r: (r.gy * r.x).sum(BATCH), "w multiplies what?"),
        Mistake("gw", "gw is the gradient of b", lambda r: r.gy.sum(BATCH), "w multiplies what?"),
        Mistake(
            "gw",
            "gw is not summed over the batch",
            lambda r: (r.gy * parts(r)[3]).sum((2, 3)),
            "The same w serves every image.",
        ),
        Mistake(
            "gw",
            "gw is not summed over the positions",
            lambda r: (r.gy * parts(r)[3]).sum(0),
            "The same w serves every position.",
        ),
        Mistake("gw", "gw is averaged", lambda r: (r.gy * parts(r)[3]).mean(BATCH), "Is there a mean in w xhat + b?"),
        Mistake("gb", "gb is averaged", lambda r: r.gy.mean(BATCH), "Is there a mean in w xhat + b?"),
        Mistake("gb", "gb is not summed over the batch", lambda r: r.gy.sum((2, 3)), "The same b serves every image."),
        Mistake(
            "gb", "gb is not summed over the positions", lambda r: r.gy.sum(0), "The same b serves every position."
        ),
    ],
)

EXERCISES = [BATCH_NORM]
