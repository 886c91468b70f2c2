"""Containers and layers as modules: PyTorch, errors, printing."""

from collections import OrderedDict

import numpy as np
import pytest

import minidl
from minidl import functional as F
from minidl import nn


def names(model):
    return [name for name, _ in model.named_parameters()]


# ---- Containers ----


def test_sequential():
    layers = [nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)]
    model, x = nn.Sequential(*layers), minidl.randn(5, 4)
    np.testing.assert_array_equal(model(x).data, layers[2](layers[1](layers[0](x))).data)
    assert len(model) == 3 and list(model) == layers and model[-1] is layers[2]
    assert isinstance(model[:2], nn.Sequential) and list(model[:2]) == layers[:2]
    model.append(nn.Tanh())
    assert len(model) == 4 and names(model) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    model[1] = nn.Sigmoid()
    assert isinstance(model[1], nn.Sigmoid) and nn.Sequential()(x) is x


def test_sequential_with_names():
    model = nn.Sequential(OrderedDict(first=nn.Linear(2, 2), act=nn.ReLU()))
    assert names(model) == ["first.weight", "first.bias"] and model.first is model[0]


def test_module_list():
    blocks = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    blocks.extend([nn.ReLU()]).append(nn.ReLU())
    assert len(blocks) == 5 and isinstance(blocks[1:3], nn.ModuleList)
    assert names(blocks) == [f"{i}.{n}" for i in range(3) for n in ("weight", "bias")]
    with pytest.raises(NotImplementedError):
        blocks(1)
    with pytest.raises(IndexError):
        blocks[5]


@pytest.mark.parametrize("wrong", [3, np.ones(2), F.relu, nn.Linear])
def test_containers_hold_modules_only(wrong):
    for make in (lambda: nn.Sequential(nn.ReLU(), wrong), lambda: nn.ModuleList([wrong])):
        with pytest.raises(TypeError, match="holds modules"):
            make()


# ---- Layers ----


def test_layers_against_pytorch(torch):
    """Every layer with its settings by name, weights shared, in float32."""
    pairs = [
        (("Linear", 6, 5), (3, 6)),
        (("Conv2d", 4, 6, 3, 2, 1, 1, 2), (2, 4, 7, 6)),
        (("Conv2d", 3, 4, (3, 2)), (2, 3, 7, 6)),
        (("BatchNorm1d", 6), (5, 6)),
        (("BatchNorm2d", 3), (2, 3, 4, 5)),
        (("MaxPool2d", 3, 2, 1), (2, 3, 7, 6)),
        (("AvgPool2d", (2, 3)), (2, 3, 7, 6)),
        (("AdaptiveAvgPool2d", (2, 3)), (2, 3, 7, 6)),
        (("AdaptiveMaxPool2d", (2, 3)), (2, 3, 7, 6)),
        (("AvgPool2d", 3, 2, 1, True), (2, 3, 8, 6)),
        (("Upsample", (9, 4), None, "bilinear", True), (2, 3, 7, 6)),
        (("Upsample", None, 2), (2, 3, 7, 6)),
        (("PixelShuffle", 2), (2, 12, 3, 4)),
        (("PixelUnshuffle", 3), (2, 2, 6, 9)),
        (("ReLU",), (3, 4)),
        (("LeakyReLU", 0.3), (3, 4)),
        (("Sigmoid",), (3, 4)),
        (("Tanh",), (3, 4)),
        (("Softmax", 1), (3, 4, 2)),
        (("LogSoftmax", 1), (3, 4, 2)),
        (("Flatten",), (3, 4, 2)),
        (("Identity",), (3, 4)),
    ]
    for (name, *settings), shape in pairs:
        ours, theirs = getattr(nn, name)(*settings), getattr(torch.nn, name)(*settings)
        ours.load_state_dict({n: t.detach().numpy() for n, t in theirs.state_dict().items()})
        x = minidl.randn(shape)
        expected = theirs(torch.tensor(x.data)).detach().numpy()
        np.testing.assert_allclose(ours(x).data, expected, 1e-4, 1e-5, err_msg=name)
        for mode in (ours.eval(), theirs.eval()):
            assert not mode.training
        expected = theirs(torch.tensor(x.data)).detach().numpy()
        np.testing.assert_allclose(ours(x).data, expected, 1e-4, 1e-5, err_msg=name)


@pytest.mark.parametrize("layer, shape", [(nn.BatchNorm1d(3), (2, 3, 4, 4)), (nn.BatchNorm2d(3), (2, 3))])
def test_batch_norm_layers_check_the_axes(layer, shape):
    with pytest.raises(ValueError, match="expected x"):
        layer(minidl.zeros(shape))


def test_layer_errors():
    with pytest.raises(ValueError, match="divide into 2 groups"):
        nn.Conv2d(3, 4, 3, groups=2)
    with pytest.raises(ValueError, match="probability"):
        nn.Dropout(2)


REPRS = {
    "Linear(in_features=4, out_features=2, bias=True)": lambda: nn.Linear(4, 2),
    "Conv2d(3, 8, kernel_size=(3, 3))": lambda: nn.Conv2d(3, 8, 3),
    "Conv2d(4, 8, kernel_size=(3, 2), stride=(2, 2), padding=(1, 0), dilation=(2, 2), groups=2, bias=False)": (
        lambda: nn.Conv2d(4, 8, (3, 2), 2, (1, 0), 2, 2, bias=False)
    ),
    "BatchNorm2d(8, eps=1e-05, momentum=0.1)": lambda: nn.BatchNorm2d(8),
    "MaxPool2d(kernel_size=2, stride=2, padding=0)": lambda: nn.MaxPool2d(2),
    "MaxPool2d(kernel_size=3, stride=2, padding=1, ceil_mode=True)": lambda: nn.MaxPool2d(3, 2, 1, ceil_mode=True),
    "AdaptiveAvgPool2d(output_size=1)": lambda: nn.AdaptiveAvgPool2d(1),
    "SpatialPyramidPool(levels=(1, 2, 4))": nn.SpatialPyramidPool,
    "MaxUnpool2d(kernel_size=2, stride=2, padding=0)": lambda: nn.MaxUnpool2d(2),
    "Upsample(scale_factor=2, mode='nearest')": lambda: nn.Upsample(scale_factor=2),
    "Upsample(size=(4, 6), mode='bilinear', align_corners=True)": (
        lambda: nn.Upsample((4, 6), mode="bilinear", align_corners=True)
    ),
    "PixelShuffle(upscale_factor=2)": lambda: nn.PixelShuffle(2),
    "PixelUnshuffle(downscale_factor=3)": lambda: nn.PixelUnshuffle(3),
    "Dropout(p=0.5)": nn.Dropout,
    "LeakyReLU(negative_slope=0.2)": lambda: nn.LeakyReLU(0.2),
    "Softmax(dim=-1)": nn.Softmax,
    "ReLU()": nn.ReLU,
    "Sequential(\n  (0): Sequential(\n    (0): ReLU()\n  )\n  (1): Tanh()\n)": (
        lambda: nn.Sequential(nn.Sequential(nn.ReLU()), nn.Tanh())
    ),
}


@pytest.mark.parametrize("text", REPRS)
def test_repr(text):
    assert repr(REPRS[text]()) == text


def test_parameter_repr():
    assert repr(nn.Parameter(np.zeros(1, np.float32))) == "Parameter tensor([0.], requires_grad=True)"
