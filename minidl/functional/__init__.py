"""The face over the ops: functions on tensors, in PyTorch's names and order of arguments.

Usually imported as `from minidl import functional as F`.
"""

from minidl.kernels.windows import same_padding

from .activation import (
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    maxout,
    prelu,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)
from .convolution import (
    conv1d,
    conv2d,
    conv_transpose1d,
    conv_transpose2d,
    convolution_matrix,
    flatten,
    fold,
    linear,
    pad,
    unfold,
)
from .loss import (
    binary_cross_entropy_with_logits,
    contrastive_loss,
    cosine_similarity,
    cross_entropy,
    dice_loss,
    hinge_loss,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    multi_margin_loss,
    nll_loss,
    sigmoid_focal_loss,
    smooth_l1_loss,
    triplet_margin_loss,
)
from .normalization import (
    batch_norm,
    dropout,
    dropout2d,
    group_norm,
    layer_norm,
    local_response_norm,
    stochastic_depth,
)
from .pooling import (
    adaptive_avg_pool2d,
    adaptive_max_pool2d,
    avg_pool2d,
    global_avg_pool2d,
    global_max_pool2d,
    max_pool2d,
    spatial_pyramid_pool,
)
from .region import crop_and_resize, ps_roi_pool, roi_align, roi_pool
from .upsampling import interpolate, max_unpool2d, pixel_shuffle, pixel_unshuffle, unpool_bed_of_nails, unpool_nearest

__all__ = [
    "adaptive_avg_pool2d", "adaptive_max_pool2d", "avg_pool2d", "batch_norm", "binary_cross_entropy_with_logits",
    "contrastive_loss", "conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d", "convolution_matrix",
    "cosine_similarity", "crop_and_resize", "cross_entropy", "dice_loss", "dropout", "dropout2d", "elu", "flatten",
    "fold", "gelu", "global_avg_pool2d", "global_max_pool2d", "group_norm", "hinge_loss", "huber_loss", "interpolate",
    "kl_div", "l1_loss", "layer_norm", "leaky_relu", "linear", "local_response_norm", "log_softmax", "max_pool2d",
    "max_unpool2d", "maxout", "mse_loss", "multi_margin_loss", "nll_loss", "pad", "pixel_shuffle", "pixel_unshuffle",
    "prelu", "ps_roi_pool", "relu", "relu6", "roi_align", "roi_pool", "same_padding", "selu", "sigmoid",
    "sigmoid_focal_loss", "silu", "smooth_l1_loss", "softmax", "softplus", "spatial_pyramid_pool", "stochastic_depth",
    "tanh", "triplet_margin_loss", "unfold", "unpool_bed_of_nails", "unpool_nearest",
]  # fmt: skip
