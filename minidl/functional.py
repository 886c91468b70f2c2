"""The face over the ops: functions on tensors, in PyTorch's names and order of arguments.

Usually imported as `from minidl import functional as F`.
"""

import numpy as np

from minidl import ops
from minidl.autograd import Tensor, concatenate
from minidl.autograd.operators import match_types
from minidl.kernels import convolution_matrix as matrices
from minidl.kernels.layout import pair, single
from minidl.kernels.windows import same_padding  # noqa: F401 - offered as F.same_padding


def _array(x):
    """Targets, weights and running statistics as arrays: they take no part in the graph."""
    if isinstance(x, Tensor):
        return x.data
    return x if x is None or hasattr(x, "dtype") else np.asarray(x)


def _boxes(boxes):
    """An array of boxes, or, from a list, an array for each image."""
    if not isinstance(boxes, (list, tuple)):
        return _array(boxes)
    arrays = [_array(own) for own in boxes]
    return [own.reshape(-1, 4) if own.size == 0 else own for own in arrays]  # [] is an image without boxes


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


def max_pool2d(x, kernel_size, stride=None, padding=0, *, ceil_mode=False, return_indices=False):
    """The largest value of each window; stride defaults to kernel_size. The last two by name: there is no dilation.

    return_indices: give (y, indices), where each maximum stands in x as row * W + column, for max_unpool2d.

    >>> x = Tensor([[[[1.0, 2.0], [3.0, 0.0]]]])
    >>> max_pool2d(x, 2, return_indices=True)
    (tensor([[[[3.]]]]), tensor([[[[2]]]]))
    """
    op = ops.MaxPool2d(kernel_size, stride, padding, ceil_mode)
    y = op(x)
    return (y, Tensor(op.positions(_array(x), y.data))) if return_indices else y


def avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False):
    """The mean of each window, padding counted as zeros; stride defaults to kernel_size."""
    return ops.AvgPool2d(kernel_size, stride, padding, ceil_mode)(x)


def adaptive_avg_pool2d(x, output_size):
    """The mean over output_size = (OH, OW) bins that cover the image; 1 averages the whole image."""
    return ops.AdaptiveAvgPool2d(output_size)(x)


def roi_pool(x, boxes, output_size, spatial_scale=1.0):
    """The largest value in each bin of each box, with rounded coordinates; see ops.RoIPool and roi_align."""
    return ops.RoIPool(_boxes(boxes), output_size, spatial_scale)(x)


def roi_align(x, boxes, output_size, spatial_scale=1.0, sampling_ratio=-1, aligned=False):
    """The mean of bilinear samples in each bin of each box, nothing rounded; see ops.RoIAlign.

    boxes: (K, 5), rows [image, x1, y1, x2, y2], or a list with an array (L, 4) for each image. They get no gradient.

    >>> import minidl
    >>> roi_align(minidl.randn(1, 256, 50, 50), [[[64.0, 32, 320, 160], [0, 0, 800, 800]]], 7, 1 / 16).shape
    (2, 256, 7, 7)
    """
    return ops.RoIAlign(_boxes(boxes), output_size, spatial_scale, sampling_ratio, aligned)(x)


def ps_roi_pool(x, boxes, output_size, spatial_scale=1.0):
    """The mean over each bin of each box, every bin from channels of its own; see ops.PSRoIPool and roi_align."""
    return ops.PSRoIPool(_boxes(boxes), output_size, spatial_scale)(x)


def crop_and_resize(x, boxes, crop_size):
    """Each box resampled bilinearly, corner to corner; boxes in pixels of x; see ops.CropAndResize and roi_align."""
    return ops.CropAndResize(_boxes(boxes), crop_size)(x)


def adaptive_max_pool2d(x, output_size):
    """The largest value of output_size = (OH, OW) bins that cover the image; 1 takes that of the whole image."""
    return ops.AdaptiveMaxPool2d(output_size)(x)


def global_avg_pool2d(x):
    """The mean of each channel's whole image: (N, C, H, W) becomes (N, C), ready for a linear layer."""
    return adaptive_avg_pool2d(x, 1).flatten(1)


def global_max_pool2d(x):
    """The largest value of each channel's whole image: (N, C, H, W) becomes (N, C)."""
    return adaptive_max_pool2d(x, 1).flatten(1)


def spatial_pyramid_pool(x, levels=(1, 2, 4)):
    """Max pooling into 1, 2 x 2, 4 x 4 ... bins, all in one row: the same length for images of any size.

    (N, C, H, W) becomes (N, C * sum of level^2), a level after the other, within it channel by channel. Source: He et
    al. 2014 (SPP-net), section 2.2.

    >>> import minidl
    >>> [spatial_pyramid_pool(minidl.zeros(2, 256, 13, width)).shape for width in (13, 10)]
    [(2, 5376), (2, 5376)]
    """
    return concatenate([adaptive_max_pool2d(x, level).flatten(1) for level in levels], 1)


def max_unpool2d(x, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Put each x where max_pool2d(..., return_indices=True) found its maximum, and 0 elsewhere; see ops.MaxUnpool2d."""
    return ops.MaxUnpool2d(_array(indices), kernel_size, stride, padding, output_size)(x)


def unpool_nearest(x, factor):
    """Each pixel becomes a block of factor x factor equal ones; see ops.UnpoolNearest."""
    return ops.UnpoolNearest(factor)(x)


def unpool_bed_of_nails(x, factor):
    """Each pixel goes to the upper left corner of a block of factor x factor zeros; see ops.UnpoolNails."""
    return ops.UnpoolNails(factor)(x)


def interpolate(x, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """Images in another size, by the nearest pixel or ("bilinear") the four around; see ops.Interpolate.

    >>> import minidl
    >>> interpolate(minidl.zeros(1, 3, 8, 6), scale_factor=2, mode="bilinear").shape
    (1, 3, 16, 12)
    """
    return ops.Interpolate(size, scale_factor, mode, align_corners)(x)


def pixel_shuffle(x, upscale_factor):
    """Channels become pixels: (N, C r^2, H, W) to (N, C, H r, W r); see ops.PixelShuffle."""
    return ops.PixelShuffle(upscale_factor)(x)


def pixel_unshuffle(x, downscale_factor):
    """Pixels become channels, (N, C, H r, W r) to (N, C r^2, H, W): the inverse of pixel_shuffle."""
    return ops.PixelUnshuffle(downscale_factor)(x)


def batch_norm(x, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    """Normalize each channel to mean 0 and variance 1, then scale and shift; see ops.BatchNorm."""
    return ops.BatchNorm(_array(running_mean), _array(running_var), training, momentum, eps)(x, weight, bias)


def layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    """Normalize over the last axes, those of normalized_shape, of each image by itself; see ops.LayerNorm."""
    return ops.LayerNorm(normalized_shape, eps)(x, weight, bias)


def group_norm(x, num_groups, weight=None, bias=None, eps=1e-5):
    """Normalize over groups of channels of each image by itself; see ops.GroupNorm."""
    return ops.GroupNorm(num_groups, eps)(x, weight, bias)


def local_response_norm(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """x / (k + alpha * mean of x^2 over `size` neighbouring channels)^beta; see ops.LocalResponseNorm."""
    return ops.LocalResponseNorm(size, alpha, beta, k)(x)


def dropout(x, p=0.5, training=True):
    """Set each element to 0 with probability p and scale the others by 1 / (1 - p); nothing outside training."""
    return ops.Dropout(p)(x) if training and p else x


def dropout2d(x, p=0.5, training=True):
    """dropout of whole channels of images (N, C, H, W)."""
    return ops.Dropout2d(p)(x) if training and p else x


def stochastic_depth(x, p, mode="row", training=True):
    """dropout of each whole image (mode "row") or of the whole batch ("batch"): x is what a residual branch adds."""
    return ops.StochasticDepth(p, mode)(x) if training and p else x


def relu(x):
    """max(x, 0)"""
    return ops.ReLU()(x)


def leaky_relu(x, negative_slope=0.01):
    """x where x > 0, else negative_slope x"""
    return ops.LeakyReLU(negative_slope)(x)


def prelu(x, weight):
    """x where x > 0, else weight x; weight (1,), or (C,) for x (N, C, ...)."""
    return ops.PReLU()(x, weight)


def relu6(x):
    """min(max(x, 0), 6)"""
    return ops.ReLU6()(x)


def maxout(x, pieces, dim=1):
    """The largest of each group of `pieces` channels that follow each other; see ops.Maxout."""
    return ops.Maxout(pieces, dim)(x)


def elu(x, alpha=1.0):
    """x where x > 0, else alpha (e^x - 1)"""
    return ops.ELU(alpha)(x)


def selu(x):
    """elu scaled so that mean 0 and variance 1 are kept from layer to layer; see ops.SELU."""
    return ops.SELU()(x)


def gelu(x, approximate="none"):
    """x Phi(x), Phi the cumulative normal distribution, or with approximate="tanh" nearly so; see ops.GELU."""
    return ops.GELU(approximate)(x)


def silu(x):
    """x sigmoid(x)"""
    return ops.SiLU()(x)


def softplus(x, beta=1.0, threshold=20.0):
    """log(1 + e^(beta x)) / beta, and x where beta x > threshold"""
    return ops.Softplus(beta, threshold)(x)


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
