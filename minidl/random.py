"""The random numbers of initial weights and of dropout: one generator for all, which a seed sets back."""

from contextlib import contextmanager

import numpy as np

_generator = np.random.default_rng(0)


def manual_seed(seed):
    """Seed the generator that draws initial weights and dropout masks; returns it."""
    global _generator
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"manual_seed: expected a whole number from 0, got {seed!r}")
    _generator = np.random.default_rng(int(seed))
    return _generator


def generator():
    """The generator that manual_seed seeded. It always draws on the CPU, so a seed means the same on every device."""
    return _generator


def drawing():
    """Whether initial weights are drawn: not inside `undrawn()`."""
    return not isinstance(_generator, _Undrawn)


@contextmanager
def undrawn():
    """Meanwhile initial weights are not drawn but zero: for a network that is only counted, or about to be loaded.

    >>> from minidl import nn
    >>> with undrawn():
    ...     layer = nn.Linear(2, 1)
    >>> layer.weight.data
    array([[0., 0.]], dtype=float32)
    """
    global _generator
    kept, _generator = _generator, _Undrawn()
    try:
        yield
    finally:
        _generator = kept


class _Undrawn:
    """In the place of a generator: it has no numbers, and initial weights stay the zeros that layers make them of."""

    def normal(self, mean, std, shape):
        return None

    uniform = normal
