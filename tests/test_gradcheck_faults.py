"""The gradient checker where there is nothing to compare: kinks, functions that cannot be checked, its report."""

import numpy as np
import pytest

import minidl
from minidl import Op, Tensor, nn, ops
from minidl import functional as F
from minidl.autograd import reduction
from minidl.gradcheck import GradientReport, GradientRow, check_gradients


def normal(*shape):
    return np.random.default_rng(0).standard_normal(shape)


def fault(function, inputs, *rest):
    """The sentence that says why a function cannot be checked."""
    report = check_gradients(function, inputs, *rest)
    assert not report and not report.rows and len(report.faults) == 1
    assert "The gradients cannot be checked." in str(report)
    return report.faults[0]


# ---- Kinks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backward_at_zero", [0.0, 0.5, 1.0])
def test_a_kink_is_counted_and_not_passed_whatever_backward_says(backward_at_zero):
    class Corner(Op):
        def forward(self, x):
            self.saved = x
            return np.maximum(x, 0)

        def backward(self, gy):
            return (gy * np.where(self.saved == 0, backward_at_zero, self.saved > 0),)

    x = normal(4, 5)
    x[1, 2] = x[3, 4] = 0
    report = check_gradients(Corner, [x])
    assert report.ok
    assert (report.rows[0].checked, report.rows[0].total, report.rows[0].kinks) == (18, 20, 2)
    assert "2 places lie at a kink, where" in str(report)


def test_kinks_of_several_ops():
    for function, x, kinks in (
        (lambda x: x.abs(), [0.0, 1.0, -2.0, 0.0], 2),
        (lambda x: reduction.Max()(x), [1.0, 3.0, 3.0], 2),
        (lambda x: x.clip(-1, 1), [-1.0, 0.0, 1.0], 2),
        (lambda x: x**1.5, [0.0, 1.0], 1),
    ):
        row = check_gradients(function, [np.array(x)]).rows[0]
        assert row.ok and (row.kinks, row.checked) == (kinks, len(x) - kinks)


@pytest.mark.parametrize("distance", [3e-6, 1e-6, 7e-7, 3e-7, 1e-7, 1.1e-8, 1e-9, -1e-7, -1e-9])
def test_close_to_a_kink_the_step_gets_smaller(distance):
    x = np.array([distance, 1.0, -1.0])
    report = check_gradients(ops.ReLU, [x])
    assert report.ok and report.rows[0].checked == 3
    wrong = check_gradients(lambda x: F.relu(x) * 1.0 + F.relu(-x) * 0.01, [x])
    assert wrong.ok and wrong.rows[0].checked == 3


def test_a_wrong_gradient_beside_kinks_is_caught():
    class Wrong(ops.ReLU):
        def backward(self, gy):
            return (super().backward(gy)[0] * 1.001,)

    x = normal(4, 5)
    x[:2] = 0
    row = check_gradients(Wrong, [x]).rows[0]
    assert "is 1.001 times the right one" in row.fault and row.kinks == 10


def test_where_every_direction_meets_a_kink_elements_are_sampled():
    x = normal(40, 50)
    x[::2] = 0
    row = check_gradients(F.relu, [x]).rows[0]
    assert row.ok and row.unit == "sampled" and 30 < row.checked < 70 and row.kinks == 100 - row.checked


@pytest.mark.parametrize("shape", [(3, 4), (40, 50)])
def test_nothing_but_kinks_is_no_success(shape):
    report = check_gradients(F.relu, [np.zeros(shape)])
    assert not report.ok and report.rows[0].checked == 0
    assert "The gradient is unknown." in str(report) and "nothing could be compared" in str(report)


def test_rounding_inside_is_not_taken_for_right():
    class Single(Op):
        def forward(self, x):
            self.saved = x
            return (x.astype(np.float32) ** 2).astype(x.dtype)

        def backward(self, gy):
            return (2 * self.saved * gy,)

    assert not check_gradients(Single, [normal(3, 4)])
    assert not check_gradients(ops.BatchNorm, [1e8 + normal(6, 4)])


# ---- Functions that cannot be checked ---------------------------------------------------------------------------


def test_outputs_that_have_no_gradient():
    x = normal(2, 3)
    assert "returned int64" in fault(lambda x: x.argmax(1), [x])
    assert "returned bool" in fault(lambda x: x > 0, [x])
    assert "returned float: did it call .numpy() or .item()" in fault(lambda x: x.sum().item(), [x])
    assert "returned ndarray: did it call .numpy()" in fault(lambda x: x.numpy(), [x])
    assert "returned NoneType: is `return` missing?" in fault(lambda x: None, [x])
    assert "returned MaxPool2d: apply the op to the inputs" in fault(lambda x, k=2: ops.MaxPool2d(k), [x])
    assert "returned tuple: check one output at a time" in fault(lambda x: (x, x), [x])
    assert "returned float32 for inputs of float64" in fault(lambda x: Tensor(x.data.astype(np.float32)), [x])
    assert "No gradient leads back from the output" in fault(lambda x: Tensor(x.data * 2), [x])
    assert "no input is floating-point" in fault(F.relu, [np.arange(3)])


def test_values_that_are_not_finite():
    assert "The input x is NaN at [1, 0]" in fault(F.relu, [np.array([[0.0], [np.nan]])])
    assert "The input x is infinite at [1]" in fault(F.relu, [np.array([1.0, np.inf])])
    assert "The output is infinite at [1]" in fault(ops.Exp, [np.array([1.0, 1e8])])
    assert "the gradient is infinite at x[0]" in check_gradients(ops.Sqrt, [np.array([0.0, 1.0])]).explain()[0]


def test_a_function_that_is_never_the_same():
    calls = []

    def counts(x):
        calls.append(x)
        return x * len(calls)

    assert "gives another output at each call" in fault(counts, [normal(3)])
    assert "gives another output at each call" in fault(ops.Dropout(0.5), [normal(20)])


class Copy(Op):
    def forward(self, x):
        self.saved = x
        return x * 1

    def backward(self, gy):
        return (gy,)


class WritesToInput(Copy):
    def forward(self, x):
        x += 1
        return x * 1


class WritesToInputLater(Copy):
    def backward(self, gy):
        self.saved *= 2
        return (gy,)


class WritesToGradient(Copy):
    def backward(self, gy):
        gy *= 1.5
        return (gy,)


class WritesToOutput(Copy):
    def forward(self, x):
        self.saved = x * 1
        return self.saved

    def backward(self, gy):
        self.saved += 1
        return (gy,)


class GivesInput(Copy):
    def backward(self, gy):
        return (self.saved,)


class GivesList(Copy):
    def backward(self, gy):
        return [gy]


class GivesTwo(Copy):
    def backward(self, gy):
        return gy, gy


class GivesNumber(Copy):
    def backward(self, gy):
        return (1.0,)


class GivesTensor(Copy):
    def forward(self, x):
        return Tensor(x)


@pytest.mark.parametrize(
    "op, sentence",
    [
        (WritesToInput, "Forward changes x in place"),
        (WritesToInputLater, "Backward changes x in place"),
        (WritesToGradient, "Backward changes gy in place"),
        (WritesToOutput, "Backward changes the output of forward in place"),
        (GivesInput, "The gradient of x is an array that forward took in or gave out"),
        (GivesList, "must return a tuple with one gradient for each input, 1; got list"),
        (GivesTwo, "must return a tuple with one gradient for each input, 1; got 2 of them"),
        (GivesNumber, "Backward must return arrays, the gradient of x is a float"),
        (GivesTensor, "Forward must return an array, but returned Tensor"),
    ],
)
def test_ops_that_break_the_rules(op, sentence):
    x = normal(3)
    assert sentence in fault(op, [x])
    np.testing.assert_array_equal(x, normal(3))


def test_a_function_that_changes_its_input_or_a_parameter():
    layer = nn.Linear(3, 3)
    before = layer.bias.data.copy()

    def changes_input(x):
        y = x * 2
        x.data += 1
        return y

    def changes_weight(x):
        y = layer(x)
        layer.bias.data += 1
        return y

    assert "The function changes x in place" in fault(changes_input, [normal(2, 3)])
    assert "The function changes bias in place" in fault(changes_weight, [normal(2, 3)], layer)
    np.testing.assert_array_equal(layer.bias.data, before)


def test_wrong_arguments():
    x = normal(3)
    with pytest.raises(TypeError, match="pass the function itself and its inputs"):
        check_gradients(F.relu(Tensor(x)), [x])
    with pytest.raises(TypeError, match="Where has settings that must be given"):
        check_gradients(ops.Where, [x, x])
    with pytest.raises(TypeError, match="parameters must be a module"):
        check_gradients(F.relu, [x], nn.Linear(1, 1).parameters())
    with pytest.raises(TypeError, match="an op has no parameters"):
        check_gradients(ops.ReLU, [x], nn.Linear(1, 1))
    with pytest.raises(TypeError, match="takes no inputs, but 1 were given"):
        check_gradients(lambda: minidl.ones(3), [x])


# ---- The report -------------------------------------------------------------------------------------------------


def test_the_report_is_told_in_eighty_columns():
    rows = [
        GradientRow("stage.0.block.1.convolution.with.a.long.name.weight", 6, 6, "directions", error=1e-9),
        GradientRow("b", 100, 120, "", 20, 0.75, (10, 222, 33, 44), -4e20, 1e20, "WRONG", "the gradient is wrong " * 6),
        GradientRow("c", remark="is zero"),
    ]
    report = GradientReport(rows, remarks=["Something else, at length. " * 5])
    lines = str(report).splitlines()
    assert max(map(len, lines)) <= 80 and repr(report) == str(report)
    assert "stage" in lines[2] and "weight" in lines[2] and lines[2].endswith("ok") and lines[3].endswith("WRONG")
    assert "100 of 120" in lines[3] and "7.5e-01" in lines[3] and "(10, 222, 33, 44)" in lines[3]
    text = " ".join(str(report).split())
    assert "1 of 3 gradients is wrong." in text and "c: the gradient is zero." in text
    assert "at b[10, 222, 33, 44] backward gives -4e+20, differences give 1e+20." in text
    assert "20 places lie at a kink" in text


def test_a_report_is_true_or_raises():
    right, wrong = check_gradients(ops.Tanh, [normal(3)]), check_gradients(GivesList, [normal(3)])
    assert right and right.raise_if_wrong() is right and str(right).endswith("The gradient is right.")
    assert not wrong
    with pytest.raises(AssertionError, match="must return a tuple"):
        wrong.raise_if_wrong()


def test_the_tolerance():
    class Nearly(ops.Tanh):
        def backward(self, gy):
            return (super().backward(gy)[0] * (1 + 1e-6),)

    x = normal(3)
    assert check_gradients(Nearly, [x])
    assert not check_gradients(Nearly, [x], tolerance=1e-7)
