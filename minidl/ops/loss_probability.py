"""Losses whose targets are probabilities or masks of the shape of x, as inputs: BCE, focal, KL divergence, dice."""

import numpy as np

from minidl import backend

from .activation_smooth import log_1_plus_exp
from .loss import Loss, check_same_shape


class BCEWithLogits(Loss):
    """The mean binary cross entropy of logits x and targets t of the same shape, each a yes-or-no question of its own.

    With p the probability sigmoid(x), t between 0 and 1, v = pos_weight and w = weight (settings; 1 if not given),

        loss = -w (v t log p + (1 - t) log(1 - p)) = w ((1 - t) x + (1 + (v - 1) t) softplus(-x))

    where the second form does not overflow; gx = w ((1 + (v - 1) t) p - v t) / n, which is (p - t) / n without
    weights, and gt = w ((v - 1) softplus(-x) - x) / n. pos_weight above 1 makes misses of rare classes dearer. Both
    weights have the shape of x or of its last axes, such as (K,) for x (N, K).

    >>> import numpy as np
    >>> op = BCEWithLogits(reduction="none")
    >>> op.forward(np.array([0.0, 1e4, -1e4]), np.array([1.0, 1.0, 1.0])).round(4)
    array([6.931e-01, 0.000e+00, 1.000e+04])
    """

    name = "binary_cross_entropy_with_logits"

    def __init__(self, weight=None, pos_weight=None, reduction="mean"):
        super().__init__(reduction)
        self.weight, self.pos_weight = weight, pos_weight

    def forward(self, x, target):
        check_same_shape(self.name, x=x, target=target)
        w, v = (self._factor(key, x) for key in ("weight", "pos_weight"))
        wv = 1 if self.pos_weight is None else 1 + (v - 1) * target
        rest = backend.elementwise(log_1_plus_exp, x)
        self.saved = x, target, rest, w, v, wv
        return self.reduce(backend.elementwise(_bce, x, target, rest, w, wv))

    def backward(self, gy):
        gy = self.each(gy)
        x, t, rest, w, v, wv = self.saved
        gx = backend.elementwise(_bce_gradient, gy, x, t, rest, w, v, wv) if self.needs[0] else None
        gt = ((v - 1) * (rest - x.clip(None, 0)) - x) * w * gy if self.needs[1] else None
        return gx, gt

    def _factor(self, key, x):
        factor = getattr(self, key)
        if factor is None:
            return 1
        backend.get_array_module(x, factor)
        fits = zip(reversed(factor.shape), reversed(x.shape), strict=False)
        if factor.ndim > x.ndim or any(m not in (1, n) for m, n in fits):
            raise ValueError(
                f"{self.name}: {key} {factor.shape} does not fit x {x.shape}: give it the shape of its last axes"
            )
        return factor.astype(x.dtype)


def _bce(x, t, rest, w, wv, out):
    xp = backend.get_array_module(x)
    xp.multiply(wv, xp.minimum(x, 0), out=out)
    xp.subtract((1 - t) * x, out, out=out)  # what is large and may cancel, before what is small
    out += wv * rest
    out *= w


def _bce_gradient(gy, x, t, rest, w, v, wv, out):
    xp = backend.get_array_module(x)
    xp.exp(xp.minimum(x, 0) - rest, out=out)
    out *= wv
    out -= v * t
    out *= gy * w


class SigmoidFocal(Loss):
    """Binary cross entropy where what is right already counts little: the focal loss of logits x and targets t.

    With p = sigmoid(x) and q = t (1 - p) + (1 - t) p, the probability of being wrong, for t of 0 or 1

        loss = a q^gamma (-log(1 - q)),   a = alpha t + (1 - alpha) (1 - t), or 1 if alpha is negative
        gx = gy a (q^gamma (p - t) + gamma q^(gamma - 1) p (1 - p) (1 - 2 t) bce),   bce = -log(1 - q)

    bce being continued between 0 and 1 as in BCEWithLogits; gt is its derivative in the same manner. Thousands of easy
    background places then do not outweigh a few hard ones. Lin, Goyal, Girshick, He and Dollar, Focal Loss for Dense
    Object Detection, 2017, section 3.

    >>> import numpy as np
    >>> op = SigmoidFocal()
    >>> op.forward(np.array([0.0, 3.0]), np.array([1.0, 1.0])).round(6)  # undecided, and nearly right
    array([4.3322e-02, 2.7000e-05])
    """

    name = "sigmoid_focal_loss"

    def __init__(self, alpha=0.25, gamma=2.0, reduction="none"):
        super().__init__(reduction)
        if alpha > 1 or gamma < 0:
            raise ValueError(
                f"{self.name}: alpha must be at most 1 (negative for no weights) and gamma at least 0, "
                f"got {alpha} and {gamma}"
            )
        self.alpha, self.gamma = alpha, gamma

    def forward(self, x, target):
        check_same_shape(self.name, x=x, target=target)
        xp = backend.get_array_module(x, target)
        rest, above = backend.elementwise(log_1_plus_exp, x), xp.maximum(x, 0)
        p, not_p = xp.exp(xp.minimum(x, 0) - rest), xp.exp(-above - rest)  # each exact where it is small
        q, bce = target * not_p + (1 - target) * p, above - x * target + rest
        self.saved = x, target, p, not_p, q, bce
        return self.reduce(bce * q**self.gamma * self._alphas(target))

    def backward(self, gy):
        x, t, p, not_p, q, bce = self.saved
        xp = backend.get_array_module(x)
        power, a = q**self.gamma, self._alphas(t)
        # Where q is 0, so is bce; a power of the smallest number instead of 0 keeps 0 * inf away.
        slope = self.gamma * bce * xp.maximum(q, float(np.finfo(x.dtype).tiny)) ** (self.gamma - 1)
        gy = self.each(gy)  # comes last in each product, so that the order in memory is that of x
        gx = (power * (p - t) + slope * p * not_p * (1 - 2 * t)) * a * gy if self.needs[0] else None
        if not self.needs[1]:
            return gx, None
        ga = 2 * self.alpha - 1 if self.alpha >= 0 else 0
        return gx, (ga * bce * power + a * (slope * (not_p - p) - power * x)) * gy

    def _alphas(self, t):
        return self.alpha * t + (1 - self.alpha) * (1 - t) if self.alpha >= 0 else 1


class KLDiv(Loss):
    """The Kullback-Leibler divergence of log-probabilities x from probabilities t, of the same shape: t (log t - x).

    That of each value, 0 at t = 0; with log_target, t is given as log t, too. The divergence of two distributions is
    the sum over the classes, and its mean over the batch is reduction="batchmean"; "mean" divides by the number of
    values, classes included (PyTorch's default, kept for that). gx = -gy t, and gt = gy (log t - x + 1), which is taken
    as 0 at t = 0; times t if log t is given. Kullback and Leibler, On Information and Sufficiency, 1951.

    >>> import numpy as np
    >>> half, quarter = np.log([[0.5, 0.5]]), np.array([[0.25, 0.75]])
    >>> float(KLDiv(reduction="batchmean").forward(half, quarter).round(4))
    0.1308
    """

    name = "kl_div"
    reductions = "mean", "batchmean", "sum", "none"

    def __init__(self, reduction="mean", log_target=False):
        super().__init__(reduction)
        self.log_target = log_target

    def forward(self, x, target):
        check_same_shape(self.name, x=x, target=target)
        xp = backend.get_array_module(x, target)
        if self.log_target:
            t, log_t = xp.exp(target), target
        else:
            t, log_t = target, xp.log(xp.where(target == 0, 1, target))
        ratio = xp.where(t == 0, 0, log_t) - xp.where(t == 0, 0, x)  # x, too, may be -inf there
        self.saved = t, ratio
        return self.reduce(t * ratio, (len(x) or 1) if self.reduction == "batchmean" else None)

    def backward(self, gy):
        t, ratio = self.saved
        gy = self.each(gy)
        gx = -(t * gy) if self.needs[0] else None
        gt = (ratio + 1) * (t if self.log_target else t != 0) * gy if self.needs[1] else None
        return gx, gt


class Dice(Loss):
    """1 - the Dice coefficient of probabilities x and masks t, both (N, C, ...): a loss for each image and channel.

    The sums run over the positions, that is all axes after the second; smooth > 0 keeps two empty masks from 0 / 0:

        D = (2 sum x t + smooth) / (sum x^2 + sum t^2 + smooth),   loss = 1 - D, (N, C), then reduced
        gx = 2 gy (x D - t) / (sum x^2 + sum t^2 + smooth),   gt the same with x and t exchanged

    An object counts as much as any other, however few pixels it has. Class numbers (N, ...) must be made one-hot
    before. Milletari, Navab and Ahmadi, V-Net, 2016 (where D is raised, and without smooth).

    >>> import numpy as np
    >>> x, t = np.array([[[1.0, 1.0, 0.0]]]), np.array([[[0.0, 1.0, 1.0]]])
    >>> float(Dice(smooth=1e-9).forward(x, t).round(6))
    0.5
    """

    name = "dice_loss"

    def __init__(self, smooth=1.0, reduction="mean"):
        super().__init__(reduction)
        if not smooth > 0:
            raise ValueError(f"{self.name}: smooth must be positive, or two empty masks are 0 / 0; got {smooth}")
        self.smooth = smooth

    def forward(self, x, target):
        check_same_shape(self.name, probabilities=x, target=target)
        if x.ndim < 3:
            raise ValueError(
                f"{self.name}: expected probabilities (N, C, ...) with at least one more axis, got {x.shape}"
            )
        axes = tuple(range(2, x.ndim))
        below = (x * x + target * target).sum(axis=axes, keepdims=True) + self.smooth
        dice = (2 * (x * target).sum(axis=axes, keepdims=True) + self.smooth) / below
        self.saved = x, target, dice, below
        return self.reduce(1 - dice.reshape(x.shape[:2]))

    def backward(self, gy):
        x, t, dice, below = self.saved
        factor = 2 * self.each(gy).reshape(below.shape) / below
        return tuple(
            (a * dice - b) * factor if need else None for a, b, need in zip((x, t), (t, x), self.needs, strict=False)
        )
