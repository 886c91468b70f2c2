"""What losses share: the reduction, the comparison of shapes, and class numbers as targets."""

from minidl import backend
from minidl.autograd import Op

from .checks import check_floating


class Loss(Op):
    """A loss for each item or element, and what becomes of them: their "mean", their "sum", or all ("none").

    forward ends with `self.reduce(losses)`; in backward, `self.each(gy)` is the gradient of each of them.
    The mean of no losses at all, as of an empty batch, is 0.
    """

    name = None  # of its function, for messages
    reductions = "mean", "sum", "none"

    def __init__(self, reduction="mean"):
        if reduction not in self.reductions:
            *others, last = map(repr, self.reductions)
            raise ValueError(f"{self.name}: reduction must be {', '.join(others)} or {last}, got {reduction!r}")
        self.reduction = reduction

    def reduce(self, losses, total=None):
        """The losses as the reduction says. total: what their sum is divided by for a mean, if not their number."""
        self.shape, self.scale = losses.shape, 1
        if self.reduction not in ("sum", "none"):
            self.scale = 1 / ((losses.size or 1) if total is None else total)
        if self.reduction != "none":
            losses = losses.sum() * self.scale
        return backend.get_array_module(losses).asarray(losses)  # NumPy makes numbers of arrays without axes

    def each(self, gy):
        """The gradient of each loss, given that of what `reduce` returned; a view."""
        return backend.get_array_module(gy).broadcast_to(gy * self.scale, self.shape)


class ClassLoss(Loss):
    """A loss of x (N, K, ...), a score for each of K classes, and of targets (N, ...), which are class numbers.

    The targets are settings, since they have no gradient; so is `weight` (K,), one a class.
    """

    scores = "scores"  # what messages call x

    def __init__(self, targets, weight=None, ignore_index=None, reduction="mean"):
        super().__init__(reduction)
        self.targets, self.weight, self.ignore_index = targets, weight, ignore_index

    def weights(self, x):
        """One a class, of the type of x: ones if none were given."""
        xp = backend.get_array_module(x, self.weight)
        return xp.ones(x.shape[1], x.dtype) if self.weight is None else self.weight.astype(x.dtype)

    def reduce_weighted(self, losses, weights):
        """`reduce` where the mean is over the weights of the losses: 0 if these are all 0, as of ignored targets."""
        total = weights.sum()
        return self.reduce(losses, backend.get_array_module(losses).where(total > 0, total, float("inf")))

    def check(self, x):
        name, targets, k = self.name, self.targets, x.shape[1] if x.ndim > 1 else 0
        if targets.dtype.kind not in "iu":
            raise TypeError(
                f"{name}: expected {self.scores}, then targets as integers (class numbers), got {targets.dtype}"
            )
        check_floating(name, x)
        expected = (*x.shape[:1], *x.shape[2:])
        if x.ndim < 2 or targets.shape != expected:
            hint = " One-hot targets? Take their class numbers, targets.argmax(1)." if targets.shape == x.shape else ""
            raise ValueError(
                f"{name}: {self.scores} (N, classes, ...) need targets (N, ...), one class number each: for {x.shape} "
                f"targets of shape {expected if x.ndim > 1 else '(N,)'}, got {targets.shape}.{hint}"
            )
        wrong = (targets < 0) | (targets >= k)
        if self.ignore_index is not None:
            wrong &= targets != self.ignore_index
        wrong = targets[wrong]
        if wrong.size:
            raise ValueError(
                f"{name}: target {int(wrong[0])} is no class: {k} {self.scores} a row mean classes 0 to {k - 1}. "
                "Does the last layer have as many outputs as there are classes?"
            )
        if self.weight is not None and self.weight.shape != (k,):
            raise ValueError(f"{name}: weight must have shape ({k},), one a class, got {self.weight.shape}")


def check_same_shape(name, **arrays):
    """Raise unless the arrays, given by their names, have one shape and the first is floating-point."""
    first, *others = arrays.values()
    backend.get_array_module(first, *others)
    check_floating(name, first)
    if any(x.shape != first.shape for x in others):
        raise ValueError(
            f"{name}: {' and '.join(f'{key} {x.shape}' for key, x in arrays.items())} must have the same shape; "
            "broadcasting them would compare every value with every other. Reshape one to the other's shape."
        )
