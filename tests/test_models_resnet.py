"""Residual networks: published sizes, multiply-adds and names, the same networks in PyTorch, stochastic depth."""

import numpy as np
import pytest
from counting import undrawn
from twins import assert_same_network, count, prepared

import minidl
from minidl import functional as F
from minidl import models, nn
from minidl.models import CifarPreactivationResNet, CifarResNet, CifarResNeXt, PreactivationResNet, ResNet
from minidl.models.resnet import BasicBlock, Bottleneck, drop_probabilities
from minidl.models.resnet_cifar import PaddedBlock
from minidl.models.resnet_preactivation import PreactivationBlock, PreactivationBottleneck
from minidl.summary import summarize

NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def giga(model):
    """Multiply-adds for one image of 224x224, in 10^9 to three digits."""
    return f"{sum(row.multiply_adds for row in summarize(model, (3, 224, 224))) / 1e9:.3f}"


# Parameters and multiply-adds as torchvision publishes them.
PUBLISHED = {
    "resnet18": (11_689_512, "1.814"), "resnet34": (21_797_672, "3.664"), "resnet50": (25_557_032, "4.089"),
    "resnet101": (44_549_160, "7.801"), "resnet152": (60_192_808, "11.514"), "resnext50_32x4d": (25_028_904, "4.230"),
    "resnext101_32x8d": (88_791_336, "16.414"), "wide_resnet50_2": (68_883_240, "11.398"),
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_sizes(name):
    parameters, multiply_adds = PUBLISHED[name]
    model = undrawn(name)
    assert count(model) == parameters
    assert giga(model) == multiply_adds


@pytest.mark.parametrize("depth, paper", [(18, 1.8), (34, 3.6), (50, 3.8), (101, 7.6), (152, 11.3)])
def test_multiply_adds_of_the_paper(depth, paper):
    """He et al. 2016, table 1: 3.8 is 3.86 and 3.6 is 3.66, cut off."""
    parameters, ours = PUBLISHED[f"resnet{depth}"]
    if depth >= 50:
        model = undrawn(f"resnet{depth}_paper")
        assert count(model) == parameters
        ours = giga(model)
    assert paper - 0.05 < float(ours) < paper + 0.08


def test_weights_of_a_block():
    """The lecture's reason for the bottleneck."""

    def weights(block):
        return sum(p.size for name, p in block.named_parameters() if "conv" in name)

    assert weights(BasicBlock(64, 64)) == 2 * 9 * 64 * 64 == 73_728
    assert weights(BasicBlock(256, 256)) == 2 * 9 * 256 * 256 == 1_179_648
    assert weights(Bottleneck(256, 256)) == 256 * 64 + 9 * 64 * 64 + 64 * 256 == 69_632
    grouped = Bottleneck(256, 256, groups=32, width_per_group=4)
    assert weights(grouped) == 256 * 128 + 9 * 128 * 4 + 128 * 256 == 70_144  # Xie et al. 2017, section 3.3: about 70 k


def expected_names(counts, convolutions, projected):
    names = {"conv1.weight", "fc.weight", "fc.bias"} | {f"bn1.{key}" for key in NORM}
    for i, blocks in enumerate(counts, start=1):
        for j in range(blocks):
            block = f"layer{i}.{j}"
            for k in range(1, convolutions + 1):
                names |= {f"{block}.conv{k}.weight"} | {f"{block}.bn{k}.{key}" for key in NORM}
            if j == 0 and i in projected:
                names |= {f"{block}.downsample.0.weight"} | {f"{block}.downsample.1.{key}" for key in NORM}
    return names


@pytest.mark.parametrize(
    "name, counts, convolutions, projected",
    [
        ("resnet18", (2, 2, 2, 2), 2, (2, 3, 4)),
        ("resnet34", (3, 4, 6, 3), 2, (2, 3, 4)),
        ("resnet152", (3, 8, 36, 3), 3, (1, 2, 3, 4)),
        ("resnext50_32x4d", (3, 4, 6, 3), 3, (1, 2, 3, 4)),
        ("plain34", (3, 4, 6, 3), 2, ()),
        ("plain20", (3, 3, 3), 2, ()),
    ],
)
def test_names_are_those_of_published_files(name, counts, convolutions, projected):
    assert set(undrawn(name, width=0.25).state_dict()) == expected_names(counts, convolutions, projected)


def test_layers_of_every_depth():
    """The number in the name counts convolutions and linear layers, those of the shortcuts not."""
    for name in [n for n in models.names() if n.startswith(("resnet", "plain", "preact"))]:
        model = undrawn(name, width=1 / 16)
        layers = [n for n, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear) and "downsample" not in n]
        assert str(len(layers)) == "".join(filter(str.isdigit, name)), name


def test_plain_networks_lack_the_projections_only():
    for depth in (18, 34):
        projections = sum(64 * 2**i * 128 * 2**i + 2 * 128 * 2**i for i in range(3))
        assert PUBLISHED[f"resnet{depth}"][0] - count(undrawn(f"plain{depth}")) == projections
    assert count(undrawn("plain20")) == count(undrawn("resnet20"))
    assert count(undrawn("plain56")) == count(undrawn("resnet56"))


def test_sizes_of_the_preactivation_networks():
    """He et al. 2016b, table 4: ResNet-164 has 1.7 million parameters."""
    assert f"{count(undrawn('preact_resnet164')) / 1e6:.1f}" == "1.7"
    # Batch norm behind the last sum, none after the stem and the projections; narrower where a stage begins.
    change = 512 - 64 - (128 + 256 + 512) + (64 - 128) + (128 - 256) + (256 - 512)
    assert count(undrawn("preact_resnet18")) - PUBLISHED["resnet18"][0] == 2 * change
    assert giga(undrawn("preact_resnet18")) == PUBLISHED["resnet18"][1]
    assert giga(undrawn("preact_resnet50")) == PUBLISHED["resnet50"][1]


def test_sizes_of_the_resnext_for_small_images():
    """Xie et al. 2017, table 7: ResNeXt-29, 8x64d has 34.4 million parameters, 16x64d 68.1 million."""
    with minidl.random.undrawn():
        assert f"{count(CifarResNeXt()) / 1e6:.1f}" == "34.4"
        assert count(CifarResNeXt(groups=16)) / 1e6 == pytest.approx(68.1, abs=0.06)
    rows = summarize(undrawn("resnext_cifar"), (3, 32, 32))
    assert sum(row.parameters for row in rows) == 552_130
    assert sum(row.multiply_adds for row in rows) / 1e6 == pytest.approx(22.7, abs=0.05)


# ---- The same networks in PyTorch -------------------------------------------------------------------------------


def twins(name):
    """Ours and PyTorch's at a small width, and the size of an image."""
    import torch_resnet as twin

    def basic(i, *sizes):
        return twin.Basic(*sizes)

    def bottleneck(inner, **settings):
        return lambda i, *sizes: twin.Bottleneck(*sizes, inner * 2**i, **settings)

    def plain(i, *sizes):
        return twin.Basic(*sizes, plain=True)

    def preact(i, *sizes):
        return twin.PreactivationBasic(*sizes)

    def preact_bottleneck(i, *sizes):
        return twin.PreactivationBottleneck(*sizes)

    c4, c32, r50 = (4, 8, 16, 32), (16, 32, 64, 128), (3, 4, 6, 3)
    small = {"num_classes": 7, "width": 1 / 16}
    large, cifar = (48, 64), (32, 24)
    return {
        "resnet18": lambda: (models.create("resnet18", **small), twin.ResNet(basic, (2, 2, 2, 2), 4, c4, 7), large),
        "resnet34": lambda: (models.create("resnet34", **small), twin.ResNet(basic, r50, 4, c4, 7), large),
        "plain18": lambda: (models.create("plain18", **small), twin.ResNet(plain, (2, 2, 2, 2), 4, c4, 7), large),
        "resnet50": lambda: (models.create("resnet50", **small), twin.ResNet(bottleneck(4), r50, 4, c32, 7), large),
        "resnet50_paper": lambda: (
            models.create("resnet50_paper", **small), twin.ResNet(bottleneck(4, paper=True), r50, 4, c32, 7), large,
        ),
        "wide_resnet50_2": lambda: (
            models.create("wide_resnet50_2", **small), twin.ResNet(bottleneck(8), r50, 4, c32, 7), large,
        ),
        "resnext50_32x4d": lambda: (
            models.create("resnext50_32x4d", num_classes=7, width=0.25),
            twin.ResNet(bottleneck(32, groups=32), r50, 16, (64, 128, 256, 512), 7), large,
        ),
        "resnext_cifar": lambda: (
            models.create("resnext_cifar", 7),
            twin.ResNet(bottleneck(48, groups=8), (2, 2, 2), 24, (96, 192, 384), 7, large=False, stem_stride=2), cifar,
        ),
        "plain20": lambda: (
            models.create("plain20", 7, width=0.5),
            twin.ResNet(plain, (3, 3, 3), 8, (8, 16, 32), 7, large=False), cifar,
        ),
        "preact_resnet18": lambda: (
            models.create("preact_resnet18", **small), twin.ResNet(preact, (2, 2, 2, 2), 4, c4, 7, last=True), large,
        ),
        "preact_resnet50": lambda: (
            models.create("preact_resnet50", **small), twin.ResNet(preact_bottleneck, r50, 4, c32, 7, last=True), large,
        ),
        "preact_resnet20": lambda: (
            models.create("preact_resnet20", 7, width=0.5),
            twin.ResNet(preact, (3, 3, 3), 8, (8, 16, 32), 7, large=False, last=True), cifar,
        ),
    }[name]()  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "resnet18", "resnet34", "plain18", "resnet50", "resnet50_paper", "wide_resnet50_2", "resnext50_32x4d",
        "resnext_cifar", "plain20", "preact_resnet18", "preact_resnet50", "preact_resnet20",
    ],
)  # fmt: skip
def test_the_same_network_in_pytorch(torch, name):
    ours, theirs, size = twins(name)
    x = np.random.default_rng(2).standard_normal((4, 3, *size)).astype(np.float32)
    assert_same_network(torch, prepared(ours, x), theirs, x, np.array([0, 6, 2, 0]))


# ---- Stochastic depth -------------------------------------------------------------------------------------------


def test_blocks_are_dropped_more_often_the_deeper_they_lie():
    """Huang et al. 2016, equation 4: survival 1 - l / L (1 - p_L)."""
    np.testing.assert_allclose(np.array(drop_probabilities(0.5, 54))[[0, 26, 53]], [0.5 / 54, 0.25, 0.5])
    for model in (
        CifarResNet(14, stochastic_depth_prob=0.3),
        CifarPreactivationResNet(14, stochastic_depth_prob=0.3),
        ResNet(18, stochastic_depth_prob=0.3, width=1 / 16),
        PreactivationResNet(18, stochastic_depth_prob=0.3, width=1 / 16),
    ):
        drops = [m.drop for m in model.modules() if hasattr(m, "drop")]
        np.testing.assert_allclose(drops, [0.3 * (i + 1) / len(drops) for i in range(len(drops))])


@pytest.mark.parametrize("block", [BasicBlock, PaddedBlock, Bottleneck, PreactivationBlock, PreactivationBottleneck])
@pytest.mark.parametrize("stride", [1, 2])
def test_each_image_passes_a_block_or_its_shortcut(block, stride):
    model = block(8, 8 * stride, stride, drop=0.4)
    x = minidl.randn(40, 8, 6, 6)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):  # the same in training as in evaluation
            module.forward = lambda x, m=module: F.batch_norm(x, m.running_mean, m.running_var, m.weight, m.bias)
    before = issubclass(block, PreactivationBlock | PreactivationBottleneck)
    active = F.relu(model.bn1(x)) if before else x
    shortcut = x if model.downsample is None else model.downsample(active)
    branch = model.residual(active)
    after = (lambda y: y) if before else F.relu
    whole, kept, left = (after(shortcut + branch * scale).data for scale in (1, 1 / 0.6, 0))
    np.testing.assert_allclose(model.eval()(x).data, whole, 1e-5, 1e-5)
    y = model.train()(x).data
    dropped = np.array([np.allclose(a, b, 1e-5, 1e-5) for a, b in zip(y, left, strict=True)])
    assert 6 <= dropped.sum() <= 26
    np.testing.assert_allclose(y[~dropped], kept[~dropped], 1e-5, 1e-5)


def test_stochastic_depth_is_for_training_and_needs_shortcuts():
    for cls in (CifarResNet, CifarPreactivationResNet):
        model = cls(8, stochastic_depth_prob=1.0).eval()
        x = minidl.randn(2, 3, 16, 16)
        other = cls(8).eval()
        other.load_state_dict(model.state_dict())
        np.testing.assert_array_equal(model(x).data, other(x).data)
        y, z = model.train()(x), other.train()(x)
        assert not np.allclose(y.data, z.data)
    for cls in (CifarResNet, ResNet):
        with pytest.raises(ValueError, match="stochastic depth needs shortcuts"):
            cls(shortcut=False, stochastic_depth_prob=0.5)


# ---- Settings ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: ResNet(20), "ResNet: depth must be one of 18, 34, 50, 101, 152, got 20"),
        (lambda: ResNet(34, groups=32), "need a depth from 50, got 34"),
        (lambda: ResNet(18, stride_in_1x1=True), "need a depth from 50, got 18"),
        (lambda: PreactivationResNet(20), "PreactivationResNet: depth must be one of 18, .*200, got 20"),
        (lambda: CifarPreactivationResNet(21), "6n . 2, or 9n . 2 from 164 on, got 21"),
        (lambda: CifarPreactivationResNet(2), "got 2"),
        (lambda: CifarPreactivationResNet(170), "got 170"),
        (lambda: CifarResNeXt(20 - 1), "CifarResNeXt: depth must be 9n . 2 .29 in the paper., got 19"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "preact_resnet18"])
def test_other_images(name):
    model = models.create(name, 5, (1, 40, 56), width=1 / 8)
    assert model(minidl.zeros(2, 1, 40, 56)).shape == (2, 5)
    assert model.eval()(minidl.zeros(0, 1, 40, 56)).shape == (0, 5)


def test_initial_weights():
    model = models.create("resnet18", 10)
    conv = model.layer4[0].conv1.weight.data  # 512 x 256 x 3 x 3
    np.testing.assert_allclose(conv.std(), np.sqrt(2 / (9 * 512)), rtol=0.01)
    assert (model.layer4[1].bn2.weight.data == 1).all()
