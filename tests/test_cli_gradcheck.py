"""minidl gradcheck"""

import pytest

from minidl import cli, ops
from minidl.ops.examples import EXAMPLES


def run(capsys, *argv):
    status = cli.main(["gradcheck", *argv])
    printed = capsys.readouterr()
    assert all(len(line) <= 60 for line in printed.out.splitlines())
    return status, printed.out.splitlines(), printed.err


def test_all_examples_in_their_order(capsys):
    status, lines, _ = run(capsys)
    assert status == 0 and lines[-1] == f"{len(EXAMPLES)} examples: all right"
    assert [line.rsplit(None, 2)[0] for line in lines[:-1]] == list(EXAMPLES)
    assert all(line.endswith("  ok") and float(line.split()[-2]) < 1e-5 for line in lines[:-1])


def test_an_op_brings_its_examples_and_a_seed_other_inputs(capsys):
    status, lines, _ = run(capsys, "Conv2d", "Tanh", "Power of -2")
    assert status == 0 and len(lines) == 6 and lines[0].startswith("Conv2d ") and lines[1].startswith("Conv2d with")
    assert run(capsys, "Tanh", "--seed", "1")[1] != run(capsys, "Tanh", "--seed", "2")[1]
    assert run(capsys, "Tanh", "--seed", "1")[1][-1] == "1 example: all right"


def test_a_wrong_gradient_is_named_and_ends_with_status_1(capsys, monkeypatch):
    right = ops.Linear.backward
    monkeypatch.setattr(ops.Linear, "backward", lambda self, gy: tuple(2 * g for g in right(self, gy)))
    monkeypatch.setattr(ops.Tanh, "backward", lambda self, gy: 1 / 0)
    status, lines, _ = run(capsys, "Linear", "Tanh", "ReLU")
    assert status == 1
    assert lines[0].endswith("WRONG") and "is 2 times too large" in lines[1]
    assert "  raises ZeroDivisionError: division by zero" in lines
    assert lines[-1] == "2 of 3 examples wrong"


@pytest.mark.parametrize("name, near", [("conv2d", "Conv2d"), ("cross_entropy", "CrossEntropy"), ("Rellu", "ReLU")])
def test_an_unknown_op_is_answered_with_a_near_one(capsys, name, near):
    status, lines, error = run(capsys, name)
    assert (status, lines) == (2, []) and f"unknown op {name!r}: did you mean {near}" in error
    assert "LayerNorm" not in error


def test_an_op_unlike_any_is_answered_with_all(capsys):
    assert "unknown op 'xyzzy': there are Add, Subtract, " in run(capsys, "xyzzy")[2]
