"""Exercises: how large random weights are at the start."""

import math

from .exercise import FunctionExercise, Mistake


def fans(shape):
    """(inputs of one output, outputs of one input) of a weight."""
    taps = math.prod(shape[2:])
    return shape[1] * taps, shape[0] * taps


def init_scale(shape, method, distribution):
    fan_in, fan_out = fans(shape)
    variance = 2 / (fan_in + fan_out) if method == "xavier" else 2 / fan_in
    # Uniform numbers from -a to a have the variance a^2 / 3.
    return math.sqrt(3 * variance) if distribution == "uniform" else math.sqrt(variance)


def of_fans(xavier=None, he=None):
    """The scale with another variance, computed from the fans, for one method or both."""

    def gives(r):
        variance = {"xavier": xavier, "he": he}[r.method]
        if variance is None:
            return r.y
        return math.sqrt(variance(*fans(r.shape)) * (3 if r.distribution == "uniform" else 1))

    return gives


def of_shape(change):
    """The scale of a weight of another shape."""
    return lambda r: init_scale(change(r.shape), r.method, r.distribution)


def of_uniform(change):
    """The right standard deviation, and another bound made of it."""
    return lambda r: change(init_scale(r.shape, r.method, "normal")) if r.distribution == "uniform" else r.y


XAVIER_HE_INIT = FunctionExercise(
    name="xavier_he_init",
    summary="how large the first random weights are",
    task="""\
How large the random weights of a layer are at the start, so that the values in a deep network neither die out nor
explode. fan_in is the number of inputs that one output is a sum over, fan_out the number of outputs that one input
takes part in (away from the border, and with stride 1). With method "xavier" (Glorot and Bengio 2010) the weights have
the variance 2 / (fan_in + fan_out), with method "he" (He et al. 2015), which is for relu, 2 / fan_in.
shape is that of the weight: (O, I) of a linear layer, (O, C, kh, kw) of a convolution, (O, C, k) in one dimension.
The result is a number: for distribution "normal" the standard deviation of the weights; for "uniform" the bound a of
random numbers that are spread evenly from -a to a and have the variance asked for.""",
    starter="""\
def init_scale(shape, method, distribution):
    fan_in = ...
    fan_out = ...
    return ...
""",
    tip="One output of a convolution is a sum over a window in all channels. A variance is a mean of squares.",
    inputs=(),
    oracle=init_scale,
    cases=[
        dict(shape=(84, 120), method="he", distribution="normal"),
        dict(shape=(84, 120), method="xavier", distribution="normal"),
        dict(shape=(16, 6, 5, 5), method="he", distribution="normal"),
        dict(shape=(16, 6, 5, 3), method="xavier", distribution="normal"),
        dict(shape=(10, 84), method="he", distribution="uniform"),
        dict(shape=(10, 84), method="xavier", distribution="uniform"),
        dict(shape=(8, 4, 3), method="he", distribution="uniform"),
        dict(shape=(32, 64, 1, 1), method="xavier", distribution="uniform"),
    ],
    mistakes=[
        Mistake(
            "y",
            "fan_out is taken for fan_in",
            of_fans(he=lambda fan_in, fan_out: 2 / fan_out),
            "w has the shape (O, I): over how many products does the sum of one output run?",
        ),
        Mistake(
            "y",
            "the square root is left out: y is the variance",
            lambda r: r.y**2,
            "A standard deviation has the unit of the weights, a variance its square.",
        ),
        Mistake(
            "y",
            "the square root is left out, but for that of 3",
            lambda r: r.y**2 / (math.sqrt(3) if r.distribution == "uniform" else 1),
            "A standard deviation has the unit of the weights, a variance its square.",
        ),
        Mistake(
            "y",
            "the size of the kernel is left out of the fans",
            of_shape(lambda shape: shape[:2]),
            "How many numbers of the image does a kernel of 5x5 look at, in each channel?",
        ),
        Mistake(
            "y",
            "only one side of the kernel is counted",
            of_shape(lambda shape: shape[:3]),
            "A kernel of 5x5 has 25 taps.",
        ),
        Mistake(
            "y",
            "the fans hold all weights of the layer",
            of_shape(lambda shape: (math.prod(shape), math.prod(shape))),
            "One output has weights of its own: how many?",
        ),
        Mistake(
            "y",
            "the 2 of He is left out, the gain for relu",
            of_fans(he=lambda fan_in, fan_out: 1 / fan_in),
            "relu sets half of the values to 0: what makes up for it?",
        ),
        Mistake(
            "y",
            "the 2 of Xavier is left out: it is the mean of the fans that counts, not their sum",
            of_fans(xavier=lambda fan_in, fan_out: 1 / (fan_in + fan_out)),
            "What should the variance be where fan_in and fan_out are equal?",
        ),
        Mistake(
            "y",
            "Xavier has fan_in alone",
            of_fans(xavier=lambda fan_in, fan_out: 1 / fan_in),
            "The gradients on their way back should keep their size too: they are sums over what?",
        ),
        Mistake(
            "y",
            "the methods are swapped",
            lambda r: init_scale(r.shape, "he" if r.method == "xavier" else "xavier", r.distribution),
            "Which of the two is for relu?",
        ),
        Mistake(
            "y",
            "the bound of the uniform numbers is their standard deviation",
            of_uniform(lambda std: std),
            "Numbers spread evenly from -a to a: what is the mean of their squares?",
        ),
        Mistake(
            "y",
            "the bound of the uniform numbers is three times their standard deviation",
            of_uniform(lambda std: 3 * std),
            "The mean of their squares is a^2 / 3. Solve for a.",
        ),
        Mistake(
            "y",
            "y is the width from -a to a, not the bound",
            of_uniform(lambda std: math.sqrt(12) * std),
            "How long is the interval from -a to a?",
        ),
        Mistake(
            "y",
            "normal and uniform are swapped",
            lambda r: init_scale(r.shape, r.method, "normal" if r.distribution == "uniform" else "uniform"),
            "A normal distribution has no bound.",
        ),
        Mistake("y", "y is one over what it should be", lambda r: 1 / r.y, "More inputs, smaller weights."),
    ],
)

EXERCISES = [XAVIER_HE_INIT]
