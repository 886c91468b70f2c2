"""Optimizer steps on a GPU: one kernel for each parameter, which it changes in place."""

from math import sqrt

import numpy as np

from minidl import backend

from .launch import for_each


def sgd(p, g, v, lr, momentum, weight_decay, nesterov):
    """v is the momentum's buffer, or None."""
    _change("sgd", g, [p, v], float(lr), float(momentum), float(weight_decay), nesterov)


def adam(p, g, m, v, lr, betas, eps, weight_decay, step):
    """step counts from 1."""
    b1, b2 = betas
    settings = lr, b1, b2, eps, weight_decay, 1 - b1**step, sqrt(1 - b2**step)
    _change("adam", g, [p, m, v], *map(float, settings))


def _change(kernel, g, arrays, *settings):
    """Run a kernel that changes the arrays; one that is not in order in memory goes through a copy."""
    in_order = backend.get_array_module(g).ascontiguousarray
    copies = [np.uintp(0) if a is None else in_order(a) for a in arrays]  # a null pointer for None
    for_each("optimizer", kernel, copies[0].size, in_order(g), *copies, *settings, np.int64(g.size))
    for a, copy in zip(arrays, copies, strict=True):
        if a is not None and copy is not a:
            a[...] = copy
