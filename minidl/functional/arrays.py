"""What takes no part in the graph."""

import numpy as np

from minidl.autograd import Tensor


def as_array(x, name=None):
    """Targets, weights and running statistics as arrays: they take no part in the graph.

    name: of what must not be None.
    """
    if isinstance(x, Tensor):
        return x.data
    if x is None and name:
        raise TypeError(f"{name} is None; did the function that should make it forget `return`?")
    try:
        return x if x is None or hasattr(x, "dtype") else np.asarray(x)
    except ValueError:
        raise ValueError(f"{name or 'an argument'} must be an array, got lists of different lengths") from None
