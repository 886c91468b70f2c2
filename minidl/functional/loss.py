"""Losses, and how alike vectors are."""

from minidl import ops
from minidl.autograd.operators import match_types

from .arrays import as_array


def cross_entropy(logits, targets, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """The mean of -log softmax(logits)[target]; see ops.CrossEntropy.

    logits (N, K, ...), targets (N, ...): class numbers, a Tensor or an array.
    """
    targets, weight = as_array(targets, "targets"), as_array(weight)
    return ops.CrossEntropy(targets, weight, ignore_index, label_smoothing, reduction)(logits)


def nll_loss(x, targets, weight=None, ignore_index=-100, reduction="mean"):
    """The mean of -x[target], from log-probabilities x (N, K, ...) and class numbers (N, ...); see ops.NLL."""
    return ops.NLL(as_array(targets, "targets"), as_array(weight), ignore_index, reduction)(x)


def hinge_loss(x, targets, margin=1.0, form="weston-watkins", reduction="mean"):
    """The mean of sum_{j != y} max(0, x_j - x_y + margin), or of one against all ("per-class"); see ops.Hinge.

    x (N, K, ...) are scores, targets (N, ...) class numbers y. The multiclass SVM loss of the lectures, which does not
    divide by the number of classes as multi_margin_loss does.

    >>> hinge_loss([[3.0, 5.0, -1.0]], [0])  # a cat that looks like a car
    tensor(3.)
    >>> hinge_loss([[3.0, 5.0, -1.0]], [0], form="per-class")
    tensor(6.)
    """
    return ops.Hinge(as_array(targets, "targets"), margin, form, reduction)(x)


def multi_margin_loss(x, targets, p=1, margin=1.0, weight=None, reduction="mean"):
    """The mean of 1 / K sum_{j != y} max(0, x_j - x_y + margin)^p; see ops.MultiMargin."""
    return ops.MultiMargin(as_array(targets, "targets"), p, margin, as_array(weight), reduction)(x)


def mse_loss(x, target, reduction="mean"):
    """mean (x - target)^2; the shapes must agree."""
    return _compare(ops.MSE(reduction), x, target)


def l1_loss(x, target, reduction="mean"):
    """mean |x - target|; the shapes must agree."""
    return _compare(ops.L1(reduction), x, target)


def smooth_l1_loss(x, target, reduction="mean", beta=1.0):
    """The mean of d^2 / (2 beta) where |d| <= beta, else |d| - beta / 2, for d = x - target; l1_loss if beta is 0."""
    return _compare(ops.SmoothL1(beta, reduction) if beta else ops.L1(reduction), x, target)


def huber_loss(x, target, reduction="mean", delta=1.0):
    """The mean of d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2), for d = x - target."""
    return _compare(ops.Huber(delta, reduction), x, target)


def binary_cross_entropy_with_logits(x, target, weight=None, reduction="mean", pos_weight=None):
    """Binary cross entropy of logits x and targets between 0 and 1, each on its own; see ops.BCEWithLogits."""
    return _compare(ops.BCEWithLogits(as_array(weight), as_array(pos_weight), reduction), x, target)


def sigmoid_focal_loss(x, target, alpha=0.25, gamma=2, reduction="none"):
    """Binary cross entropy in which what is easy counts little; a loss each; see ops.SigmoidFocal."""
    return _compare(ops.SigmoidFocal(alpha, gamma, reduction), x, target)


def kl_div(x, target, reduction="mean", log_target=False):
    """target (log target - x) from log-probabilities x; reduction="batchmean" is the divergence; see ops.KLDiv."""
    return _compare(ops.KLDiv(reduction, log_target), x, target)


def dice_loss(probabilities, target, smooth=1.0, reduction="mean"):
    """1 - the Dice coefficient of each image and channel, both (N, C, ...); see ops.Dice."""
    return _compare(ops.Dice(smooth, reduction), probabilities, target)


def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """The cosine of the angle between x1 and x2, of one shape, along dim; see ops.CosineSimilarity."""
    return _compare(ops.CosineSimilarity(dim, eps), x1, x2)


def contrastive_loss(x1, x2, same, margin=1.0, reduction="mean"):
    """The mean of d^2 / 2 where same, else max(0, margin - d)^2 / 2, for d = |x1 - x2|; see ops.Contrastive."""
    return _compare(ops.Contrastive(as_array(same, "same"), margin, reduction), x1, x2)


def triplet_margin_loss(anchor, positive, negative, margin=1.0, p=2, eps=1e-6, reduction="mean"):
    """The mean of max(0, margin + d(anchor, positive) - d(anchor, negative)); see ops.TripletMargin."""
    return ops.TripletMargin(margin, p, eps, reduction)(anchor, positive, negative)


def _compare(op, x, target):
    """Apply an op to two tensors of a kind; integers take the type of the other."""
    return op(*match_types(x, target))
