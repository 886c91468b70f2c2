"""The gradient checker: right gradients pass whatever the seed, wrong ones are caught and named."""

import numpy as np
import pytest
from helpers import check_op, numerical_gradient

import minidl
from minidl import Op, Tensor, nn, ops
from minidl import functional as F
from minidl.autograd import arithmetic
from minidl.gradcheck import check_gradients
from minidl.ops.examples import EXAMPLES

QUICK = ("Divide", "Log", "Clip", "Sum", "Max", "Var", "ReLU", "Tanh", "LogSoftmax", "Linear", "CrossEntropy", "MSE")


def generator(seed=0):
    return np.random.default_rng(seed)


def planted(make, change, i=0):
    """A maker of ops whose backward gives change(gradient, gy) for input i, or for all where i is None."""

    def made():
        op = make()
        right = op.backward
        op.backward = lambda gy: tuple(change(g, gy) if i in (j, None) else g for j, g in enumerate(right(gy)))
        return op

    return made


def wrong_with(change, x, make=ops.Tanh):
    """The sentence for input x of an op whose gradient is changed."""
    report = check_gradients(planted(make, change), [x])
    assert not report and len(report.explain()) == 1
    return report.explain()[0]


# ---- Right gradients --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_right_op_never_fails(name):
    make, inputs = EXAMPLES[name]
    for seed in range(100 if name in QUICK else 3):
        report = check_gradients(make, inputs(generator(seed)), rng=seed)
        assert report.ok and report.error < 1e-5, f"seed {seed}\n{report}"
        assert all(row.checked == row.total and not row.kinks for row in report.rows), f"seed {seed}\n{report}"


def test_the_numbers_are_those_of_an_independent_check():
    x, w = generator(1).standard_normal((2, 3, 4)), generator(2).standard_normal((4, 5))
    for row in check_gradients(arithmetic.MatMul, [x, w], rng=generator(3)).rows:
        gy = generator(3).standard_normal((2, 3, 5))
        expected = numerical_gradient(np.matmul, [x, w], "ab".index(row.name), gy)
        np.testing.assert_allclose([row.numerical, row.analytic], expected[row.index], 1e-6)


def test_a_seed_drawn_twice_does_not_make_gy_of_x():
    """With gy = x the gradient of a normalization is zero, and nothing would be checked."""
    x = generator(0).standard_normal((6, 4))
    assert abs(check_gradients(ops.BatchNorm, [x], rng=0).rows[0].numerical) > 1e-3


def test_inputs_of_every_sort():
    x = generator().standard_normal((3, 4))
    for one in (x, x.astype(np.float32), Tensor(x), [x], (Tensor(x, requires_grad=True),), 3.0, [2.0]):
        before = np.array(one)
        report = check_gradients(F.tanh, one)
        assert report.ok and report.error < 1e-8 and report.rows[0].name == "x"
        np.testing.assert_array_equal(np.array(one), before)
    labels = generator().integers(0, 4, 3)
    assert [row.name for row in check_gradients(F.cross_entropy, [x, labels]).rows] == ["logits"]
    assert [row.name for row in check_gradients(ops.Linear, [x, x, None]).rows] == ["x", "w"]
    joined = check_gradients(lambda *parts: minidl.concatenate(parts), [x, x])
    assert [row.name for row in joined.rows] == ["parts[0]", "parts[1]"]


def test_ways_to_say_which_op():
    x, w = generator().standard_normal((1, 2, 4, 4)), generator().standard_normal((3, 2, 3, 3))
    used = ops.Conv2d(padding=1)
    used(Tensor(x), Tensor(w, requires_grad=True))
    for op in (ops.Conv2d, ops.Conv2d(padding=1), lambda: ops.Conv2d(2), used):
        assert [row.name for row in check_gradients(op, [x, w]).rows if row.ok] == ["x", "w"]
    running = np.zeros(2, np.float32)
    assert check_gradients(ops.BatchNorm(running, running + 1), [x])
    assert not running.any()


@pytest.mark.parametrize("scale", [1e8, 1e-8])
@pytest.mark.parametrize(
    "name", ["ReLU", "Linear", "MSE", "Softmax", "MaxPool2d", "CrossEntropy", "BatchNorm of rows", "Tanh", "MatMul"]
)
def test_huge_and_tiny_values(name, scale):
    make, inputs = EXAMPLES[name]
    report = check_gradients(make, [scale * x for x in inputs(generator())])
    assert report.ok, report
    assert all(row.checked == row.total for row in report.rows), report


def test_tiny_values_where_derivatives_are_huge():
    tiny = 1e-8 * generator().uniform(0.5, 2, (3, 4))
    for op in (ops.Log, ops.Sqrt, arithmetic.Divide):
        report = check_gradients(op, [tiny, tiny] if op is arithmetic.Divide else [tiny])
        assert report.ok and not any(row.kinks for row in report.rows), report


def test_values_far_from_zero_where_rounding_counts():
    row = check_gradients(ops.BatchNorm, [1e5 + generator(1).standard_normal((6, 4))], rng=1).rows[0]
    assert row.ok and row.checked == 24, row


def test_a_network_that_is_sure_of_itself():
    minidl.manual_seed(11)
    net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
    net[2].weight.data *= 40
    x = generator(11).standard_normal((1, 6))
    label = net(Tensor(x)).argmax(1).data
    loss = F.cross_entropy(net(Tensor(x)), label).item()
    report = check_gradients(lambda x: F.cross_entropy(net(x), label), [x], net)
    assert loss < 1e-6 and report.ok, report


def test_values_of_all_sizes_in_one_array():
    x = np.array([1e-8, 1.0, 1e4])
    assert check_gradients(arithmetic.Divide, [np.ones(3), x])
    slightly_wrong = planted(arithmetic.Divide, lambda g, gy: g * [1, 1.001, 1], 1)
    assert check_gradients(slightly_wrong, [np.ones(3), x]).rows[1].index == (1,)


def test_empty_arrays_and_single_values():
    empty = check_gradients(ops.Conv2d, [np.zeros((0, 2, 4, 4)), np.ones((3, 2, 3, 3)), np.ones(3)])
    assert empty.ok and [row.total for row in empty.rows] == [0, 54, 3]
    assert "w, b: the gradient is zero" in str(empty)
    assert check_gradients(ops.ReLU, [np.zeros((0, 3))])
    assert check_gradients(ops.Exp, [np.array(0.5)]).rows[0].index == ()
    for square_at in (0.0, 3.0):
        assert check_gradients(lambda x, at=square_at: (x - at) * (x - at), square_at)


# ---- Wrong gradients ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_planted_error_is_caught_and_named(name):
    make, inputs = EXAMPLES[name]
    for change, words in (
        (lambda g, gy: 2 * g, "is 2 times too large"),
        (lambda g, gy: -g, "has the wrong sign"),
        (lambda g, gy: g / 5, "is 5 times too small"),
        (lambda g, gy: -3 * g, "has the wrong sign and is 3 times too large"),
        (lambda g, gy: 0 * g, "is zero"),
        (lambda g, gy: None, "is missing"),
        (lambda g, gy: g * 1.01, "is "),  # 1.01 times the right one, which a single value does not tell
    ):
        for row in check_gradients(planted(make, change, None), inputs(generator(4))).rows:
            assert f"the gradient {words}" in row.fault, row


@pytest.mark.parametrize("name", ["Linear", "Softmax", "Where", "CrossEntropy", "MaxPool2d"])
def test_one_wrong_value_is_found_as_the_independent_check_finds_it(name):
    make, inputs = EXAMPLES[name]
    arrays = inputs(generator(5))
    gradient = make()
    gradient = gradient.backward(generator(6).standard_normal(gradient.forward(*arrays).shape))[0]
    index = tuple(int(i) for i in np.unravel_index(np.argmax(np.abs(gradient)), gradient.shape))

    def change(g, gy):
        g = g.copy()
        g[index] *= 1.05
        return g

    row = check_gradients(planted(make, change), arrays, rng=1).rows[0]
    assert row.index == index and f"in 1 of {arrays[0].size} places" in row.fault
    assert row.analytic == pytest.approx(1.05 * row.numerical)
    with pytest.raises(AssertionError):
        check_op(planted(make, change), arrays, generator(7))


def test_a_wrong_value_among_much_larger_ones_is_found():
    x, scale = generator().standard_normal((2, 10)), np.ones(10)
    scale[3] = 1e-3
    wrong = planted(arithmetic.Multiply, lambda g, gy: g * np.where(scale < 1, 1.005, 1))
    row = check_gradients(wrong, [x, scale]).rows[0]
    assert row.index[1] == 3 and "in 2 of 20 places" in row.fault


def test_one_wrong_value_of_a_large_array_is_found():
    x, w = (generator().standard_normal(shape) for shape in ((4, 8, 9, 9), (16, 8, 3, 3)))

    def change(g, gy):
        g[3, 2, 1, 0] += 0.1
        return g

    report = check_gradients(planted(lambda: ops.Conv2d(padding=1), change, 1), [x, w])
    assert [row.unit for row in report.rows] == ["directions", "directions"]
    assert [row.ok for row in report.rows] == [True, False]
    assert report.rows[1].index == (3, 2, 1, 0)
    assert report.rows[1].analytic - report.rows[1].numerical == pytest.approx(0.1, rel=1e-4)


def test_factors_and_where_they_may_come_from():
    x = generator().standard_normal((5, 7))
    assert "is 5 times too large (5 is the length of axis 0 of x);" in wrong_with(lambda g, gy: 5 * g, x)
    assert "is 7 times too small (7 is the length of axis 1 of x);" in wrong_with(lambda g, gy: g / 7, x)
    assert "is 35 times too large (35 is the length of axes 0, 1 of x);" in wrong_with(lambda g, gy: 35 * g, x)
    assert "is 4 times too large;" in wrong_with(lambda g, gy: 4 * g, x)
    w = check_gradients(planted(ops.Linear, lambda g, gy: 6 * g, 1), [np.ones((6, 2)), np.eye(2)]).rows[1]
    assert "(6 is the length of axis 0 of the output)" in w.fault
    images = planted(lambda: ops.BatchNorm(), lambda g, gy: g / 24, 2)
    b = check_gradients(images, [generator().standard_normal((4, 5, 2, 3)), np.ones(5), np.ones(5)]).rows[2]
    assert "is 24 times too small (24 is the length of axes 0, 2, 3 of the output)" in b.fault


def test_usual_mistakes_are_named():
    x = generator().standard_normal((4, 4))
    assert "lacks the factor gy" in wrong_with(lambda g, gy: g / gy, x)
    assert "has the factor gy, the gradient of the output, twice" in wrong_with(lambda g, gy: g * gy, x)
    assert "is transposed: axes 0 and 1 are exchanged" in wrong_with(lambda g, gy: g.T, x)
    assert "is flipped along its last two axes" in wrong_with(lambda g, gy: g[::-1, ::-1], x[:2])
    assert "is wrong; at x[" in wrong_with(lambda g, gy: g + 1, x)
    assert "is 1.01 times the right one" in wrong_with(lambda g, gy: g * 1.01, x)
    loss = planted(lambda: ops.CrossEntropy(np.array([0, 1, 2, 3])), lambda g, gy: g / gy)
    assert "lacks the factor gy" in check_gradients(loss, [x]).rows[0].fault
    assert "should be zero" in wrong_with(lambda g, gy: g + 1, x, lambda: ops.Clip(-9, -8))
    assert "has shape (3, 2), but x has (2, 3): is it transposed?" in wrong_with(lambda g, gy: g.T, x[:2, :3])
    assert "has shape (1, 4, 4), but x has (4, 4): sum over" in wrong_with(lambda g, gy: g[None], x)
    assert "has shape (), but x has (4, 4)" in wrong_with(lambda g, gy: g.sum(), x)
    assert "is NaN at x[0, 0]" in wrong_with(lambda g, gy: g * np.nan, x)


def test_a_bias_summed_over_too_little_is_named():
    class Bias(Op):
        def forward(self, x, b):
            return x + b

        def backward(self, gy):
            return gy, gy

    report = check_gradients(Bias, [np.ones((3, 4)), np.ones(4)])
    assert report.explain() == [
        "b: the gradient has shape (3, 4), but b has (4,): sum over the axes along which b was broadcast"
    ]


# ---- Networks ---------------------------------------------------------------------------------------------------


def network():
    minidl.manual_seed(1)
    features = nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2)
    return nn.Sequential(*features, nn.Flatten(), nn.Linear(12, 4))


IMAGES = generator(8).standard_normal((5, 1, 4, 4)).astype(np.float32)
TARGETS = np.array([0, 1, 2, 3, 0])


def test_a_network_passes_and_is_left_as_it_was():
    net = network()
    before = {name: array.copy() for name, array in net.state_dict().items()}
    arrays = [p.data for p in net.parameters()]
    net[5].bias.grad = mark = np.ones(4, np.float32)
    report = check_gradients(lambda x: F.cross_entropy(net(x), TARGETS), [IMAGES], net)
    assert report.ok, report
    assert [row.name for row in report.rows] == ["x", *(name for name, _ in net.named_parameters())]
    assert "0.bias: the gradient is zero" in str(report)  # batch norm takes the mean, and with it the bias, away
    assert all(p.data is array for p, array in zip(net.parameters(), arrays, strict=True))
    assert net[5].bias.grad is mark and net[5].weight.grad is None
    for name, array in net.state_dict().items():
        assert array.dtype == before[name].dtype
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize(
    "op, name, i", [(ops.Conv2d, "0.weight", 1), (ops.BatchNorm, "1.bias", 2), (ops.Linear, "5.weight", 1)]
)
def test_an_error_planted_in_one_layer_names_its_parameter(op, name, i, monkeypatch):
    right = op.backward

    def wrong(self, gy):
        return tuple(3 * g if j == i else g for j, g in enumerate(right(self, gy)))

    monkeypatch.setattr(op, "backward", wrong)
    net = network()
    report = check_gradients(lambda x: F.cross_entropy(net(x), TARGETS), [IMAGES], net)
    assert [row.name for row in report.rows if not row.ok] == [name]
    assert "is 3 times too large" in str(report) and f"{name}[" in str(report)


def test_a_module_by_itself_brings_its_parameters():
    layer = nn.Linear(3, 2)
    assert [row.name for row in check_gradients(layer, [np.ones((4, 3))]).rows] == ["x", "weight", "bias"]
    layer.bias.requires_grad = False
    assert [row.name for row in check_gradients(layer, [np.ones((4, 3))]).rows] == ["x", "weight"]
    images = Tensor(np.ones((4, 3), np.float32))
    assert check_gradients(lambda: F.mse_loss(layer(images), np.zeros((4, 2))), [], layer)


def test_a_module_is_put_back_after_an_error():
    layer = nn.Linear(3, 2)
    with pytest.raises(ValueError, match="linear"):
        check_gradients(layer, [np.ones((4, 5))])
    assert layer.weight.dtype == np.float32


def test_what_was_not_checked_is_said():
    layer = nn.Linear(3, 2)
    report = check_gradients(lambda x: layer(x), [np.ones((4, 3))])
    assert report.ok and "2 more tensors require a gradient" in str(report)
    assert layer.weight.grad is None


def test_dropout():
    net = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5))
    x = generator().standard_normal((4, 8))

    def seeded(x):
        minidl.manual_seed(0)
        return net(x)

    report = check_gradients(net, [x])
    assert not report.ok and "model.eval(), or minidl.manual_seed(0)" in " ".join(str(report).split())
    assert check_gradients(seeded, [x], net)
    assert check_gradients(net.eval(), [x])
