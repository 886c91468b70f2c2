"""The random numbers of initial weights and of dropout: one generator for all, which a seed sets back."""

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
