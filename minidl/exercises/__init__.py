"""Graded exercises: write an op or a function, and let it be checked.

>>> from minidl import exercises
>>> class ReLU:
...     def forward(self, x):
...         self.saved = x
...         return x * (x > 0)
...     def backward(self, gy):
...         return (gy,)
>>> exercises.check("relu", ReLU)
relu: not yet right: gy passes where x is negative as well.
  hint: What is the slope left of 0?
  case: x (3, 4)

`exercises.names()` lists them, `exercises.show(name)` prints the task and a frame to fill, `exercises.hint(name)` helps
with the start. `check` compares with loops written from the definition and with numerical gradients.
"""

from difflib import get_close_matches

from . import (
    boxes,
    convolution,
    init,
    layers,
    losses,
    normalization,
    normalization_local,
    optimizers,
    pooling,
    region,
    transposed,
    unpooling,
)
from .exercise import Exercise, FunctionExercise, Mistake, OpExercise, OptimizerExercise
from .result import Result

__all__ = [
    "Exercise", "FunctionExercise", "Mistake", "OpExercise", "OptimizerExercise", "Result", "add", "check", "get",
    "hint", "names", "show",
]  # fmt: skip

_topics = (
    layers, losses, convolution, transposed, pooling, unpooling, normalization, normalization_local, init, optimizers,
    boxes, region,
)  # fmt: skip
_exercises = {exercise.name: exercise for topic in _topics for exercise in topic.EXERCISES}


def names():
    """The names of all exercises, in the order of the lectures."""
    return list(_exercises)


def get(name):
    """The Exercise of that name."""
    if name not in _exercises:
        near = get_close_matches(str(name), _exercises, n=1)
        suggestion = f"did you mean {near[0]}?" if near else "exercises.names() lists them"
        raise ValueError(f"unknown exercise {name!r}: {suggestion}")
    return _exercises[name]


def add(exercise):
    """Make an exercise of your own known to `check` and the others."""
    _exercises[exercise.name] = exercise


def check(name, answer):
    """Judge an answer, a class or a function: a Result that prints what is wrong; `.ok` says whether it is right."""
    return get(name).check(answer)


def show(name):
    """Print the task, and a frame to fill."""
    print(get(name).text())


def hint(name):
    """Print a help for the start."""
    print(get(name).tip)
