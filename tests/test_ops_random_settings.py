"""Ops with many settings against PyTorch, forward and every gradient, over settings and shapes drawn at random.

Sizes are odd and even, batches may be empty, inputs lie in memory in any way, and what PyTorch refuses minidl must
refuse as well.
"""

import numpy as np
import pytest
from helpers import layouts

from minidl import Tensor
from minidl import functional as F

DRAWS = 15


def pair(rng, low, high):
    return tuple(int(n) for n in rng.integers(low, high + 1, 2))


def images(rng, channels=None):
    """The shape of a batch of images, one in six of them empty."""
    n = 0 if rng.random() < 1 / 6 else int(rng.integers(1, 4))
    return (n, int(channels or rng.integers(1, 5)), *pair(rng, 1, 11))


def conv(rng):
    groups = int(rng.integers(1, 4))
    channels, outputs = (groups * int(rng.integers(1, 4)) for _ in range(2))
    settings = {"stride": pair(rng, 1, 3), "padding": pair(rng, 0, 3), "dilation": pair(rng, 1, 3), "groups": groups}
    shapes = [images(rng, channels), (outputs, channels // groups, *pair(rng, 1, 4)), (outputs,)]
    return shapes, settings


def conv_transpose(rng):
    (x, (outputs, inputs, *kernel), b), settings = conv(rng)
    groups = settings["groups"]
    settings["output_padding"] = tuple(
        int(rng.integers(0, max(s, d))) for s, d in zip(settings["stride"], settings["dilation"], strict=True)
    )
    return [x, (inputs * groups, outputs // groups, *kernel), b], settings


def of_sequences(draw):
    """The same without the height."""

    def drawn(rng):
        shapes, settings = draw(rng)
        shapes = [s[:2] + s[3:] if len(s) == 4 else s for s in shapes]
        return shapes, {key: value if key == "groups" else value[1:] for key, value in settings.items()}

    return drawn


def pool(rng):
    kernel = pair(rng, 1, 4)
    padding = tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel)
    settings = {"kernel_size": kernel, "stride": pair(rng, 1, 4), "padding": padding}
    return [images(rng)], settings | {"ceil_mode": bool(rng.integers(2))}


def adaptive(rng):
    return [images(rng)], {"output_size": pair(rng, 1, 6)}


def interpolate(rng):
    mode = "nearest" if rng.random() < 0.3 else "bilinear"
    settings = {"mode": mode, "align_corners": None if mode == "nearest" else bool(rng.integers(2))}
    return [images(rng)], settings | {"size": pair(rng, 1, 12)}


def windows(rng):
    settings = {"kernel_size": pair(rng, 1, 3), "dilation": pair(rng, 1, 2), "padding": pair(rng, 0, 2)}
    return [images(rng)], settings | {"stride": pair(rng, 1, 3)}


def shuffle(rng):
    r = int(rng.integers(1, 4))
    n, c, h, w = images(rng)
    return [(max(n, 1), c * r * r, h, w)], {"upscale_factor": r}  # PyTorch fails on the gradient of an empty batch


def local_response(rng):
    n, c, h, w = images(rng)
    return [(n, c + 2, h, w)], {"size": int(rng.integers(1, 7)), "alpha": 2.0, "beta": 0.75, "k": 1.5}


def layer(rng):
    shape = (int(rng.integers(1, 4)), *images(rng)[1:])
    last = shape[-int(rng.integers(1, 4)) :]
    return [shape, last, last], {"normalized_shape": last}


def group(rng):
    groups = int(rng.integers(1, 4))
    channels = groups * int(rng.integers(1, 4))
    return [images(rng, channels), (channels,), (channels,)], {"num_groups": groups}


CASES = {
    "conv1d": of_sequences(conv), "conv2d": conv, "conv_transpose1d": of_sequences(conv_transpose),
    "conv_transpose2d": conv_transpose, "max_pool2d": pool, "avg_pool2d": pool, "adaptive_avg_pool2d": adaptive,
    "adaptive_max_pool2d": adaptive, "interpolate": interpolate, "unfold": windows, "pixel_shuffle": shuffle,
    "local_response_norm": local_response, "layer_norm": layer, "group_norm": group,
}  # fmt: skip


def call(module, name, tensors, settings):
    """The function of that name; after x, a normalization takes its settings, so the other tensors go by name."""
    names = ("weight", "bias") if name in ("layer_norm", "group_norm") else ()
    others = tensors[1:] if not names else ()
    return getattr(module, name)(tensors[0], *others, **settings, **dict(zip(names, tensors[1:], strict=False)))


def layout(rng, x):
    """x in one of the ways to lie in memory."""
    ways = [array for _, array in layouts(x)]
    return ways[rng.integers(len(ways))]


@pytest.mark.parametrize("name", CASES)
def test_random_settings(torch, name):
    rng = np.random.default_rng(len(name))
    compared = refused = 0
    while compared < DRAWS:
        shapes, settings = CASES[name](rng)
        arrays = [layout(rng, rng.standard_normal(shape)) for shape in shapes]
        ours = [Tensor(a, requires_grad=True) for a in arrays]
        theirs = [torch.tensor(a.copy(), requires_grad=True) for a in arrays]
        which = f"{name} of {shapes} with {settings}"
        try:
            z = call(torch.nn.functional, name, theirs, settings)
        except (RuntimeError, ValueError):
            refused += 1
            with pytest.raises(ValueError, match=name):
                call(F, name, ours, settings)
            continue
        if 0 in z.shape[1:]:  # images without pixels, which minidl refuses
            continue
        y = call(F, name, ours, settings)
        np.testing.assert_allclose(y.data, z.detach().numpy(), 1e-9, 1e-11, err_msg=which)
        gy = rng.standard_normal(y.shape)
        y.backward(layout(rng, gy))
        z.backward(torch.tensor(gy))
        for x, t in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(x.grad, t.grad.numpy(), 1e-8, 1e-10, err_msg=which)
        compared += 1
    assert refused < 10 * DRAWS
