"""check_gradients on every op with mistakes planted in its backward, and on whole networks."""

import numpy as np
import pytest

import minidl
from minidl import functional as F
from minidl import models, nn, ops
from minidl.gradcheck import check_gradients
from minidl.ops.examples import EXAMPLES

# ---- One op -----------------------------------------------------------------------------------------------------
#
# A mistake gives the gradient of input i, with the help of the right backward.


def one_value(backward, gy, i):
    g = backward(gy)[i].copy()
    g[np.unravel_index(np.argmax(abs(g)), g.shape)] *= 1.05
    return g


def border_only(backward, gy, i):
    g = backward(gy)[i].copy()
    if g.ndim:
        g[..., [0, -1]] *= 2
    return g


def sum_forgotten(backward, gy, i):
    """Only the last of what is to be added up counts."""
    last = gy.copy()
    last[:-1] = 0
    return backward(last)[i]


def gy_forgotten(backward, gy, i):
    return backward(np.ones_like(gy))[i]


def constant_more(backward, gy, i):
    return backward(gy)[i] + 1e-3


def planted(make, mistake, i, differs):
    """A maker of ops with a mistake for input i; `differs` is told whether its gradient is another one."""

    def made():
        op = make()
        right = op.backward

        def backward(gy):
            gradients = list(right(gy))
            wrong = mistake(right, gy, i)
            differs.append(not np.allclose(wrong, gradients[i], 1e-4, 1e-12))
            gradients[i] = wrong
            return tuple(gradients)

        op.backward = backward
        return op

    return made


@pytest.mark.parametrize("mistake", [one_value, border_only, sum_forgotten, gy_forgotten, constant_more])
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_mistake_is_caught_and_only_where_it_is(name, mistake):
    make, inputs = EXAMPLES[name]
    arrays = inputs(np.random.default_rng(4))
    if mistake is sum_forgotten and not make().forward(*arrays).ndim:
        pytest.skip("a single number is no batch")
    caught = 0
    for i in range(len(arrays)):
        differs = []
        report = check_gradients(planted(make, mistake, i, differs), arrays)
        assert [row.ok for row in report.rows] == [j != i or not differs[0] for j in range(len(arrays))], report
        caught += differs[0]
    # The border has no part in the example of Min, nor in that of Conv1d, of stride 2 and dilation 2.
    assert caught == len(arrays) or mistake is border_only and name in ("Min", "Conv1d")


# ---- Whole networks ---------------------------------------------------------------------------------------------


def loss_of(net, labels):
    """The function images -> cross entropy, with the same dropout each time."""

    def loss(images):
        minidl.manual_seed(7)
        return F.cross_entropy(net(images), labels)

    return loss


def dropping_net():
    """Convolution, batch norm and three forms of dropout."""
    features = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout2d(0.3), nn.MaxPool2d(2)
    head = nn.Flatten(), nn.DropConnect(64, 20), nn.ReLU(), nn.Dropout(0.5), nn.Linear(20, 10)
    return nn.Sequential(*features, *head)


@pytest.mark.parametrize(
    "make, shape, seeds",
    [
        (models.LeNet5, (3, 1, 28, 28), range(5)),
        (dropping_net, (5, 1, 8, 8), range(5)),
        (lambda: models.CifarResNet(8), (2, 3, 8, 8), range(2)),
        (models.CifarResNet, (2, 3, 8, 8), [2]),
    ],
    ids=["LeNet-5", "dropout", "ResNet-8", "ResNet-20"],
)
def test_a_right_network_never_fails(make, shape, seeds):
    for seed in seeds:
        minidl.manual_seed(seed)
        rng = np.random.default_rng(seed)
        images, labels = rng.standard_normal(shape), rng.integers(0, 10, shape[0])
        net = make()
        report = check_gradients(loss_of(net, labels), [images], net, rng=seed)
        assert report.ok and report.error < 1e-5, report
        assert len(report.rows) == 1 + len(list(net.parameters()))


class WrongNorm(ops.BatchNorm):
    """The gradient that reaches x by way of the mean is left out."""

    def backward(self, gy):
        gx, gw, gb = super().backward(gy)
        scale = self.saved[1] * self.inverse_std
        return gx + scale[:, None, None] * gy.mean(axis=(0, 2, 3), keepdims=True), gw, gb


class WrongNorm2d(nn.BatchNorm2d):
    def forward(self, x):
        return WrongNorm(self.running_mean, self.running_var, self.training)(x, self.weight, self.bias)


def test_in_a_residual_network_all_before_a_wrong_layer_is_wrong_and_nothing_behind_it():
    net = models.CifarResNet(8)
    net.layer2[0].bn1 = WrongNorm2d(32)
    images, labels = np.random.default_rng(0).standard_normal((2, 3, 8, 8)), np.array([1, 2])
    report = check_gradients(loss_of(net, labels), [images], net)
    names = [row.name for row in report.rows]
    first_right = names.index("layer2.0.bn1.weight")
    assert [row.ok for row in report.rows] == [i >= first_right for i in range(len(names))], report
