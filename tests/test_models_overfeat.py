"""OverFeat: maps of scores on larger images, published sizes, the same networks in PyTorch."""

import numpy as np
import pytest
from counting import fields, giga, lively, parameters, sizes, undrawn
from twins import assert_same_network, count, prepared

import minidl
from minidl import models, nn

NAMES = "overfeat", "overfeat_accurate"


@pytest.mark.parametrize("name", NAMES)
def test_a_larger_image_gives_a_map(name):
    model = models.create(name, num_classes=5, width=1 / 32).eval()
    assert model.score_map(minidl.zeros(1, 3, 221, 221)).shape == (1, 5, 1, 1)
    assert model.score_map(minidl.zeros(1, 3, 257, 257)).shape == (1, 5, 2, 2)
    assert model.score_map(minidl.zeros(2, 3, 221, 257)).shape == (2, 5, 1, 2)
    assert model(minidl.zeros(2, 3, 257, 300)).shape == (2, 5)


@pytest.mark.parametrize("name, step", [("overfeat", 32), ("overfeat_accurate", 36)])
def test_the_map_is_the_network_at_each_window(name, step):
    """Where no layer pads, a score is what the window alone would give; the logits are the mean of the scores."""
    model = models.create(name, num_classes=5, width=1 / 32, input_shape=(3, 301, 301))
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.padding = (0, 0)
    kernel = model.features(minidl.zeros(1, 3, 301, 301)).shape[2:]
    model.classifier[0] = nn.Conv2d(model.classifier[0].in_channels, model.classifier[0].out_channels, kernel)
    lively(model).eval()
    x = minidl.randn(1, 3, 301 + step, 301 + step)
    scores = model.score_map(x).data
    assert scores.shape == (1, 5, 2, 2) and scores.std() > 0.01
    for i in range(2):
        for j in range(2):
            window = minidl.Tensor(x.data[:, :, i * step :, j * step :][:, :, :301, :301])
            np.testing.assert_allclose(model(window).data, scores[:, :, i, j], 1e-4, 1e-4)
    np.testing.assert_allclose(model(x).data, scores.mean((2, 3)), 1e-5, 1e-5)


def test_parameters_of_the_paper():
    """Table 4: 145 million in the fast model, for images of 231x231 as in table 1, and 144 in the accurate one."""
    assert count(undrawn("overfeat", input_shape=(3, 231, 231))) // 10**6 == 145
    assert parameters("overfeat_accurate") // 10**6 == 144
    assert giga("overfeat_accurate") == pytest.approx(5.369, rel=0.01)


def test_output_sizes():
    """Tables 1 and 3."""
    large = undrawn("overfeat", input_shape=(3, 231, 231))
    assert large.classifier[0].kernel_size == (6, 6)
    assert sizes("overfeat_accurate", "MaxPool2d") == [(96, 36, 36), (256, 15, 15), (1024, 5, 5)]
    assert sizes("overfeat", "MaxPool2d") == [(96, 26, 26), (256, 11, 11), (1024, 5, 5)]
    for name, first in (("overfeat", 3072), ("overfeat_accurate", 4096)):
        assert sizes(name, "Conv2d")[-3:] == [(first, 1, 1), (4096, 1, 1), (1000, 1, 1)]
    assert fields("overfeat", "MaxPool2d") == [15, 55, 167]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_network_in_pytorch(torch, name):
    import torch_overfeat

    model = lively(models.create(name, num_classes=7, width=1 / 32))
    twins = {
        "overfeat": lambda: torch_overfeat.fast((3, 8, 16, 32, 32), (96, 128), 5, 7),
        "overfeat_accurate": lambda: torch_overfeat.accurate((3, 8, 16, 16, 32, 32), (128, 128), 7),
    }
    x = np.random.default_rng(3).standard_normal((2, 3, 221, 257)).astype(np.float32)
    labels = np.array([2, 5])
    twin = twins[name]()
    assert_same_network(torch, prepared(model, x), twin, x, labels)


def test_errors():
    with pytest.raises(ValueError, match="OverFeat takes images of 71x71 or more, got 40x300: enlarge them"):
        models.create("overfeat", input_shape=(3, 40, 300))
    with pytest.raises(ValueError, match="conv2d: the kernel"):
        models.create("overfeat", width=1 / 32)(minidl.zeros(1, 3, 180, 180))
