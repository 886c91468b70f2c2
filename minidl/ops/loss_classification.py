"""Losses of scores against class numbers: cross entropy, negative log likelihood, and the hinge losses of the SVM."""

from minidl import backend

from .activation import log_softmax
from .loss import ClassLoss


class CrossEntropy(ClassLoss):
    """The mean of -log softmax(x)[target], from logits x and class numbers.

    x (N, K) or (N, K, ...), targets (N,) or (N, ...) of integers 0 .. K - 1 or ignore_index. With q the target
    distribution (one-hot; with label smoothing e, (1 - e) one-hot + e / K; times `weight`, one a class),

        loss = -sum q log softmax(x) / sum of the targets' weights,   gx = (softmax(x) sum_k q_k - q) / the same sum

    reduction: "mean" as above, "sum", or "none" for a loss each. If every target is ignored the loss is 0.
    """

    name, scores = "cross_entropy", "logits"

    def __init__(self, targets, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
        super().__init__(targets, weight, ignore_index, reduction)
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"cross_entropy: label_smoothing must lie between 0 and 1, got {label_smoothing}")
        self.label_smoothing = label_smoothing

    def forward(self, x):
        self.check(x)
        xp = backend.get_array_module(x, self.targets, self.weight)
        k, weight = x.shape[1], self.weights(x)
        log_p = log_softmax(xp.moveaxis(x, 1, -1).reshape(-1, k), axis=1)
        targets = self.targets.reshape(-1)
        counted = targets != self.ignore_index
        rows, labels = xp.arange(len(targets)), xp.where(counted, targets, 0)
        q = xp.zeros_like(log_p)
        q[:] = self.label_smoothing / k * weight
        q[rows, labels] += (1 - self.label_smoothing) * weight[labels]
        q *= counted[:, None]
        self.saved = log_p, q, x.shape
        losses = -(q * xp.where(q == 0, 0, log_p)).sum(axis=1)  # a class of probability 0 may have a logit of -inf
        return self.reduce_weighted(losses.reshape(self.targets.shape), weight[labels] * counted)

    def backward(self, gy):
        log_p, q, shape = self.saved
        xp = backend.get_array_module(gy)
        gx = (xp.exp(log_p) * q.sum(axis=1, keepdims=True) - q) * (gy.reshape(-1, 1) * self.scale)
        return (xp.moveaxis(gx.reshape(shape[0], *shape[2:], shape[1]), -1, 1),)


class NLL(ClassLoss):
    """The mean of -x[target], the negative log likelihood, from log-probabilities x (N, K, ...) and class numbers.

    After a log softmax it is cross entropy. With w the targets' weights, one a class, 0 where it is ignore_index,

        loss = -sum w x[target] / sum w,   gx = -w / sum w at the targets, else 0

    >>> import numpy as np
    >>> op = NLL(targets=np.array([0, 2]))
    >>> float(op.forward(np.array([[-1.0, -2.0, -3.0], [-4.0, -5.0, -6.0]])))
    3.5
    >>> op.backward(np.ones(()))[0]
    array([[-0.5,  0. ,  0. ],
           [ 0. ,  0. , -0.5]])
    """

    name, scores = "nll_loss", "log-probabilities"

    def __init__(self, targets, weight=None, ignore_index=-100, reduction="mean"):
        super().__init__(targets, weight, ignore_index, reduction)

    def forward(self, x):
        self.check(x)
        xp = backend.get_array_module(x, self.targets, self.weight)
        counted = self.targets != self.ignore_index
        labels = xp.where(counted, self.targets, 0)
        w = self.weights(x)[labels] * counted
        self.saved = x, labels, w
        log_p = xp.take_along_axis(x, labels[:, None], axis=1)[:, 0]
        return self.reduce_weighted(w * xp.where(w == 0, 0, -log_p), w)  # where nothing counts, -inf may stand

    def backward(self, gy):
        x, labels, w = self.saved
        xp = backend.get_array_module(x)
        gx = xp.zeros_like(x)
        xp.put_along_axis(gx, labels[:, None], (-w * self.each(gy))[:, None], axis=1)
        return (gx,)


class Hinge(ClassLoss):
    """Hinge losses of several classes, from scores s = x (N, K, ...) and class numbers y: how far margins are missed.

        weston-watkins: loss = sum over j != y of max(0, s_j - s_y + margin)
        per-class:      loss = sum over all k of max(0, margin - t_k s_k), t_k = 1 for k = y and -1 for the others

    The first is the multiclass SVM of Weston and Watkins (Support Vector Machines for Multi-Class Pattern Recognition,
    1999; with a margin of 2 there), the second trains K SVMs, one against all others. A term that is positive passes
    gy on to its scores, with their signs: in the first s_y receives -gy times the number of positive terms.

    >>> import numpy as np
    >>> scores = np.array([[3.2, 5.1, -1.7]])
    >>> round(float(Hinge(targets=np.array([0])).forward(scores)), 6)
    2.9
    """

    name = "hinge_loss"
    forms = "weston-watkins", "per-class"

    def __init__(self, targets, margin=1.0, form="weston-watkins", reduction="mean"):
        super().__init__(targets, reduction=reduction)
        if form not in self.forms:
            raise ValueError(f"{self.name}: form must be 'weston-watkins' or 'per-class', got {form!r}")
        self.margin, self.form = margin, form

    def forward(self, x):
        self.saved = self.missed(x)
        return self.reduce(self.saved.sum(axis=1))

    def backward(self, gy):
        return (self.signed((self.saved > 0) * self.each(gy)[:, None]),)

    def missed(self, x):
        """By how much each score (N, K, ...) misses its margin, or 0."""
        self.check(x)
        xp = backend.get_array_module(x, self.targets, self.weight)
        y = self.targets[:, None]
        own = xp.take_along_axis(x, y, axis=1)
        if self.form == "weston-watkins":
            z, at_target = x - own, xp.zeros_like(own)
        else:
            z, at_target = x, self.margin - own
        z = z + self.margin
        xp.put_along_axis(z, y, at_target, axis=1)
        return xp.maximum(z, 0, out=z)

    def signed(self, gz):
        """The gradient of x, given that of the margins, which is overwritten."""
        xp = backend.get_array_module(gz)
        y = self.targets[:, None]
        if self.form == "weston-watkins":
            at_target = -gz.sum(axis=1, keepdims=True)  # the target's own term is 0
        else:
            at_target = -xp.take_along_axis(gz, y, axis=1)
        xp.put_along_axis(gz, y, at_target, axis=1)
        return gz


class MultiMargin(Hinge):
    """The hinge loss as in PyTorch: of Weston and Watkins, to the power p (1 or 2), divided by the number of classes.

        loss = w_y / K sum over j != y of max(0, s_j - s_y + margin)^p

    with w the weights, one a class; the mean is over the items, whatever their weights. The factor 1 / K is not in
    the lectures' form of it, which is Hinge. With p = 2 each term passes on 2 max(0, ...) gy w_y / K.

    >>> import numpy as np
    >>> float(MultiMargin(targets=np.array([0])).forward(np.array([[3.0, 5.0, -1.0]])))
    1.0
    """

    name = "multi_margin_loss"

    def __init__(self, targets, p=1, margin=1.0, weight=None, reduction="mean"):
        super().__init__(targets, margin, reduction=reduction)
        if p not in (1, 2):
            raise ValueError(f"{self.name}: p must be 1 or 2, got {p}")
        self.p, self.weight = p, weight

    def forward(self, x):
        z = self.missed(x)
        factor = self.weights(x)[self.targets] / x.shape[1]
        self.saved = z, factor
        return self.reduce((z if self.p == 1 else z * z).sum(axis=1) * factor)

    def backward(self, gy):
        z, factor = self.saved
        return (self.signed((z > 0 if self.p == 1 else 2 * z) * (factor * self.each(gy))[:, None]),)
