"""Network in Network: published size, output sizes, the same network in PyTorch."""

import numpy as np
from counting import lively, parameters, rows_of, sizes
from twins import assert_same_network, prepared

import minidl
from minidl import models


def test_parameters():
    assert parameters("nin") == 7_595_176
    assert not any(row.layer == "Linear" for row in rows_of("nin"))


def test_output_sizes():
    """The authors' network, whose poolings round up: the last map is averaged over 6x6."""
    assert sizes("nin", "MaxPool2d") == [(96, 27, 27), (256, 13, 13), (384, 6, 6)]
    assert sizes("nin", "Conv2d") == [
        *[(96, 54, 54)] * 3, *[(256, 27, 27)] * 3, *[(384, 13, 13)] * 3, *[(1024, 6, 6)] * 2, (1000, 6, 6)
    ]  # fmt: skip


def test_the_same_network_in_pytorch(torch):
    import torch_nin

    model = lively(models.create("nin", num_classes=7, width=1 / 16))
    twin = torch_nin.NiN((6, 16, 24, 64), 7)
    x = np.random.default_rng(3).standard_normal((2, 3, 100, 131)).astype(np.float32)
    labels = np.array([2, 5])
    assert_same_network(torch, prepared(model, x), twin, x, labels)


def test_the_average_of_a_map_is_a_logit():
    model = models.create("nin", num_classes=3, width=0.1).eval()
    x = minidl.randn(2, 3, 120, 120)
    np.testing.assert_allclose(model(x).data, model.features(x).data.mean((2, 3)), 1e-5)
    model.features[-2].bias.data[...] = [0, 5, 0]
    assert (model(x).data.argmax(1) == 1).all()
