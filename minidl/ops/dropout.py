"""Dropout: of single values, of whole channels, of whole images or batches (stochastic depth)."""

import numpy as np

from minidl import backend, random
from minidl.autograd import Op

from .checks import check_floating


class Dropout(Op):
    """y = x mask / (1 - p), where each element of the mask is 0 with probability p (Srivastava et al. 2014).

    Dividing by 1 - p in training keeps the expected value, so nothing is left to do at test time.
    """

    name = "dropout"

    def __init__(self, p=0.5):
        if not 0 <= p <= 1:
            raise ValueError(f"{self.name}: p is a probability, from 0 to 1, got {p}")
        self.p = p

    def mask_shape(self, x):
        """The shape of the mask: an axis of 1 is kept or dropped as a whole."""
        return x.shape

    def forward(self, x):
        check_floating(self.name, x)
        keep = random.generator().random(self.mask_shape(x), dtype=np.float32) >= self.p
        mask = keep.astype(x.dtype) / max(1 - self.p, np.finfo(np.float32).tiny)
        self.saved = backend.to_device(np.asarray(mask, x.dtype), backend.device_of(x))
        return x * self.saved

    def backward(self, gy):
        return (gy * self.saved,)


class Dropout2d(Dropout):
    """Dropout of whole channels: x (N, C, H, W), mask (N, C, 1, 1) (Tompson et al. 2015, section 3.2).

    Neighbouring pixels say nearly the same, so dropping single ones would hide little from the next convolution.

    >>> import numpy as np
    >>> y = Dropout2d(0.5).forward(np.ones((4, 8, 5, 5)))
    >>> bool(np.all(y == y[:, :, :1, :1])), np.unique(y)
    (True, array([0., 2.]))
    """

    name = "dropout2d"

    def mask_shape(self, x):
        if x.ndim != 4:
            hint = "one image is a batch of one, x[None]" if x.ndim == 3 else "for rows use dropout"
            raise ValueError(f"dropout2d: expected images (N, C, H, W), got shape {x.shape}; {hint}")
        return (*x.shape[:2], 1, 1)


class StochasticDepth(Dropout):
    """Dropout of all that a residual branch adds: x (N, ...) with a mask (N, 1, ...) or, for the batch, (1, 1, ...).

    Used as y = x + stochastic_depth(branch(x), p), a network is shallower in training than in use (Huang et al. 2016).
    mode="row" decides for each image, "batch" (the paper's) once for all. The paper scales the branch by 1 - p at test
    time; here it is scaled by 1 / (1 - p) in training, as in dropout.
    """

    name = "stochastic_depth"

    def __init__(self, p, mode="row"):
        super().__init__(p)
        if mode not in ("row", "batch"):
            raise ValueError(f"stochastic_depth: mode must be 'row' or 'batch', got {mode!r}")
        self.mode = mode

    def mask_shape(self, x):
        ones = (1,) * x.ndim
        return ones if self.mode == "batch" else x.shape[:1] + ones[1:]
