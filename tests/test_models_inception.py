"""Inception v3: published parameters, multiply-adds, sizes and names, the same network in PyTorch."""

import numpy as np
import pytest
from counting import undrawn
from twins import assert_same_network, count, outputs_of, prepared

import minidl
from minidl import functional as F
from minidl import models, nn
from minidl.summary import summarize


def small(**settings):
    return models.create("inception_v3", 7, width=0.125, **settings)


def test_parameters_and_multiply_adds():
    assert count(undrawn("inception_v3")) == 27_161_264
    model = undrawn("inception_v3", aux_logits=False)
    assert count(model) == 23_834_568
    assert f"{sum(row.multiply_adds for row in summarize(model, (3, 299, 299))) / 1e9:.3f}" == "5.713"


def test_sizes_are_those_of_table_1():
    model = undrawn("inception_v3", width=0.125)
    shapes = {name: shape for name, shape in outputs_of(model, nn.Module, (3, 299, 299)).items() if "." not in name}
    sizes = {
        "Conv2d_1a_3x3": (32, 149), "Conv2d_2a_3x3": (32, 147), "Conv2d_2b_3x3": (64, 147), "maxpool1": (64, 73),
        "Conv2d_3b_1x1": (80, 73), "Conv2d_4a_3x3": (192, 71), "maxpool2": (192, 35),
        "Mixed_5b": (256, 35), "Mixed_5c": (288, 35), "Mixed_5d": (288, 35), "Mixed_6a": (768, 17),
        "Mixed_6b": (768, 17), "Mixed_6c": (768, 17), "Mixed_6d": (768, 17), "Mixed_6e": (768, 17),
        "Mixed_7a": (1280, 8), "Mixed_7b": (2048, 8), "Mixed_7c": (2048, 8),
    }  # fmt: skip
    assert {name: shapes[name] for name in sizes} == {n: (c // 8, size, size) for n, (c, size) in sizes.items()}


def test_names_are_those_of_published_files():
    state = undrawn("inception_v3").state_dict()
    expected = {
        "Conv2d_1a_3x3.conv.weight": (32, 3, 3, 3), "Conv2d_4a_3x3.bn.running_mean": (192,),
        "Mixed_5b.branch5x5_2.conv.weight": (64, 48, 5, 5), "Mixed_5d.branch_pool.conv.weight": (64, 288, 1, 1),
        "Mixed_6a.branch3x3dbl_3.conv.weight": (96, 96, 3, 3), "Mixed_6c.branch7x7_2.conv.weight": (160, 160, 1, 7),
        "Mixed_6e.branch7x7dbl_5.conv.weight": (192, 192, 1, 7), "Mixed_7a.branch7x7x3_4.bn.num_batches_tracked": (),
        "Mixed_7c.branch3x3dbl_3b.conv.weight": (384, 384, 3, 1), "AuxLogits.conv1.conv.weight": (768, 128, 5, 5),
        "AuxLogits.fc.weight": (1000, 768), "fc.bias": (1000,),
    }  # fmt: skip
    assert {key: state[key].shape for key in expected} == expected
    assert len(state) == 96 * 6 + 4  # 94 convolutions and two of the auxiliary classifier, two linear layers


def test_the_same_network_in_pytorch(torch):
    import torch_inception

    x = np.random.default_rng(2).standard_normal((2, 3, 299, 299)).astype(np.float32)
    ours, theirs = prepared(small(), x), torch_inception.InceptionV3(7, 1)
    assert_same_network(torch, ours, theirs, x, np.array([3, 0]), auxiliary=0.4)


def test_without_the_auxiliary_classifier():
    x, labels = minidl.randn(2, 3, 75, 75), np.array([1, 5])
    model = prepared(small(aux_logits=False, input_shape=(3, 75, 75)), x.data)
    for training in (True, False):
        logits = model.train(training)(x)
        assert logits.shape == (2, 7)
        (again,) = model.forward_with_aux(x)
        np.testing.assert_array_equal(again.data, logits.data)
    assert model.loss(model.forward_with_aux(x), labels).item() == F.cross_entropy(logits, labels).item()


def test_transform_input():
    x = minidl.randn(4, 3, 107, 107)
    model = prepared(small(aux_logits=False, input_shape=(3, 107, 107), transform_input=True), x.data).eval()
    plain = small(aux_logits=False, input_shape=(3, 107, 107)).eval()
    plain.load_state_dict(model.state_dict())
    std, mean = np.array([0.229, 0.224, 0.225]).reshape(3, 1, 1), np.array([0.485, 0.456, 0.406]).reshape(3, 1, 1)
    halves = minidl.Tensor(((x.data * std + mean - 0.5) / 0.5).astype(np.float32))
    np.testing.assert_allclose(model(x).data, plain(halves).data, 1e-3, 1e-3)
    assert abs(model(x).data - plain(x).data).max() > 0.01


def test_initial_weights():
    model = small()
    heads = model.Mixed_7c.branch3x3dbl_2.conv, model.AuxLogits.conv1.conv, model.AuxLogits.fc
    for layer, std in zip(heads, (0.1, 0.01, 0.001), strict=True):
        np.testing.assert_allclose(layer.weight.data.std(), std, rtol=0.1)


@pytest.mark.parametrize(
    "shape, settings, least",
    [((3, 224, 224), {}, "299x299 or more"), ((3, 74, 90), {"aux_logits": False}, "75x75 or more")],
)
def test_images_that_are_too_small_are_named(shape, settings, least):
    with pytest.raises(ValueError, match=f"{least}.*got {shape[1]}x{shape[2]}"):
        small(input_shape=shape, **settings)
