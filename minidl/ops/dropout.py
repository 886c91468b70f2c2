"""Dropout."""

import numpy as np

from minidl import backend, random
from minidl.autograd import Op


class Dropout(Op):
    """y = x mask / (1 - p), where each element of the mask is 0 with probability p (Srivastava et al. 2014).

    Dividing by 1 - p in training keeps the expected value, so nothing is left to do at test time.
    """

    def __init__(self, p=0.5):
        if not 0 <= p <= 1:
            raise ValueError(f"dropout: p is a probability, from 0 to 1, got {p}")
        self.p = p

    def forward(self, x):
        keep = random.generator().random(x.shape, dtype=np.float32) >= self.p
        mask = keep.astype(x.dtype) / max(1 - self.p, np.finfo(np.float32).tiny)
        self.saved = backend.to_device(mask.astype(x.dtype), backend.device_of(x))
        return x * self.saved

    def backward(self, gy):
        return (gy * self.saved,)
