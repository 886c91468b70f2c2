"""The same seed gives the same bits, for any number of threads."""

import numpy as np
import pytest

import minidl
from minidl import functional as F
from minidl import models, optim


def step(name, batch, count):
    """Loss, input gradient, all gradients and all weights after one step, with this many threads."""
    minidl.set_num_threads(count)
    minidl.manual_seed(3)
    model = models.create(name)
    x = minidl.randn(batch, *models.input_shape(name), requires_grad=True)
    labels = np.arange(batch) % 10
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    loss = F.cross_entropy(model(F.dropout(x, 0.1)), labels, label_smoothing=0.1)
    loss.backward()
    result = {"loss": loss.data.copy(), "x": x.grad}
    result.update({f"gradient of {name}": p.grad for name, p in model.named_parameters()})
    optimizer.step()
    return result | model.state_dict()


@pytest.mark.parametrize("name, batch", [("lenet5", 128), ("resnet20", 32), ("lenet5", 3), ("mlp", 256)])
def test_a_training_step_gives_the_same_bits_for_any_number_of_threads(threads, name, batch):
    expected = step(name, batch, 1)
    for count in (1, 2, 3, 4):
        for key, array in step(name, batch, count).items():
            assert np.array_equal(array, expected[key]), f"{key} differs with {count} threads"


def test_several_steps_with_the_threads_changing_between_them(threads):
    results = []
    for counts in ((1, 1, 1), (2, 4, 3)):
        minidl.manual_seed(5)
        model = models.create("lenet5")
        optimizer = optim.Adam(model.parameters())
        x, labels = minidl.randn(64, 1, 28, 28), np.arange(64) % 10
        for count in counts:
            threads(count)
            optimizer.zero_grad()
            F.cross_entropy(model(x), labels).backward()
            optimizer.step()
        results.append({name: array.copy() for name, array in model.state_dict().items()})
    for name, array in results[0].items():
        np.testing.assert_array_equal(array, results[1][name])
