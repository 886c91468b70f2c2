"""AlphaGo's policy network: published size, a logit for each point, the same network in PyTorch."""

import numpy as np
import pytest
from counting import lively, parameters, rows_of, sizes
from twins import assert_same_network, prepared

import minidl
from minidl import models


def test_parameters():
    assert parameters("alphago") == 3_882_793


def test_output_sizes():
    assert sizes("alphago", "Conv2d") == [(192, 19, 19)] * 12 + [(1, 19, 19)]
    assert rows_of("alphago")[-1].output == (361,) and rows_of("alphago")[-1].parameters == 361
    assert [row.field for row in rows_of("alphago") if row.layer == "Conv2d"][-1] == (27, 27)  # 5 + 11 * 2


def test_points_are_in_the_order_of_the_board():
    model = models.create("alphago", width=1 / 64).eval()
    before = model(minidl.zeros(1, 48, 19, 19)).data
    x = minidl.zeros(1, 48, 19, 19)
    x.data[0, 0, 3, 18] = 1.0
    change = np.abs(model(x).data - before).reshape(19, 19)
    assert change[3, 18] > 0 and not change[17:, :4].any()  # 27x27 see no more than 13 points away
    model.position.bias.data[3 * 19 + 18] = 100
    assert model(x).data.argmax() == 3 * 19 + 18


def test_other_boards():
    model = models.create("alphago", input_shape=(4, 9, 13), width=1 / 64)
    assert model(minidl.zeros(2, 4, 9, 13)).shape == (2, 117)
    assert models.create("alphago", num_classes=361, width=1 / 64)(minidl.zeros(1, 48, 19, 19)).shape == (1, 361)
    with pytest.raises(ValueError, match="a logit a point, 361 in all, not 10"):
        models.create("alphago", num_classes=10)


def test_the_same_network_in_pytorch(torch):
    import torch_alphago

    model = lively(models.create("alphago", width=1 / 32, input_shape=(48, 9, 9)))
    model.position.bias.data[...] = np.random.default_rng(2).standard_normal(81)
    x, labels = np.random.default_rng(3).standard_normal((3, 48, 9, 9)).astype(np.float32), np.array([2, 55, 80])
    twin = torch_alphago.AlphaGoPolicy(48, 6, 9)
    assert_same_network(torch, prepared(model, x), twin, x, labels)
