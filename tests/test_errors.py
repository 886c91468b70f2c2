"""Every function of minidl.functional with what it cannot take: one sentence of ours, never one of NumPy's."""

import sys
import traceback
from pathlib import Path

import numpy as np
import pytest
import standin_cupy

import minidl
from minidl import Tensor, nn, ops
from minidl import functional as F
from minidl.ops.examples import EXAMPLES

PACKAGE = Path(minidl.__file__).parent
RNG = np.random.default_rng(0)
BOXES = np.array([[0, 1.0, 1.0, 4.0, 4.0]])
LABELS = RNG.integers(0, 4, (2, 6, 6))


def floats(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


X, W = floats(2, 4, 6, 6), floats(3, 4, 3, 3)
TARGET = RNG.uniform(0.1, 0.9, X.shape).astype(np.float32)

# name: a call on x of the shape of X (or of its first three axes, or of its last alone)
CALLS = {
    name: getattr(F, name)
    for name in (
        "dropout", "elu", "gelu", "leaky_relu", "log_softmax", "relu", "relu6", "selu", "sigmoid", "silu", "softmax",
        "softplus", "tanh", "dropout2d", "global_avg_pool2d", "global_max_pool2d", "spatial_pyramid_pool",
    )
} | {
    "adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d(x, 2),
    "adaptive_max_pool2d": lambda x: F.adaptive_max_pool2d(x, 2),
    "avg_pool2d": lambda x: F.avg_pool2d(x, 2),
    "batch_norm": lambda x: F.batch_norm(x, None, None, training=True),
    "binary_cross_entropy_with_logits": lambda x: F.binary_cross_entropy_with_logits(x, TARGET),
    "contrastive_loss": lambda x: F.contrastive_loss(x, X, X[..., 0] > 0),
    "conv1d": lambda x: F.conv1d(x, floats(3, 4, 3)),
    "conv2d": lambda x: F.conv2d(x, W),
    "conv_transpose1d": lambda x: F.conv_transpose1d(x, floats(4, 3, 3)),
    "conv_transpose2d": lambda x: F.conv_transpose2d(x, floats(4, 3, 3, 3)),
    "cosine_similarity": lambda x: F.cosine_similarity(x, X),
    "crop_and_resize": lambda x: F.crop_and_resize(x, BOXES, 2),
    "cross_entropy": lambda x: F.cross_entropy(x, LABELS),
    "dice_loss": lambda x: F.dice_loss(x, TARGET),
    "fold": lambda x: F.fold(x, (3, 3), 2),
    "group_norm": lambda x: F.group_norm(x, 2),
    "hinge_loss": lambda x: F.hinge_loss(x, LABELS),
    "huber_loss": lambda x: F.huber_loss(x, X),
    "interpolate": lambda x: F.interpolate(x, size=3),
    "kl_div": lambda x: F.kl_div(x, TARGET),
    "l1_loss": lambda x: F.l1_loss(x, X),
    "layer_norm": lambda x: F.layer_norm(x, 6),
    "linear": lambda x: F.linear(x, floats(3, 6)),
    "local_response_norm": lambda x: F.local_response_norm(x, 3),
    "max_pool2d": lambda x: F.max_pool2d(x, 2, return_indices=True),
    "max_unpool2d": lambda x: F.max_unpool2d(x, np.zeros(X.shape, int), 2),
    "maxout": lambda x: F.maxout(x, 2),
    "mse_loss": lambda x: F.mse_loss(x, X),
    "multi_margin_loss": lambda x: F.multi_margin_loss(x, LABELS),
    "nll_loss": lambda x: F.nll_loss(x, LABELS),
    "pad": lambda x: F.pad(x, (1, 1)),
    "pixel_shuffle": lambda x: F.pixel_shuffle(x, 2),
    "pixel_unshuffle": lambda x: F.pixel_unshuffle(x, 2),
    "prelu": lambda x: F.prelu(x, floats(4)),
    "ps_roi_pool": lambda x: F.ps_roi_pool(x, BOXES, 2),
    "roi_align": lambda x: F.roi_align(x, BOXES, 2),
    "roi_pool": lambda x: F.roi_pool(x, BOXES, 2),
    "sigmoid_focal_loss": lambda x: F.sigmoid_focal_loss(x, TARGET),
    "smooth_l1_loss": lambda x: F.smooth_l1_loss(x, X),
    "stochastic_depth": lambda x: F.stochastic_depth(x, 0.5),
    "triplet_margin_loss": lambda x: F.triplet_margin_loss(x, X, X),
    "unfold": lambda x: F.unfold(x, 2),
    "unpool_bed_of_nails": lambda x: F.unpool_bed_of_nails(x, 2),
    "unpool_nearest": lambda x: F.unpool_nearest(x, 2),
}  # fmt: skip
OF_SEQUENCES = {"conv1d": (2, 4, 6), "conv_transpose1d": (2, 4, 6), "fold": (2, 4, 4)}
ARRAYS_IN_ARRAYS_OUT = {"convolution_matrix", "same_padding", "flatten"}  # below
COMPARES = {
    "binary_cross_entropy_with_logits", "contrastive_loss", "cosine_similarity", "dice_loss", "huber_loss", "kl_div",
    "l1_loss", "mse_loss", "sigmoid_focal_loss", "smooth_l1_loss",
}  # where integers take the type of the other  # fmt: skip


def sentence(call, *args):
    """What call(*args) raises: a ValueError or TypeError that was raised in minidl, in words; None if nothing."""
    try:
        with np.errstate(all="raise"):
            call(*args)
    except (ValueError, TypeError) as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        assert Path(place.filename).is_relative_to(PACKAGE) and "raise" in source_around(place), f"not ours: {error}"
        assert 20 < len(str(error)) < 400, error
        return str(error)
    return None


def source_around(place):
    lines = Path(place.filename).read_text(encoding="utf-8").splitlines()
    return "\n".join(lines[place.lineno - 1 : place.end_lineno])


def test_every_function_is_here():
    assert set(CALLS) | ARRAYS_IN_ARRAYS_OUT == set(F.__all__)


@pytest.mark.parametrize("name", CALLS)
def test_what_is_no_array_of_floats(name):
    call, x = CALLS[name], floats(*OF_SEQUENCES.get(name, X.shape))
    call(x), call(x.tolist())  # lists are arrays, too
    assert "None" in sentence(call, None)
    assert "an array of complex128" in sentence(call, x.astype(complex))
    assert "an array of object" in sentence(call, x.astype(object))
    assert "its lists have different lengths" in sentence(call, [[1.0], [2.0, 3.0]])
    assert "cannot make a tensor from str 'image'" in sentence(call, "image")
    if name not in COMPARES:
        for dtype in (int, bool, np.int8):
            assert f"must be floating-point, got {np.dtype(dtype)}; convert it" in sentence(call, x.astype(dtype))
        assert "got uint8; is ToArray() missing in the transform?" in sentence(call, abs(x).astype(np.uint8))


SHAPES = [(), (6,), (6, 6), (4, 6, 6), (1, 2, 4, 6, 6), (2, 4, 0, 6), (2, 0, 6, 6), (0, 4, 6, 6), (2, 5, 7, 3)]


@pytest.mark.parametrize("name", CALLS)
def test_shapes(name):
    """Each is taken, without a warning of NumPy's, or there is a sentence that names it."""
    for shape in SHAPES:
        shape = shape[:3] if name in OF_SEQUENCES else shape
        message = sentence(CALLS[name], floats(*shape))
        assert message is None or any(size in message for size in ("()", *"0123456789")), message
    images = {"max_pool2d", "conv2d", "unfold", "roi_pool", "dropout2d", "batch_norm", "interpolate", "pixel_shuffle"}
    if name in images:
        assert "x[None]" in sentence(CALLS[name], floats(4, 6, 6))


def test_whole_numbers_of_numpy_are_whole_numbers():
    for call in (
        lambda n: F.conv2d(X, W[:2, :2], stride=n, padding=(n, n), dilation=n, groups=n),
        lambda n: F.max_pool2d(X, n),
        lambda n: F.interpolate(X, size=n),
        lambda n: F.pad(X, (n, n)),
        lambda n: F.pixel_shuffle(X, n),
        lambda n: F.maxout(X, n),
        lambda n: F.local_response_norm(X, n),
        lambda n: F.layer_norm(X, 3 * n),
        lambda n: F.group_norm(X, n),
        lambda n: F.roi_align(X, BOXES, n, sampling_ratio=n),
        lambda n: F.convolution_matrix([1.0, 2.0], 2 * n),
    ):
        np.testing.assert_array_equal(np.asarray(call(np.int64(2))), np.asarray(call(2)))


SETTINGS = [
    (lambda: F.conv2d(X, W, groups=1.0), "groups must be at least 1 .* groups 1.0"),
    (lambda: F.conv2d(X, W, stride=True), "expected a whole number or a pair .* got True"),
    (lambda: F.conv2d(X, W, padding="valid"), r"""whole numbers or "same", got 'valid' \("valid" is 0\)"""),
    (lambda: F.conv2d(X, W, padding=np.array([1, 1])), "expected a whole number or a pair"),
    (lambda: F.conv2d(X, W.astype(int)), "conv2d: w must be floating-point as x is, got int64"),
    (lambda: F.conv2d(X, W, np.arange(3)), "conv2d: b must be floating-point as x is, got int64"),
    (lambda: F.conv2d(X, floats(3, 4, 0, 3)), r"conv2d: w, as .*, has an axis of length 0 .* w \(3, 4, 0, 3\)"),
    (lambda: F.conv2d(X, floats(0, 4, 3, 3)), "has an axis of length 0"),
    (lambda: F.conv2d(X, None), "Conv2d: w is None; did the function"),
    (lambda: F.linear(X, np.ones((3, 6), int)), "linear: w must be floating-point as x is, got int64"),
    (lambda: F.linear(floats(5, 0), floats(3, 0)), r"linear: x has 0 features .* w \(3, 0\) as \(outputs"),
    (lambda: F.prelu(X, np.ones(4, int)), "prelu: w must be floating-point as x is, got int64"),
    (lambda: F.max_pool2d(X, 7), r"max_pool2d: the window \(7, 7\) is larger .* \(6, 6\) .* use a smaller window"),
    (lambda: F.avg_pool2d(X, 0), r"avg_pool2d: kernel_size and stride must be at least 1 .* kernel_size \(0, 0\)"),
    (lambda: F.adaptive_max_pool2d(X, 0), "adaptive_max_pool2d: output_size must be at least 1, got 0"),
    (lambda: F.spatial_pyramid_pool(X, 3), r"levels must be several numbers of bins, as \(1, 2, 4\), got 3"),
    (lambda: F.unpool_nearest(X, 0), "unpool_nearest: the factor must be at least 1, got 0"),
    (lambda: F.max_unpool2d(X, None, 2), "indices is None"),
    (lambda: F.max_unpool2d(X, np.zeros(X.shape, int), 2, output_size=14), r"output_size \(14, 14\) must be less than"),
    (lambda: F.interpolate(X, scale_factor=np.inf), "scale_factor above 0, .* got inf"),
    (lambda: F.unfold(X, 100), r"unfold: the window \(100, 100\) .* is larger than the image \(6, 6\)"),
    (lambda: F.same_padding(-1, 3), "same_padding: size, .* must be at least 1, got size -1"),
    (lambda: F.convolution_matrix([1.0], (4, 4)), r"got w \(1,\) and input_shape \(4, 4\)"),
    (lambda: F.convolution_matrix([], 4), r"got w \(0,\) and input_shape \(4,\)"),
    (lambda: F.convolution_matrix([1.0], (4.0,)), r"input_shape \(4.0,\)"),
    (lambda: F.convolution_matrix(None, 4), "w is None"),
    (lambda: F.softmax(X, 4), r"there is no axis 4: an array of shape \(2, 4, 6, 6\) has axes 0 to 3"),
    (lambda: F.log_softmax(X, None), "there is no axis None"),
    (lambda: F.cosine_similarity(X, X, eps=0), "eps must be above 0, or a vector of zeros is 0 / 0, got 0"),
    (lambda: F.batch_norm(X, floats(4), None), "give running_mean and running_var, or neither"),
    (lambda: F.batch_norm(X, None, None, training=True, eps=-1), "eps must be at least 0, got -1"),
    (lambda: F.batch_norm(X, np.zeros(4, int), np.ones(4, int)), "running_mean must be floating-point as x is"),
    (lambda: F.batch_norm(floats(1, 4), None, None, training=True), r"two values a channel, x \(1, 4\) has 1: use a"),
    (
        lambda: F.batch_norm(floats(2, 4, 3), None, None, training=True),
        r"one image is a batch of one, x\[None\]",
    ),
    (lambda: F.layer_norm(X, 1.5), "normalized_shape must have sizes from 1, got 1.5"),
    (lambda: F.group_norm(X, "2"), "num_groups must be a whole number from 1, got '2'"),
    (lambda: F.local_response_norm(X, 3, k=-1), "k and alpha must be at least 0, got k -1"),
    (lambda: F.roi_align(X, None, 2), "boxes is None"),
    (lambda: F.roi_align(X, [[[1, 2, 3], [1]]], 2), "boxes must be an array, got lists of different lengths"),
    (lambda: F.roi_align(X, np.ones((1, 5), complex), 2), "roi_align: boxes must be numbers, got complex128"),
    (lambda: F.roi_align(X, [["a"] * 4], 2), "a list of boxes has an array"),
    (lambda: F.roi_align(X, BOXES, 2, 1e9), r"below 1e\+05, also times spatial_scale \(1e\+09\); did the network"),
    (lambda: F.cross_entropy(X, None), "targets is None"),
    (
        lambda: F.cross_entropy(floats(5, 4), np.eye(4, dtype=int)[[0] * 5]),
        r"One-hot targets\? Take their class numbers",
    ),
    (lambda: F.cross_entropy(np.arange(4), floats(4, 5)), "expected logits, then targets as integers"),
    (lambda: F.contrastive_loss(X, X, None), "same is None"),
    (lambda: F.flatten(X, 4), "there is no axis 4"),
    (lambda: F.flatten(floats(6)), r"there is no axis 1: an array of shape \(6,\)"),
    (lambda: Tensor(X) + floats(5), r"\+: shapes \(2, 4, 6, 6\) and \(5,\) do not fit together: counted from the last"),
    (lambda: Tensor(X) / floats(5), r"/: shapes \(2, 4, 6, 6\) and \(5,\)"),
    (lambda: ops.pointwise.where(X[0] > 0, X, floats(5)), r"where: shapes \(4, 6, 6\) and \(2, 4, 6, 6\) and \(5,\)"),
    (lambda: Tensor(X).sum((0, -4)), r"an axis is named twice in \(0, -4\)"),
    (lambda: Tensor(X).sum(4), "there is no axis 4"),
    (lambda: Tensor(floats(0, 3)).max(0), r"max of no values: shape \(0, 3\), dim 0"),
    (lambda: Tensor(X).transpose(0, 4), "there is no axis 4"),
    (lambda: Tensor(LABELS).log(), "log: x must be floating-point, got int64"),
    (lambda: Tensor(LABELS).exp(), "exp: x must be floating-point"),
    (lambda: minidl.concatenate([]), "there is nothing to join"),
    (lambda: minidl.stack([]), "there is nothing to join"),
    (lambda: minidl.concatenate([X, None]), "Concatenate: arrays is None"),
    (lambda: minidl.concatenate([X, X], 4), "tensors must have an axis 4"),
    (lambda: nn.Linear(6, 3)(None), "Linear: x is None; did the function that should make it forget `return`?"),
]


@pytest.mark.parametrize("call, message", SETTINGS)
def test_settings_and_other_arrays(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
    assert sentence(call)


def test_arrays_on_two_devices(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", standin_cupy)

    def fails(call, *args):
        return "different devices: cpu and cuda:0; use .to(device)" in sentence(call, *args)

    for name, (make, inputs) in EXAMPLES.items():
        arrays = inputs(np.random.default_rng(0))
        for i in range(len(arrays) if len(arrays) > 1 else 0):
            mixed = [standin_cupy.asarray(a) if j == i else a for j, a in enumerate(arrays)]
            assert fails(make().forward, *mixed), name
    there = standin_cupy.asarray
    scores, labels, ones = floats(5, 4), np.arange(5) % 4, np.ones(4)
    for loss in F.cross_entropy, F.nll_loss, F.hinge_loss, F.multi_margin_loss:
        assert fails(loss, scores, there(labels)) and fails(loss, there(scores), labels)
    assert fails(F.cross_entropy, scores, labels, there(ones))
    assert fails(F.binary_cross_entropy_with_logits, scores, scores, there(ones))
    assert fails(lambda w: F.binary_cross_entropy_with_logits(scores, scores, pos_weight=w), there(ones))
    assert fails(F.contrastive_loss, scores, scores, there(labels > 0))
    assert fails(F.max_unpool2d, X, there(np.zeros(X.shape, int)), 2)
    for training in True, False:
        assert fails(F.batch_norm, there(X), ones, ones, None, None, training)


def test_what_lies_between_right_and_wrong():
    """Single numbers, boxes without area or outside of the image, windows that fit once."""
    assert F.dropout(np.array(3.0), 0.5).data.shape == ()
    assert F.flatten(minidl.zeros(2, 3, 4)).shape == F.flatten(np.zeros((2, 3, 4))).shape == (2, 12)
    assert Tensor(np.array(3.0)).flatten().shape == (1,)
    boxes = np.array([[0, 2, 2, 2, 2], [0, 50, 50, 60, 60], [1, -20, -20, -10, -10]])
    for function in (F.roi_pool, F.roi_align, F.crop_and_resize):
        y = function(X, boxes, 2).data
        assert np.isfinite(y).all() and not y[1:].any()
    assert F.max_pool2d(X, 6).shape == (2, 4, 1, 1)
