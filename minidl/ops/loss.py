"""Losses: cross entropy and mean squared error."""

from minidl import backend
from minidl.autograd import Op

from .activation import log_softmax


class CrossEntropy(Op):
    """The mean of -log softmax(x)[target], from logits x and class numbers.

    x (N, K) or (N, K, ...), targets (N,) or (N, ...) of integers 0 .. K - 1 or ignore_index. With q the target
    distribution (one-hot; with label smoothing e, (1 - e) one-hot + e / K; times `weight`, one a class),

        loss = -sum q log softmax(x) / sum of the targets' weights,   gx = (softmax(x) sum_k q_k - q) / the same sum

    reduction: "mean" as above, "sum", or "none" for a loss each. If every target is ignored the loss is 0.
    """

    def __init__(self, targets, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"cross_entropy: reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"cross_entropy: label_smoothing must lie between 0 and 1, got {label_smoothing}")
        self.targets, self.weight, self.ignore_index = targets, weight, ignore_index
        self.label_smoothing, self.reduction = label_smoothing, reduction

    def forward(self, x):
        self._check(x)
        xp = backend.get_array_module(x, self.targets, self.weight)
        k = x.shape[1]
        log_p = log_softmax(xp.moveaxis(x, 1, -1).reshape(-1, k), axis=1)
        targets = self.targets.reshape(-1)
        counted = targets != self.ignore_index
        rows, labels = xp.arange(len(targets)), xp.where(counted, targets, 0)
        weight = xp.ones(k, x.dtype) if self.weight is None else self.weight.astype(x.dtype)
        q = xp.zeros_like(log_p)
        q[:] = self.label_smoothing / k * weight
        q[rows, labels] += (1 - self.label_smoothing) * weight[labels]
        q *= counted[:, None]
        total = (weight[labels] * counted).sum() if self.reduction == "mean" else xp.asarray(1.0, x.dtype)
        self.scale = 1 / xp.where(total > 0, total, xp.inf)
        self.saved = log_p, q, x.shape
        losses = -(q * xp.where(q == 0, 0, log_p)).sum(axis=1)  # a class of probability 0 may have a logit of -inf
        if self.reduction == "none":
            return losses.reshape(self.targets.shape)
        return xp.asarray(losses.sum() * self.scale)

    def backward(self, gy):
        log_p, q, shape = self.saved
        xp = backend.get_array_module(gy)
        gx = (xp.exp(log_p) * q.sum(axis=1, keepdims=True) - q) * (gy.reshape(-1, 1) * self.scale)
        return (xp.moveaxis(gx.reshape(shape[0], *shape[2:], shape[1]), -1, 1),)

    def _check(self, x):
        targets, k = self.targets, x.shape[1] if x.ndim > 1 else 0
        if targets.dtype.kind not in "iu":
            raise TypeError(
                f"cross_entropy: expected logits, then targets as integers (class numbers), got {targets.dtype}"
            )
        if x.ndim < 2 or targets.shape != (x.shape[0], *x.shape[2:]):
            raise ValueError(
                f"cross_entropy: logits {x.shape}, as (N, classes, ...), need a target each, got {targets.shape}"
            )
        wrong = targets[((targets < 0) | (targets >= k)) & (targets != self.ignore_index)]
        if wrong.size:
            raise ValueError(
                f"cross_entropy: target {int(wrong[0])} is no class: {k} logits a row mean classes 0 to {k - 1}. "
                "Does the last layer have as many outputs as there are classes?"
            )
        if self.weight is not None and self.weight.shape != (k,):
            raise ValueError(f"cross_entropy: weight must have shape ({k},), one a class, got {self.weight.shape}")


class MSE(Op):
    """loss = mean (x - target)^2; gx = 2 (x - target) / n, and the negative for the target"""

    def __init__(self, reduction="mean"):
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"mse_loss: reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
        self.reduction = reduction

    def forward(self, x, target):
        if x.shape != target.shape:
            raise ValueError(
                f"mse_loss: x {x.shape} and target {target.shape} must have the same shape; broadcasting them would "
                "compare every value with every other. Reshape one to the other's shape."
            )
        self.saved = x - target
        loss = self.saved * self.saved
        if self.reduction == "none":
            return loss
        return backend.get_array_module(x).asarray(getattr(loss, self.reduction)())

    def backward(self, gy):
        gx = 2 * gy * self.saved
        if self.reduction == "mean":
            gx = gx / self.saved.size
        return gx, -gx
