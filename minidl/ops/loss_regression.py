"""Losses of the difference between x and a target, element by element: squared, absolute, and between the two."""

from minidl import backend

from .loss import Loss, check_same_shape


class DifferenceLoss(Loss):
    """A loss f(d) of d = x - target, of one shape; gx = gy f'(d), and the negative for the target.

    A subclass defines f (`value`) and gy f' (`slope`); both write to `out`.
    """

    def forward(self, x, target):
        check_same_shape(self.name, x=x, target=target)
        xp = backend.get_array_module(x, target)
        self.saved = backend.elementwise(xp.subtract, x, target)
        return self.reduce(backend.elementwise(self.value, self.saved))

    def backward(self, gy):
        gx = backend.elementwise(self.slope, self.each(gy), self.saved)
        return gx, -gx if self.needs[1] else None


class MSE(DifferenceLoss):
    """loss = mean (x - target)^2; gx = 2 (x - target) / n, and the negative for the target

    >>> import numpy as np
    >>> op = MSE()
    >>> float(op.forward(np.array([1.0, 2.0]), np.array([0.0, 5.0])))
    5.0
    >>> op.backward(np.ones(()))[0]
    array([ 1., -3.])
    """

    name = "mse_loss"

    def value(self, d, out):
        backend.get_array_module(d).multiply(d, d, out=out)

    def slope(self, gy, d, out):
        backend.get_array_module(d).multiply(2 * gy, d, out=out)


class L1(DifferenceLoss):
    """loss = mean |x - target|; gx = sign(x - target) / n, 0 where they are equal

    >>> import numpy as np
    >>> float(L1().forward(np.array([1.0, 2.0]), np.array([0.0, 5.0])))
    2.0
    """

    name = "l1_loss"

    def value(self, d, out):
        backend.get_array_module(d).absolute(d, out=out)

    def slope(self, gy, d, out):
        xp = backend.get_array_module(d)
        xp.multiply(gy, xp.sign(d), out=out)


class Huber(DifferenceLoss):
    """The mean of d^2 / 2 where |d| <= delta, and of delta (|d| - delta / 2) beyond, for d = x - target.

    So it is squared near 0 and grows like the absolute value far away, where an outlier then pulls no harder than
    delta: gx = min(max(d, -delta), delta) / n. Huber, Robust Estimation of a Location Parameter, 1964.

    >>> import numpy as np
    >>> op = Huber(delta=1.0, reduction="none")
    >>> op.forward(np.array([0.5, 3.0]), np.zeros(2))
    array([0.125, 2.5  ])
    >>> op.backward(np.ones(2))[0]
    array([0.5, 1. ])
    """

    name = "huber_loss"

    def __init__(self, delta=1.0, reduction="mean"):
        super().__init__(reduction)
        if not delta > 0:
            raise ValueError(f"{self.name}: delta must be positive, got {delta}")
        self.delta = delta

    def value(self, d, out):
        xp = backend.get_array_module(d)
        xp.absolute(d, out=out)
        near = xp.minimum(out, self.delta)
        out -= near / 2
        out *= near  # both branches at once

    def slope(self, gy, d, out):
        xp = backend.get_array_module(d)
        xp.clip(d, -self.delta, self.delta, out=out)
        out *= gy


class SmoothL1(Huber):
    """The Huber loss divided by beta, its corner: d^2 / (2 beta) where |d| <= beta, |d| - beta / 2 beyond.

    So its slope is 1 far away, as that of L1, and gx = min(max(d / beta, -1), 1) / n. The loss of the boxes in
    Girshick, Fast R-CNN, 2015, section 2.3, with beta = 1.

    >>> import numpy as np
    >>> SmoothL1(beta=0.5, reduction="none").forward(np.array([0.25, 3.0]), np.zeros(2))
    array([0.0625, 2.75  ])
    """

    name = "smooth_l1_loss"

    def __init__(self, beta=1.0, reduction="mean"):
        if not beta > 0:
            raise ValueError(f"{self.name}: beta must be positive, got {beta}; towards 0 it becomes L1")
        super().__init__(beta, reduction)

    def value(self, d, out):
        super().value(d, out)
        out /= self.delta

    def slope(self, gy, d, out):
        super().slope(gy, d, out)
        out /= self.delta
