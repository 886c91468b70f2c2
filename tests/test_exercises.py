"""Exercises: right answers pass, however they are written; wrong ones are told what is wrong with them."""

import inspect
import linecache
import re
import sys
from types import SimpleNamespace

import exercise_solutions
import numpy as np
import pytest
from exercise_mistakes import PLANTED
from exercise_others import OTHERS
from exercise_solutions import SOLUTIONS

import minidl
from minidl import cli, exercises, ops
from minidl.exercises.result import close, difference

every_exercise = pytest.mark.parametrize("name", exercises.names())


def written(source, name):
    """The class or function that the source defines; its lines can be told, as those of a notebook cell."""
    filename = f"cell-{name}"
    linecache.cache[filename] = len(source), None, source.splitlines(keepends=True), filename
    names = {**vars(exercise_solutions)}
    exec(compile(source, filename, "exec"), names)
    return names[name]


@every_exercise
def test_a_right_answer_passes(name):
    np.random.seed(1)
    result = exercises.check(name, SOLUTIONS[name])
    assert result.ok and result, result


@every_exercise
def test_a_right_answer_written_another_way_passes(name):
    minidl.manual_seed(1)
    result = exercises.check(name, OTHERS[name])
    assert result.ok, result


@pytest.mark.parametrize(
    "name, old, new, words", [pytest.param(n, *plant, id=f"{n}-{plant[2]}") for n, p in PLANTED.items() for plant in p]
)
def test_a_planted_mistake_is_named(name, old, new, words):
    np.random.seed(1)
    solution = SOLUTIONS[name]
    source = inspect.getsource(solution)
    assert old in source
    result = exercises.check(name, written(source.replace(old, new), solution.__name__))
    assert not result.ok and not result
    assert words in str(result), result


@every_exercise
def test_an_exercise_is_whole(name):
    exercise = exercises.get(name)
    assert len(PLANTED[name]) >= 5 and len(exercise.mistakes) >= 5
    assert len(exercise.cases) >= 3
    answer = written(exercise.text(), exercise.answer_name)
    assert not exercises.check(name, answer).ok  # with its holes
    assert SOLUTIONS[name].__name__ == exercise.answer_name
    for mistake in exercise.mistakes:
        assert mistake.output in exercise.outputs and mistake.hint.endswith((".", "?", "!"))
        assert len(mistake.name) < 100 and not mistake.name.endswith(".")


@every_exercise
def test_no_mistake_gives_what_is_right(name):
    exercise, possible = exercises.get(name), 0
    if name == "dropout":
        pytest.skip("what is right depends on the answer's own mask")
    for mistake in exercise.mistakes:
        with np.errstate(all="ignore"):
            same = [_gives_right(mistake, r) for r in exercise.facts]
        assert not all(s is not False for s in same), mistake.name
        possible += 1
    assert possible


def _gives_right(mistake, r):
    try:
        return close(np.asarray(mistake.gives(r)), getattr(r, mistake.output))
    except (ValueError, IndexError, AttributeError):
        return None


RELU = inspect.getsource(exercise_solutions.ReLU)


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("np.maximum(x, 0)", "x + z", "line 4, `return x + z`, raises NameError: name 'z' is not defined"),
        ("(gy * (self.x > 0),)", "(self.x @ gy @ gy,)", "line 7, `return (self.x @ gy @ gy,)`, raises ValueError"),
        ("return np.maximum", "np.maximum", "what forward returns is None"),
        ("return (gy", "(gy", "gx is None"),
        ("self.x = x", "x += 1", "forward changes x in place"),
        ("return (gy * (self.x > 0),)", "gy *= self.x > 0; return (gy,)", "backward changes gy in place"),
        ("return (gy", "self.x[:] = 0; return (gy", "backward changes x in place"),
        ("(gy * (self.x > 0),)", "gy, gy", "tuple of gradients (gx), not 2 of them"),
        ("(gy * (self.x > 0),)", "1.0", "not a value of type float"),
        ("np.maximum(x, 0)", "x.sum()", "y has shape (), it should be (3, 4)"),
        ("np.maximum(x, 0)", "[['a']]", "must be an array of numbers, it is of type list"),
        ("np.maximum(x, 0)", "np.maximum(x, 0).astype(np.float64)", "y is float64 though the inputs are float32"),
        ("(gy * (self.x > 0),)", "(gy * (self.x > 0) + np.zeros(1),)", "gx is float64 though the inputs are float32"),
        ("np.maximum(x, 0)", "np.where(x > 0, x, np.nan)", "y is nan at [0,"),
        ("np.maximum(x, 0)", "3 * np.maximum(x, 0)", "every value is 3 times what it should be"),
        ("def backward", "def backwards", "ReLU has no method backward"),
        ("(self, gy)", "(self, gy, x)", "missing 1 required positional argument: 'x'"),
    ],
)
def test_what_is_wrong_whatever_the_exercise(old, new, words):
    assert old in RELU
    result = exercises.check("relu", written(RELU.replace(old, new), "ReLU"))
    assert not result.ok
    assert words in str(result), result


def test_one_gradient_may_come_without_a_tuple():
    assert exercises.check("relu", written(RELU.replace("(gy * (self.x > 0),)", "gy * (self.x > 0)"), "ReLU")).ok


def test_an_object_in_the_place_of_its_class():
    with pytest.raises(TypeError, match=r"relu: pass the class or function itself \(ReLU, not ReLU\(\)\)"):
        exercises.check("relu", exercise_solutions.ReLU())


def test_settings_that_an_answer_changes_stay_right_for_the_next():
    class Spoiler(exercise_solutions.SoftmaxCrossEntropy):
        def __init__(self, targets):
            targets[:] = 0
            self.targets = targets

    assert not exercises.check("softmax_cross_entropy", Spoiler)
    assert exercises.check("softmax_cross_entropy", exercise_solutions.SoftmaxCrossEntropy)


def test_settings_of_several_axes_are_told_by_their_shape():
    result = exercises.check("max_unpool2d", written(exercises.get("max_unpool2d").text(), "MaxUnpool2d"))
    assert result.case == "x (2, 3, 2, 2), indices (2, 3, 2, 2), output_size (4, 4)"


def test_an_unknown_name():
    with pytest.raises(ValueError, match="unknown exercise 'conv2': did you mean conv2d"):
        exercises.check("conv2", SOLUTIONS["conv2d"])


def test_a_difference_tells_the_first_wrong_place():
    right = np.arange(6.0).reshape(2, 3)
    value = right.copy()
    value[1, 1:] = 7
    assert difference("gw", value, right) == "gw is 7 at [1, 1] and should be 4 (2 of 6 values are wrong)"


def test_a_result_prints_in_a_terminal_and_in_a_notebook():
    result = exercises.Result("relu", False, "a < b", "Look.", "x (3, 4)")
    assert str(result) == "relu: not yet right: a < b.\n  hint: Look.\n  case: x (3, 4)"
    assert "<b style='color: firebrick'>not yet right</b>: a &lt; b.<br>hint: Look." in result._repr_html_()
    assert "green" in exercises.check("relu", ops.ReLU)._repr_html_()


def test_an_exercise_of_ones_own():
    own = exercises.FunctionExercise(
        name="mean", summary="", task="", starter="def mean(x): ...", tip="Add.", inputs=("x",),
        oracle=lambda x: x.sum() / x.size, cases=[dict(x=(3,))], mistakes=[],
    )  # fmt: skip
    exercises.add(own)
    try:
        assert exercises.check("mean", np.mean).ok
        assert "y is N times too large" in str(exercises.check("mean", np.sum))
    finally:
        del exercises._exercises["mean"]


def test_show_and_hint(capsys):
    exercises.show("conv2d")
    exercises.hint("conv2d")
    printed = capsys.readouterr().out
    assert printed.startswith("# conv2d: ") and "class Conv2d:" in printed and "loops over i and j" in printed


def run(capsys, *argv):
    status = cli.main(["exercises", *map(str, argv)])
    return SimpleNamespace(status=status, **capsys.readouterr()._asdict())


def test_command_line(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    listed = run(capsys)
    assert listed.status == 0 and max(map(len, listed.out.splitlines())) <= 60
    assert re.findall(r"^\w+", listed.out, re.MULTILINE) == exercises.names()
    shown = run(capsys, "show", "relu")
    file = tmp_path / "relu.py"
    file.write_text(shown.out)
    wrong = run(capsys, "check", "relu", file)
    assert wrong.status == 1 and "still a hole" in wrong.out and not wrong.err
    file.write_text("import numpy as np\n" + RELU)
    right = run(capsys, "check", "relu", file)
    assert right.status == 0 and right.out == "relu: right (4 cases: y, gx)\n"


@pytest.mark.parametrize(
    "source, words",
    [
        ("x = 1\nclass ReLU\n", "line 2: expected ':'"),
        ("def f():\n    return 1 / 0\nf()\n", "line 2, `return 1 / 0`, raises ZeroDivisionError: division by zero"),
        ("class Relu:\n    pass\n", "defines no ReLU, but Relu: call the answer ReLU"),
        ("", "defines no ReLU, but nothing: call the answer ReLU"),
    ],
)
def test_a_file_that_cannot_be_checked(capsys, tmp_path, source, words):
    file = tmp_path / "answer.py"
    file.write_text(source)
    result = run(capsys, "check", "relu", file)
    assert result.status == 2 and result.err.startswith(f"minidl: {file}") and result.err.count("\n") == 1
    assert words in result.err


def test_command_line_errors(capsys, tmp_path):
    assert "did you mean relu?" in run(capsys, "show", "rely").err
    assert "No such file" in run(capsys, "check", "relu", tmp_path / "none.py").err
    assert run(capsys, "check", "relu", tmp_path / "none.py").status == 2
    assert sys.modules.get("answer") is None
