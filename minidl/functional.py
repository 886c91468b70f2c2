"""The face over the ops: functions on tensors, in PyTorch's names and order of arguments.

Usually imported as `from minidl import functional as F`.
"""

import numpy as np

from minidl import ops
from minidl.autograd import Tensor
from minidl.autograd.operators import match_types
from minidl.kernels import convolution_matrix as matrices
from minidl.kernels.layout import pair, single
from minidl.kernels.windows import same_padding  # noqa: F401 - offered as F.same_padding


def _array(x):
    """Targets, weights and running statistics as arrays: they take no part in the graph."""
    if isinstance(x, Tensor):
        return x.data
    return x if x is None or hasattr(x, "dtype") else np.asarray(x)


def linear(x, w, b=None):
    """y = x w^T + b. x (..., I), w (O, I), b (O,)."""
    return ops.Linear()(x, w, b)


def conv1d(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    """Slide the kernels w (O, C / groups, k) over the sequences x (N, C, L); see conv2d and ops.Conv1d."""
    if padding == "same":
        x, padding = _pad_to_same(x, w.shape[2:], single(stride), single(dilation))
    return ops.Conv1d(stride, padding, dilation, groups)(x, w, b)


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    """Slide the kernels w (O, C / groups, kh, kw) over the images x (N, C, H, W); see ops.Conv2d.

    padding="same", at stride 1, makes the output as large as x.

    >>> import minidl
    >>> conv2d(minidl.randn(8, 3, 32, 32), minidl.randn(16, 3, 5, 5), padding=2).shape
    (8, 16, 32, 32)
    """
    if padding == "same":
        x, padding = _pad_to_same(x, w.shape[2:], pair(stride), pair(dilation))
    return ops.Conv2d(stride, padding, dilation, groups)(x, w, b)


def _pad_to_same(x, kernel, stride, dilation):
    """x, and the padding that keeps its size; where that is odd in all, x itself gets the one more at the end."""
    if len(kernel) != len(stride):
        return x, 0  # the op says what is wrong with w
    if max(stride) > 1:
        raise ValueError(f'padding="same" is for stride 1, got stride {stride}; see same_padding for larger strides')
    total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    if any(n % 2 for n in total):
        x = pad(x, [margin for n in reversed(total) for margin in (0, n % 2)])
    return x, tuple(n // 2 for n in total)


def conv_transpose1d(x, w, b=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """Lay the kernels w (C, O / groups, k) into y, one for each value of x (N, C, L); see ops.ConvTranspose1d."""
    return ops.ConvTranspose1d(stride, padding, output_padding, dilation, groups)(x, w, b)


def conv_transpose2d(x, w, b=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """Lay the kernels w (C, O / groups, kh, kw) into y, one for each value of x (N, C, H, W); see ops.ConvTranspose2d.

    >>> import minidl
    >>> conv_transpose2d(minidl.randn(8, 16, 7, 7), minidl.randn(16, 3, 4, 4), stride=2, padding=1).shape
    (8, 3, 14, 14)
    """
    return ops.ConvTranspose2d(stride, padding, output_padding, dilation, groups)(x, w, b)


def convolution_matrix(w, input_shape, stride=1, padding=0):
    """The matrix that convolves with one kernel w, number by number: for teaching, arrays in and an array out.

    >>> convolution_matrix([1, 2, 3], (4,))
    array([[1, 2, 3, 0],
           [0, 1, 2, 3]])
    """
    return matrices.convolution_matrix(_array(w), input_shape, stride, padding)


def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    """Every window of the images x (N, C, H, W) as a column: (N, C kh kw, L); see ops.Unfold."""
    return ops.Unfold(kernel_size, dilation, padding, stride)(x)


def fold(x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Every column of x (N, C kh kw, L) added to its window of images of output_size = (H, W); see ops.Fold."""
    return ops.Fold(output_size, kernel_size, dilation, padding, stride)(x)


def pad(x, pad, value=0.0):
    """A margin of `value` around the last axes: pad = (left, right, top, bottom), negative to crop; see ops.Pad."""
    return ops.Pad(pad, value)(x)


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


def mse_loss(x, target, reduction="mean"):
    """mean (x - target)^2; the shapes must agree."""
    x, target = match_types(x, target)  # integers take the type of x
    return ops.MSE(reduction)(x, target)


def flatten(x, start_dim=1):
    """All axes from start_dim on made one: images (N, C, H, W) become rows (N, C * H * W)."""
    return x.flatten(start_dim)
