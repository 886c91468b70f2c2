"""The face over the ops: functions on tensors, in PyTorch's names and order of arguments.

Usually imported as `from minidl import functional as F`.
"""

import numpy as np

from minidl import ops
from minidl.autograd import Tensor
from minidl.autograd.operators import match_types


def _array(x):
    """Targets, weights and running statistics as arrays: they take no part in the graph."""
    if isinstance(x, Tensor):
        return x.data
    return x if x is None or hasattr(x, "dtype") else np.asarray(x)


def linear(x, w, b=None):
    """y = x w^T + b. x (..., I), w (O, I), b (O,)."""
    return ops.Linear()(x, w, b)


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    """Slide the kernels w (O, C / groups, kh, kw) over the images x (N, C, H, W); see ops.Conv2d.

    >>> import minidl
    >>> conv2d(minidl.randn(8, 3, 32, 32), minidl.randn(16, 3, 5, 5), padding=2).shape
    (8, 16, 32, 32)
    """
    return ops.Conv2d(stride, padding, dilation, groups)(x, w, b)


def max_pool2d(x, kernel_size, stride=None, padding=0):
    """The largest value of each window; stride defaults to kernel_size."""
    return ops.MaxPool2d(kernel_size, stride, padding)(x)


def avg_pool2d(x, kernel_size, stride=None, padding=0):
    """The mean of each window; stride defaults to kernel_size."""
    return ops.AvgPool2d(kernel_size, stride, padding)(x)


def adaptive_avg_pool2d(x, output_size):
    """The mean over output_size = (OH, OW) bins that cover the image; 1 averages the whole image."""
    return ops.AdaptiveAvgPool2d(output_size)(x)


def batch_norm(x, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    """Normalize each channel to mean 0 and variance 1, then scale and shift; see ops.BatchNorm."""
    return ops.BatchNorm(_array(running_mean), _array(running_var), training, momentum, eps)(x, weight, bias)


def dropout(x, p=0.5, training=True):
    """Set each element to 0 with probability p and scale the others by 1 / (1 - p); nothing outside training."""
    return ops.Dropout(p)(x) if training and p else x


def relu(x):
    """max(x, 0)"""
    return ops.ReLU()(x)


def leaky_relu(x, negative_slope=0.01):
    """x where x > 0, else negative_slope x"""
    return ops.LeakyReLU(negative_slope)(x)


def sigmoid(x):
    """1 / (1 + e^-x)"""
    return ops.Sigmoid()(x)


def tanh(x):
    """(e^x - e^-x) / (e^x + e^-x)"""
    return ops.Tanh()(x)


def softmax(x, dim=-1):
    """Probabilities e^x / sum e^x along `dim`"""
    return ops.Softmax(dim)(x)


def log_softmax(x, dim=-1):
    """log softmax(x), computed without overflow"""
    return ops.LogSoftmax(dim)(x)


def cross_entropy(logits, targets, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """The mean of -log softmax(logits)[target]; see ops.CrossEntropy.

    logits (N, K, ...), targets (N, ...): class numbers, a Tensor or an array.
    """
    return ops.CrossEntropy(_array(targets), _array(weight), ignore_index, label_smoothing, reduction)(logits)


def nll_loss(x, targets, weight=None, ignore_index=-100, reduction="mean"):
    """The mean of -x[target], from log-probabilities x (N, K, ...) and class numbers (N, ...); see ops.NLL."""
    return ops.NLL(_array(targets), _array(weight), ignore_index, reduction)(x)


def hinge_loss(x, targets, margin=1.0, form="weston-watkins", reduction="mean"):
    """The mean of sum_{j != y} max(0, x_j - x_y + margin), or of one against all ("per-class"); see ops.Hinge.

    x (N, K, ...) are scores, targets (N, ...) class numbers y. The multiclass SVM loss of the lectures, which does not
    divide by the number of classes as multi_margin_loss does.

    >>> hinge_loss([[3.0, 5.0, -1.0]], [0])  # a cat that looks like a car
    tensor(3.)
    >>> hinge_loss([[3.0, 5.0, -1.0]], [0], form="per-class")
    tensor(6.)
    """
    return ops.Hinge(_array(targets), margin, form, reduction)(x)


def multi_margin_loss(x, targets, p=1, margin=1.0, weight=None, reduction="mean"):
    """The mean of 1 / K sum_{j != y} max(0, x_j - x_y + margin)^p; see ops.MultiMargin."""
    return ops.MultiMargin(_array(targets), p, margin, _array(weight), reduction)(x)


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
    return _compare(ops.BCEWithLogits(_array(weight), _array(pos_weight), reduction), x, target)


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
    return _compare(ops.Contrastive(_array(same), margin, reduction), x1, x2)


def triplet_margin_loss(anchor, positive, negative, margin=1.0, p=2, eps=1e-6, reduction="mean"):
    """The mean of max(0, margin + d(anchor, positive) - d(anchor, negative)); see ops.TripletMargin."""
    return ops.TripletMargin(margin, p, eps, reduction)(anchor, positive, negative)


def _compare(op, x, target):
    """Apply an op to two tensors of a kind; integers take the type of the other."""
    return op(*match_types(x, target))


def flatten(x, start_dim=1):
    """All axes from start_dim on made one: images (N, C, H, W) become rows (N, C * H * W)."""
    return x.flatten(start_dim)
