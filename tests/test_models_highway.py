"""Highway networks: sizes, gates that start closed, depth, the same network in PyTorch."""

import numpy as np
import pytest
from counting import parameters
from twins import assert_same_network, prepared

import minidl
from minidl import functional as F
from minidl import models
from minidl.models.highway import HighwayLayer


def test_parameters():
    """The first layer, nine highway layers of two times 50 x 50 weights, the logits."""
    assert parameters("highway") == 785 * 50 + 9 * 2 * 51 * 50 + 51 * 10


def test_a_layer_by_hand():
    layer = HighwayLayer(2)
    layer.transform.weight.data[...] = [[1, 0], [0, -1]]
    layer.gate.weight.data[...] = 0
    layer.gate.bias.data[...] = [0, np.log(3)]  # T = 1/2 and 3/4
    np.testing.assert_allclose(layer(minidl.Tensor([[4.0, 8.0]])).data, [[4.0, 2.0]], 1e-6)


def test_gates_start_closed():
    """With a bias far below zero a hundred layers hand on what comes in, and the gradient comes back whole."""
    model = models.Highway(depth=101, gate_bias=-20.0)
    x = minidl.Tensor(np.random.default_rng(0).standard_normal((4, 50)).astype(np.float32), requires_grad=True)
    y = model.layers(x)
    np.testing.assert_allclose(y.data, x.data, atol=1e-4)
    y.sum().backward()
    np.testing.assert_allclose(x.grad, 1, atol=1e-4)
    assert (models.Highway().layers[3].gate.bias.data == -2).all()


def test_deep_ones_learn_where_plain_ones_do_not():
    rng = np.random.default_rng(0)
    x = minidl.Tensor(rng.standard_normal((128, 1, 4, 4)).astype(np.float32))
    labels = (x.data.reshape(128, 16)[:, :4].argmax(1)).astype(np.int64)

    def loss_after_training(model):
        optimizer = minidl.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        for _ in range(40):
            loss = F.cross_entropy(model(x), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return loss.item()

    plain = models.MLP(num_classes=4, input_shape=(1, 4, 4), hidden=(50,) * 50)
    deep = models.Highway(depth=50, gate_bias=-4.0, num_classes=4, input_shape=(1, 4, 4))
    assert loss_after_training(deep) < 0.3
    assert loss_after_training(plain) > 1.0


def test_the_same_network_in_pytorch(torch):
    import torch_highway

    model = models.Highway(depth=6, num_classes=7, input_shape=(3, 5, 4), width=0.5, gate_bias=-0.5)
    twin = torch_highway.Highway(6, 25, 60, 7)
    x, labels = np.random.default_rng(3).standard_normal((4, 3, 5, 4)).astype(np.float32), np.array([2, 5, 0, 0])
    assert_same_network(torch, prepared(model, x), twin, x, labels)


def test_errors():
    assert models.Highway(depth=1)(minidl.zeros(2, 1, 28, 28)).shape == (2, 10)
    with pytest.raises(ValueError, match="depth must be at least 1, got 0"):
        models.Highway(depth=0)
