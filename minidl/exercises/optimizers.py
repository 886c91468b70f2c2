"""Exercises: how a gradient changes a weight."""

import numpy as np

from .exercise import Mistake, OptimizerExercise


def path(update):
    """The oracle of an update rule: w after every step. update(w, g, state, t, **settings) returns the new w."""

    def run(w, g, **settings):
        state, steps = {"v": np.zeros_like(w), "m": np.zeros_like(w)}, []
        for t, gradient in enumerate(g, start=1):
            w = update(w, gradient, state, t, **settings)
            steps.append(w)
        return np.stack(steps)

    return run


def wrong(update):
    """What a wrong update rule gives, for a Mistake."""
    return lambda r: path(update)(r.w, r.g, **r.settings)


def changed(update, **change):
    """What the right rule gives with other settings, computed from the case."""
    return lambda r: path(update)(r.w, r.g, **{**r.settings, **{k: f(r) for k, f in change.items()}})


def uphill(update):
    return Mistake("y", "the step goes uphill", changed(update, lr=lambda r: -r.lr), "The loss should fall.")


FRAME = """\
class {name}:
    def __init__(self, {settings}):
        {store}
        ...

    def step(self, w, g):
        return ...
"""


def momentum_step(w, g, state, t, lr, momentum):
    state["v"] = momentum * state["v"] + g
    return w - lr * state["v"]


def classic_step(w, g, state, t, lr, momentum, sign=-1):
    state["v"] = momentum * state["v"] + sign * lr * g
    return w + state["v"]


def damped_step(w, g, state, t, lr, momentum):
    state["v"] = momentum * state["v"] + (1 - momentum) * g
    return w - lr * state["v"]


def late_step(w, g, state, t, lr, momentum):
    w = w - lr * state["v"]
    state["v"] = momentum * state["v"] + g
    return w


def forgetful_step(w, g, state, t, lr, momentum):
    return w - lr * g


def doubled_step(w, g, state, t, lr, momentum):
    state["v"] = momentum * (state["v"] + g)
    return w - lr * state["v"]


def unsaved_step(w, g, state, t, lr, momentum):
    """v holds the last gradient, and not what was gathered."""
    v = momentum * state["v"] + g
    state["v"] = g
    return w - lr * v


STEPS = "step(w, g) is called again and again, with the gradient g of w (same shape), and returns the new w."

SGD_MOMENTUM = OptimizerExercise(
    name="sgd_momentum",
    summary="gradient descent with momentum",
    task=f"""\
Gradient descent with momentum, in PyTorch's form: v = momentum v + g, then w = w - lr v; v starts at 0.
lr and momentum go to __init__. {STEPS}""",
    starter=FRAME.format(name="SGD", settings="lr, momentum", store="self.lr, self.momentum = lr, momentum"),
    tip="v must live longer than one call of step: where?",
    inputs=("w", "g"),
    oracle=path(momentum_step),
    cases=[
        dict(w=(3,), g=(4, 3), lr=0.1, momentum=0.9),
        dict(w=(2, 3), g=(3, 2, 3), lr=0.5, momentum=0.5),
        dict(w=(2,), g=(3, 2), lr=0.3, momentum=0.0),
    ],
    mistakes=[
        uphill(momentum_step),
        Mistake(
            "y",
            "the sign of the momentum is wrong",
            changed(momentum_step, momentum=lambda r: -r.momentum),
            "The new step should go on where the last one went.",
        ),
        Mistake("y", "the momentum is left out: v is always g", wrong(forgetful_step), "Is v kept between two steps?"),
        Mistake(
            "y", "the gradient is damped by 1 - momentum", wrong(damped_step), "That is a running mean: read again."
        ),
        Mistake("y", "w is changed before v", wrong(late_step), "Which of the two lines comes first?"),
        Mistake("y", "the new gradient is multiplied by momentum too", wrong(doubled_step), "What does momentum damp?"),
        Mistake("y", "v holds the last gradient only", wrong(unsaved_step), "v gathers all gradients so far."),
        Mistake("y", "lr is left out", changed(momentum_step, lr=lambda r: 1.0), "How long should a step be?"),
        Mistake(
            "y",
            "lr is used twice",
            changed(momentum_step, lr=lambda r: r.lr**2),
            "It belongs to v or to the change of w, not to both.",
        ),
    ],
)


def adam_step(w, g, state, t, lr, betas, eps, correct_m=True, correct_v=True, root=True, square=True, inside=False):
    b1, b2 = betas
    state["m"] = b1 * state["m"] + (1 - b1) * g
    state["v"] = b2 * state["v"] + (1 - b2) * (g * g if square else abs(g))
    m = state["m"] / (1 - b1**t) if correct_m else state["m"]
    v = state["v"] / (1 - b2**t) if correct_v else state["v"]
    if inside:
        return w - lr * m / np.sqrt(v + eps)
    return w - lr * m / ((np.sqrt(v) if root else v) + eps)


def adam(**change):
    return lambda r: path(adam_step)(r.w, r.g, **{**r.settings, **change})


def adam_from_zero(w, g, state, t, **settings):
    return adam_step(w, g, state, t + 1, **settings)


def adam_without_memory(w, g, state, t, **settings):
    return adam_step(w, g, {"m": 0, "v": 0}, t, **settings)


def adam_late_root(w, g, state, t, **settings):
    """The correction of v comes after the root."""
    b2 = settings["betas"][1]
    w_new = adam_step(w, g, state, t, **{**settings, "lr": 0.0})
    m = state["m"] / (1 - settings["betas"][0] ** t)
    return w_new - settings["lr"] * m / (np.sqrt(state["v"]) / (1 - b2**t) + settings["eps"])


ADAM = OptimizerExercise(
    name="adam",
    summary="Adam: steps scaled by running means",
    task=f"""\
Adam (Kingma and Ba 2015). With (b1, b2) = betas and t = 1, 2, ... the number of the step:
m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, w = w - lr mhat / (sqrt(vhat) + eps), where mhat = m / (1 - b1^t) and
vhat = v / (1 - b2^t); m and v start at 0. lr, betas and eps go to __init__.
{STEPS}""",
    starter=FRAME.format(
        name="Adam",
        settings="lr=1e-3, betas=(0.9, 0.999), eps=1e-8",
        store="self.lr, self.betas, self.eps = lr, betas, eps",
    ),
    tip="In the first step, mhat is g itself: a good first check.",
    inputs=("w", "g"),
    oracle=path(adam_step),
    cases=[
        dict(w=(3,), g=(4, 3), lr=0.1, betas=(0.9, 0.99), eps=0.01),
        dict(w=(2, 3), g=(3, 2, 3), lr=0.5, betas=(0.5, 0.9), eps=0.1),
        dict(w=(2,), g=(5, 2), lr=0.01, betas=(0.8, 0.999), eps=1e-3),
    ],
    mistakes=[
        uphill(adam_step),
        Mistake(
            "y",
            "the bias correction is left out",
            adam(correct_m=False, correct_v=False),
            "m and v start at 0, which is too small: what undoes it?",
        ),
        Mistake("y", "the bias correction of m is left out", adam(correct_m=False), "Compare the first m with g."),
        Mistake("y", "the bias correction of v is left out", adam(correct_v=False), "Compare the first v with g^2."),
        Mistake("y", "the root of v is left out", adam(root=False), "Which unit has v, and which has m?"),
        Mistake("y", "eps is added inside the root", adam(inside=True), "What does the root span?"),
        Mistake("y", "the gradient is not squared in v", adam(square=False), "v is the mean of the squares."),
        Mistake(
            "y",
            "b1 and b2 are swapped",
            changed(adam_step, betas=lambda r: r.betas[::-1]),
            "Which of the two belongs to m?",
        ),
        Mistake("y", "t is one step ahead", wrong(adam_from_zero), "In the first step t is 1."),
        Mistake("y", "m and v are forgotten between the steps", wrong(adam_without_memory), "Where do they live?"),
        Mistake(
            "y",
            "v is corrected after the root instead of before",
            wrong(adam_late_root),
            "vhat is made first: what does the root span?",
        ),
        Mistake("y", "eps is left out", changed(adam_step, eps=lambda r: 0.0), "What if v is 0?"),
    ],
)


def nesterov_step(w, g, state, t, lr, momentum, ahead=None):
    state["v"] = momentum * state["v"] + g
    return w - lr * (g + (momentum if ahead is None else ahead) * state["v"])


def nesterov_old_v(w, g, state, t, lr, momentum):
    """The look ahead uses v from before the step: the same as plain momentum, and so easily overlooked."""
    step = g + momentum * state["v"]
    state["v"] = momentum * state["v"] + g
    return w - lr * step


def nesterov_overwriting(w, g, state, t, lr, momentum):
    """What is gathered is the step, with the look ahead in it."""
    v = momentum * state["v"] + g
    state["v"] = g + momentum * v
    return w - lr * state["v"]


NESTEROV = OptimizerExercise(
    name="nesterov",
    summary="momentum that looks ahead",
    task=f"""\
Nesterov's momentum, in PyTorch's form: v = momentum v + g, then w = w - lr (g + momentum v); v starts at 0.
lr and momentum go to __init__. {STEPS}""",
    starter=FRAME.format(name="Nesterov", settings="lr, momentum", store="self.lr, self.momentum = lr, momentum"),
    tip="Only the last line differs from plain momentum: the new v is used once more.",
    inputs=("w", "g"),
    oracle=path(nesterov_step),
    cases=[
        dict(w=(3,), g=(4, 3), lr=0.1, momentum=0.9),
        dict(w=(2, 3), g=(3, 2, 3), lr=0.5, momentum=0.5),
        dict(w=(2,), g=(5, 2), lr=0.3, momentum=0.1),
    ],
    mistakes=[
        uphill(nesterov_step),
        Mistake(
            "y",
            "the sign of the momentum is wrong",
            changed(nesterov_step, momentum=lambda r: -r.momentum),
            "The new step should go on where the last one went.",
        ),
        Mistake("y", "this is plain momentum", wrong(nesterov_old_v), "Which v, the old or the new one, looks ahead?"),
        Mistake(
            "y",
            "v is added without its momentum",
            changed(nesterov_step, ahead=lambda r: 1.0),
            "v itself is damped once more before it is added.",
        ),
        Mistake(
            "y", "the step is kept in the place of v", wrong(nesterov_overwriting), "v does not hold the look ahead."
        ),
        Mistake("y", "lr is left out", changed(nesterov_step, lr=lambda r: 1.0), "How long should a step be?"),
        Mistake(
            "y",
            "the gradient itself is left out of the step",
            lambda r: path(momentum_step)(r.w, r.g * r.momentum, **r.settings),
            "Two terms make the step.",
        ),
    ],
)


def adagrad_step(w, g, state, t, lr, eps, root=True, square=True, inside=False, divide=1):
    state["v"] = state["v"] + (g * g if square else abs(g))
    v = state["v"] / (t if divide == "t" else 1)
    if inside:
        return w - lr * g / np.sqrt(v + eps)
    return w - lr * g / ((np.sqrt(v) if root else v) + eps)


def rmsprop_step(w, g, state, t, lr, decay, eps, root=True, square=True, inside=False, new=None):
    state["v"] = decay * state["v"] + ((1 - decay) if new is None else new) * (g * g if square else abs(g))
    if inside:
        return w - lr * g / np.sqrt(state["v"] + eps)
    return w - lr * g / ((np.sqrt(state["v"]) if root else state["v"]) + eps)


def late_scale(step):
    """The step is scaled with v from before this gradient."""

    def late(w, g, state, t, **settings):
        scale = np.sqrt(state["v"]) + settings["eps"]
        step(w, g, state, t, **settings)
        return w - settings["lr"] * g / scale

    return late


def without_memory(step):
    return lambda w, g, state, t, **settings: step(w, g, {"v": 0}, t, **settings)


def scaled_mistakes(step):
    """The mistakes that Adagrad and RMSProp have in common."""
    return [
        uphill(step),
        Mistake(
            "y", "the root of v is left out", changed(step, root=lambda r: False), "Which unit has v, and which g?"
        ),
        Mistake(
            "y", "the gradient is not squared in v", changed(step, square=lambda r: False), "v is made of squares."
        ),
        Mistake("y", "eps is added inside the root", changed(step, inside=lambda r: True), "What does the root span?"),
        Mistake("y", "eps is left out", changed(step, eps=lambda r: 0.0), "What if v is 0?"),
        Mistake("y", "v is forgotten between the steps", wrong(without_memory(step)), "Where does v live?"),
        Mistake("y", "the step uses v from before this gradient", wrong(late_scale(step)), "Which line comes first?"),
    ]


ADAGRAD = OptimizerExercise(
    name="adagrad",
    summary="steps scaled by the sum of squared gradients",
    task=f"""\
Adagrad (Duchi et al. 2011): v = v + g^2, then w = w - lr g / (sqrt(v) + eps), element by element; v starts at 0.
lr and eps go to __init__. {STEPS}""",
    starter=FRAME.format(name="Adagrad", settings="lr=0.01, eps=1e-10", store="self.lr, self.eps = lr, eps"),
    tip="In the first step, each element moves by almost lr, whatever its gradient.",
    inputs=("w", "g"),
    oracle=path(adagrad_step),
    cases=[
        dict(w=(3,), g=(4, 3), lr=0.1, eps=0.01),
        dict(w=(2, 3), g=(3, 2, 3), lr=0.5, eps=0.1),
        dict(w=(2,), g=(5, 2), lr=0.01, eps=1e-3),
    ],
    mistakes=[
        *scaled_mistakes(adagrad_step),
        Mistake("y", "v is averaged over the steps", changed(adagrad_step, divide=lambda r: "t"), "v is a sum."),
    ],
)

RMSPROP = OptimizerExercise(
    name="rmsprop",
    summary="steps scaled by a running mean of squared gradients",
    task=f"""\
RMSProp (Tieleman and Hinton 2012): v = decay v + (1 - decay) g^2, then w = w - lr g / (sqrt(v) + eps), element by
element; v starts at 0. lr, decay and eps go to __init__. {STEPS}""",
    starter=FRAME.format(
        name="RMSProp",
        settings="lr=0.01, decay=0.99, eps=1e-8",
        store="self.lr, self.decay, self.eps = lr, decay, eps",
    ),
    tip="Unlike Adagrad's sum, a running mean forgets.",
    inputs=("w", "g"),
    oracle=path(rmsprop_step),
    cases=[
        dict(w=(3,), g=(4, 3), lr=0.1, decay=0.9, eps=0.01),
        dict(w=(2, 3), g=(3, 2, 3), lr=0.5, decay=0.6, eps=0.1),
        dict(w=(2,), g=(5, 2), lr=0.01, decay=0.99, eps=1e-3),
    ],
    mistakes=[
        *scaled_mistakes(rmsprop_step),
        Mistake(
            "y",
            "v is a sum, nothing is forgotten",
            lambda r: path(adagrad_step)(r.w, r.g, lr=r.lr, eps=r.eps),
            "A mean.",
        ),
        Mistake(
            "y",
            "decay and 1 - decay are swapped",
            changed(rmsprop_step, decay=lambda r: 1 - r.decay),
            "A decay near 1 remembers long.",
        ),
        Mistake(
            "y",
            "the new square is not multiplied by 1 - decay",
            changed(rmsprop_step, new=lambda r: 1.0),
            "The two weights of a running mean add up to 1.",
        ),
    ],
)

EXERCISES = [SGD_MOMENTUM, ADAM, NESTEROV, ADAGRAD, RMSPROP]
