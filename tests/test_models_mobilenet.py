"""MobileNets: published sizes, multiply-adds and names, the same networks in PyTorch."""

import numpy as np
import pytest
from counting import undrawn
from twins import assert_same_network, count, losses_on_one_batch, outputs_of, prepared

import minidl
from minidl import models, nn
from minidl.models.mobilenet import InvertedResidual, in_eights
from minidl.summary import summarize

V1_TABLE = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
CIFAR_TABLE = [(64, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (256, 1)]


def v1_parameters(table, stem, classes):
    """Howard et al. 2017, table 1: convolutions, a scale and a shift for each channel, the last layer."""
    total, channels = 3 * stem * 9 + 2 * stem, stem
    for outputs, _ in table:
        total += 9 * channels + 2 * channels + channels * outputs + 2 * outputs
        channels = outputs
    return total + channels * classes + classes


def test_parameters():
    assert count(undrawn("mobilenet_v1")) == v1_parameters(V1_TABLE, 32, 1000) == 4_231_976
    assert count(undrawn("mobilenet_v2")) == 3_504_872
    assert count(undrawn("mobilenet_cifar")) == v1_parameters(CIFAR_TABLE, 16, 10) == 208_906


def test_multiply_adds():
    published = {"mobilenet_v1": "0.569", "mobilenet_v2": "0.301"}  # v1: 569 million in table 4
    for name, giga in published.items():
        rows = summarize(undrawn(name), (3, 224, 224))
        assert f"{sum(row.multiply_adds for row in rows) / 1e9:.3f}" == giga


def test_multiply_adds_of_a_block_are_those_of_the_formula():
    rows = summarize(undrawn("mobilenet_v1").features[2], (64, 112, 112))
    assert [row.multiply_adds for row in rows if row.multiply_adds] == [56 * 56 * 64 * 9, 56 * 56 * 64 * 128]


def test_sizes_of_mobilenet_v2():
    shapes = list(outputs_of(undrawn("mobilenet_v2"), InvertedResidual, (3, 224, 224)).values())
    stages = [(16, 112), (24, 56), (32, 28), (64, 14), (96, 14), (160, 7), (320, 7)]  # table 2
    counts = [1, 2, 3, 4, 3, 3, 1]
    expected = [(c, size, size) for (c, size), n in zip(stages, counts, strict=True) for _ in range(n)]
    assert shapes == expected


def test_names_are_those_of_published_files():
    names = set(undrawn("mobilenet_v2").state_dict())
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    expected = {"classifier.1.weight", "classifier.1.bias"}
    for i in range(19):
        ends = i in (0, 18)
        convolutions = ["0"] if ends else ["conv.0.0", "conv.1"] if i == 1 else ["conv.0.0", "conv.1.0", "conv.2"]
        norms = ["1"] if ends else ["conv.0.1", "conv.2"] if i == 1 else ["conv.0.1", "conv.1.1", "conv.3"]
        expected |= {f"features.{i}.{c}.weight" for c in convolutions}
        expected |= {f"features.{i}.{n}.{key}" for n in norms for key in norm}
    assert names == expected


@pytest.mark.parametrize("width, millions", [(0.35, "1.68"), (0.5, "1.97"), (1.0, "3.50"), (1.4, "6.11")])
def test_other_widths_of_mobilenet_v2(width, millions):
    """As timm publishes them: mobilenetv2_035, 050, 100 and 140."""
    assert f"{count(undrawn('mobilenet_v2', width=width)) / 1e6:.2f}" == millions


def test_channels_are_rounded_to_eight_and_lose_a_tenth_at_most():
    for n in np.random.default_rng(0).uniform(1, 2000, 500):
        rounded = in_eights(1.0, n)
        assert rounded % 8 == 0 and rounded >= 8 and 0.9 * n <= rounded < max(n + 8, 9)
    assert [in_eights(1.0, n) for n in (4, 11, 12, 18, 24, 44.8)] == [8, 16, 16, 24, 24, 48]


def twin(torch, name):
    import torch_mobilenet

    if name == "v1":
        table = [(c // 8, stride) for c, stride in V1_TABLE]
        return models.create("mobilenet_v1", 7, width=0.125), torch_mobilenet.MobileNetV1(table, 8, 2, 7)  # 32/8 is 4
    if name == "cifar":
        return models.create("mobilenet_cifar", 7), torch_mobilenet.MobileNetV1(CIFAR_TABLE, 16, 1, 7)
    channels = (8, 8, 8, 8, 16, 24, 40, 80, 1280)  # a quarter of table 2, in eights
    return models.create("mobilenet_v2", 7, width=0.25), torch_mobilenet.MobileNetV2(channels, 7)


@pytest.mark.parametrize("name, size", [("v1", (64, 96)), ("v2", (96, 64)), ("cifar", (32, 32))])
def test_the_same_network_in_pytorch(torch, name, size):
    ours, theirs = twin(torch, name)
    x = np.random.default_rng(2).standard_normal((3, 3, *size)).astype(np.float32)
    assert_same_network(torch, prepared(ours, x), theirs, x, np.array([0, 6, 2]))


def test_a_block_adds_its_input_where_it_can():
    x = minidl.randn(2, 8, 6, 6)
    for block, added in ((InvertedResidual(8, 8, 1, 6), 1), (InvertedResidual(8, 8, 2, 6), 0)):
        block.conv[-1].weight.data[...] = 0
        y = block(x).data
        np.testing.assert_array_equal(y, added * x.data if added else 0 * y)
    assert not InvertedResidual(8, 16, 1, 6).adds


def test_initial_weights():
    model = models.create("mobilenet_v2")
    conv = model.features[18][0].weight.data  # 1280 x 320 x 1 x 1
    np.testing.assert_allclose(conv.std(), np.sqrt(2 / 1280), rtol=0.02)
    np.testing.assert_allclose(model.classifier[1].weight.data.std(), 0.01, rtol=0.02)
    assert not model.classifier[1].bias.data.any()


def test_the_small_one_learns():
    losses = losses_on_one_batch(models.create("mobilenet_cifar"), steps=15)
    assert losses[-1] < 0.5 < 1.5 < losses[0]


def test_a_batch_of_grey_pictures_of_another_size():
    model = models.create("mobilenet_v2", 5, (1, 40, 56), width=0.25)
    assert model(minidl.zeros(2, 1, 40, 56)).shape == (2, 5)
    assert isinstance(model.features[0][2], nn.ReLU6)
    with pytest.raises(ValueError, match="x has 3 channels but w expects 1"):
        model(minidl.zeros(2, 3, 40, 56))
