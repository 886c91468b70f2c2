"""Every notebook runs from top to bottom, in a minute, without a warning, and is committed without outputs."""

import functools
import inspect
import re
import tempfile
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest
from exercise_solutions import SOLUTIONS
from nbclient import NotebookClient

from minidl import exercises

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))

SHEETS = [path for path in NOTEBOOKS if "_exercises_" in path.name]

every_sheet = pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.name)
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_notebooks():
    assert NOTEBOOKS


@every_notebook
def test_is_committed_without_outputs(path):
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    for cell in code_cells(notebook):
        assert not cell.outputs and cell.execution_count is None, f"{path.name}: cell {cell.id} holds its output"
        assert not cell.metadata, f"{path.name}: cell {cell.id} holds traces of a run: {cell.metadata}"


@every_notebook
def test_explains_itself_in_short_cells(path):
    notebook = nbformat.read(path, as_version=4)
    assert notebook.cells[0].cell_type == "markdown" and notebook.cells[0].source.startswith("# ")
    for cell in code_cells(notebook):
        lines = [line for line in cell.source.splitlines() if line.strip()]
        assert len(lines) <= 30, f"{path.name}: cell {cell.id} has {len(lines)} lines; let the package do it"


def checks(notebook):
    """{exercise: the cell that checks it}"""
    cells = [(re.search(r'^check\("(\w+)", \w+\)$', cell.source, re.M), cell) for cell in code_cells(notebook)]
    return {match[1]: cell for match, cell in cells if match}


def fill(notebook):
    """Put the worked solutions in the place of the frames."""
    for name, cell in checks(notebook).items():
        frame, solution = exercises.get(name).starter.strip(), inspect.getsource(SOLUTIONS[name]).strip()
        assert frame in cell.source, name
        cell.source = cell.source.replace(frame, solution)


def text_of(output):
    if output.output_type == "execute_result":
        return output.data["text/plain"]
    return output.text if output.output_type == "stream" else ""


@functools.cache
def execute(path, filled=False):
    """Run a notebook in an empty folder, once for all tests; gives {cell id: what it printed, and its result}."""
    notebook = nbformat.read(path, as_version=4)
    if filled:
        fill(notebook)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=60, resources={"metadata": {"path": folder}}).execute()
    return {cell.id: "".join(text_of(output) for output in cell.outputs) for cell in code_cells(notebook)}


@every_notebook
def test_runs_in_a_minute_without_a_warning(path):
    start = time.perf_counter()
    printed = execute(path)
    assert time.perf_counter() - start < 60
    no_warnings(path, printed)


def no_warnings(path, printed):
    for cell, text in printed.items():
        # tqdm asks for ipywidgets, which the tests do without
        warnings = [name for name in re.findall(r"\w*Warning\b", text) if name != "TqdmWarning"]
        assert not warnings, f"{path.name}: cell {cell} warns:\n{text}"


def test_the_quick_start_learns():
    printed = execute(FOLDER / "00_quickstart.ipynb")["loop"]
    lines = re.findall(r"epoch \d+: test loss ([\d.]+), test accuracy ([\d.]+)$", printed, re.M)
    assert len(lines) == 8 and float(lines[-1][1]) > 0.8


def test_numbers_to_be_compared_in_the_quick_start_agree():
    printed = execute(FOLDER / "00_quickstart.ipynb")
    numbers = {cell: [float(n) for n in re.findall(r"-?\d+\.\d+", printed[cell])] for cell in printed}
    for cell in ("one-element", "weight-gradient"):
        by_hand, by_the_op = numbers[cell]
        assert by_hand == pytest.approx(by_the_op, abs=1e-9)
    assert numbers["difference"] == [pytest.approx(by_the_op, abs=1e-5)]


def test_three_ways_to_one_gradient_in_the_lesson_on_autograd():
    printed = execute(FOLDER / "01_autograd.ipynb")
    numbers = {cell: re.findall(r"-\d+\.\d+", printed[cell]) for cell in ("chain-rule", "measure", "value-chain")}
    assert len(numbers["chain-rule"]) == 3
    assert numbers["chain-rule"] == numbers["value-chain"] and numbers["measure"] == numbers["chain-rule"][:1]
    backward, measured = (re.findall(r"-?\d+\.\d+", line) for line in printed["swish-measured"].splitlines())
    assert [float(n) for n in backward] == pytest.approx([float(n) for n in measured], abs=1e-7)
    one_layer, two_layers = (float(n) for n in re.findall(r"loss (\d+\.\d+)", printed["training"]))
    assert two_layers < 0.05 < 0.5 < one_layer


def test_matrix_and_operation_agree_in_the_lesson_on_convolution():
    printed = execute(FOLDER / "02_convolution_is_a_matrix.ipynb")
    stride1, stride2 = printed["spell"].splitlines()
    assert stride1 == "stride 1: (ay + bz, ax + by + cz, bx + cy + dz, cx + dy)"
    assert stride2 == "stride 2: (ay + bz, bx + cy + dz)"
    products = [re.findall(r"\[(.*?)\]", line) for line in printed["one-d-op"].splitlines()]
    assert len(products) == 2 and all(by_the_matrix == by_the_op for by_the_matrix, by_the_op in products)
    assert printed["two-d-matrix"].splitlines()[0] == "first row: 1 4 1 0 1 4 3 0 3 3 1 0 0 0 0 0"
    assert printed["two-d-matrix"].splitlines()[1].endswith("= [122 148 126 134]")
    assert float(printed["im2col-is-conv"].split()[-1]) < 1e-10
    assert printed["gradients"] == "gx: True\ngw: True\n" and "matrix: True" in printed["transposed-2d-drawn"]
    stride1, stride2 = printed["transposed-matrix"].splitlines()
    assert stride1 == "stride 1: (ax, ay + bx, az + by + cx, bz + cy + dx, cz + dy, dz)"
    assert stride2 == "stride 2: (ax, ay, az + bx, by, bz, 0)"
    assert printed["unpooling-max"].endswith("[ 5  2 12 15]\n")


def numbers_in(text):
    return np.array(re.findall(r"(?<![\w.])-?\d+\.?\d*(?:e[-+]\d+)?", text), float)


def test_steps_and_errors_in_the_lesson_on_gradient_checking():
    printed = execute(FOLDER / "03_gradient_checking.ipynb")
    steps = numbers_in(printed["differences"]).reshape(4, 3)
    assert steps[:-1, 1:] / steps[1:, 1:] == pytest.approx(np.tile([10, 100], (3, 1)), rel=0.1)
    best = numbers_in(printed["v-curve"]).reshape(4, 2)
    expected = [(1e-8, 1e-8), (6e-6, 1e-11), (3e-4, 3e-4), (5e-3, 1e-5)]  # one-sided and central in float64, float32
    assert np.all(abs(np.log10(best / expected)) < 0.5), best
    backward, differences = np.split(numbers_in(printed["softmax-checked"]), 2)
    assert backward == pytest.approx(differences, abs=1e-9)
    errors = [float(line.split()[-1]) for line in printed["relative-error"].splitlines()]
    assert max(errors[:2]) < 1e-6 and min(errors[2:]) > 1e-3 and errors == sorted(errors)
    for differences, right, wrong in numbers_in(printed["projected"]).reshape(3, 3):
        assert differences == pytest.approx(right, abs=1e-3) and abs(wrong - differences) > 0.01
    assert printed["halved"].startswith("weight (5, 2, 0, 1),")


def test_right_is_told_from_wrong_in_the_lesson_on_gradient_checking():
    printed = execute(FOLDER / "03_gradient_checking.ipynb")
    errors = [float(line.split()[-1]) for line in printed["ones-drawn"].splitlines()]
    assert max(errors[::2]) < 1e-8 and min(errors[1::2]) > 0.1
    assert "relu at 0.0      to the right 1.000   to the left 0.000   central 0.500" in printed["kink"]
    assert printed["right-table"].endswith("All 3 gradients are right.\n")
    assert "w: the gradient is 2 times too small" in printed["wrong-tables"]
    verdicts = re.findall(r"^(\S+) .*(ok|WRONG)$", printed["network-checked"], re.M)
    assert [name for name, verdict in verdicts if verdict == "WRONG"] == ["images", "0.weight", "1.weight", "1.bias"]
    layers = re.findall(r"^(\w+): (right|WRONG)$", printed["layers-checked"], re.M)
    assert [name for name, verdict in layers if verdict == "WRONG"] == ["Pool"]
    assert printed["fixed"].startswith("the op: True\nthe network: True")


def test_sizes_in_the_lesson_on_architectures_are_those_of_the_papers():
    printed = execute(FOLDER / "06_architectures.ipynb")
    assert re.search(r"^total .* 61,706 +416.5 k ", printed["lenet-table"], re.M)
    sizes = [line.split()[1] for line in printed["alexnet-sizes"].splitlines()[:-1]]
    assert sizes == [
        "96x55x55", "96x27x27", "256x27x27", "256x13x13", "384x13x13", "384x13x13", "256x13x13", "256x6x6",
        "4096", "4096", "1000",
    ]  # fmt: skip
    assert "307,456 parameters" in printed["alexnet-sizes"]
    assert re.findall(r"(\d+) for each pair", printed["three"]) == ["49", "27"]
    assert printed["three"].count("sees 7x7") == 2
    assert "3,211,264 values, 1,728 weights" in printed["vgg-bars"] and "102,760,448" in printed["vgg-bars"]
    assert "138,357,544 parameters, 15.1 M values" in printed["vgg-bars"]
    fields = dict(re.findall(r"^(\w+) .* sees (\d+) pixels", printed["fields-drawn"], re.M))
    assert (fields["alexnet2012"], fields["vgg16"], fields["resnet34"]) == ("163", "196", "899")
    assert printed["one-by-one"] == "the same: True\n"
    modules = [line.split() for line in printed["inception-counted"].splitlines()[1:]]
    assert [module[1] for module in modules] == [
        "256x28x28", "480x28x28", *["512x14x14"] * 3, "528x14x14", "832x14x14", "832x7x7", "1024x7x7"
    ]  # fmt: skip
    for counted, printed_by_the_paper, without in numbers_in(printed["inception-counted"]).reshape(9, -1)[:, -3:]:
        assert abs(counted / printed_by_the_paper - 1) < 0.08 and without > 2 * counted


def test_costs_and_gradients_in_the_lesson_on_architectures():
    printed = execute(FOLDER / "06_architectures.ipynb")
    assert re.findall(r"([\d,]+) weights", printed["blocks"]) == ["73,728", "1,179,648", "69,632"]
    assert re.findall(r"(\d+\.\d) G", printed["blocks"]) == ["1.8", "3.7", "3.9", "7.6", "11.3"]
    ratios = dict(re.findall(r"^(\w+) .*ratio +(\d+)$", printed["gradients"], re.M))
    plain20, plain56, resnet56 = (float(ratios[name]) for name in ("plain20", "plain56", "resnet56"))
    assert plain56 > 1000 > 5 * plain20 and resnet56 < 300
    assert re.findall(r"([\d.]+)%$", printed["groups"], re.M) == ["100.0", "25.0", "3.1", "0.8", "11.9", "11.9"]
    assert "128 channels in the middle, 70,144 weights" in printed["groups"]
    rows = {line.split()[0]: line.split()[1:] for line in printed["table"].splitlines()[1:]}
    assert rows["vgg16"] == ["2015", "138.4", "M", "15.47", "G", "28.4", "%"]
    assert rows["resnet50"] == ["2016", "25.6", "M", "4.09", "G", "23.9", "%"]
    assert rows["mobilenet_v2"] == ["2018", "3.5", "M", "0.30", "G", "28.1", "%"]
    assert len(rows) == 22 and sum("(paper)" in row for row in rows.values()) == 3


def test_the_sheets_have_every_exercise_once():
    names = [name for path in SHEETS for name in checks(nbformat.read(path, as_version=4))]
    assert len(SHEETS) == 2 and sorted(names) == sorted(exercises.names())


@every_sheet
def test_a_sheet_has_the_frames_of_its_exercises(path):
    for name, cell in checks(nbformat.read(path, as_version=4)).items():
        exercise = exercises.get(name)
        assert cell.source == f'{exercise.starter.strip()}\n\n\ncheck("{name}", {exercise.answer_name})'


@every_sheet
def test_an_empty_sheet_says_not_yet(path):
    printed = execute(path)
    for name, cell in checks(nbformat.read(path, as_version=4)).items():
        assert printed[cell.id].startswith(f"{name}: not yet right: "), printed[cell.id]
    assert "This needs your answer to: " in "".join(printed.values())


@every_sheet
def test_a_filled_sheet_is_right(path):
    printed = execute(path, filled=True)
    for name, cell in checks(nbformat.read(path, as_version=4)).items():
        assert printed[cell.id].startswith(f"{name}: right ("), printed[cell.id]
    assert "This needs your answer to: " not in "".join(printed.values())
    no_warnings(path, printed)


def test_answers_work_together_in_the_sheet_on_operations():
    path = FOLDER / "04_exercises_operations.ipynb"
    printed = execute(path, filled=True)
    first, last = (float(n) for n in re.findall(r"\d\.\d+", printed["classifier"]))
    assert 2 < first < 3 and last < 0.7
    assert printed["matrix-drawn"].split() == ["forward:", "True", "backward:", "True"]
    forward, backward = (float(n) for n in re.findall(r"= (-?\d+\.\d+)", printed["adjoint"]))
    assert forward == pytest.approx(backward, rel=1e-9)
    assert printed["parts"].split("minidl's:")[1].split() == []
    for text in (printed["test"], execute(path)["test"]):
        assert float(re.search(r"test accuracy (\d\.\d+)", text)[1]) > 0.65


def test_answers_give_the_numbers_of_the_lectures_in_the_sheet_on_training():
    printed = execute(FOLDER / "05_exercises_training.ipynb", filled=True)
    lines = re.findall(r"^(\w+, \w+\.?\w*) +(.*)$", printed["statistics"], re.M)
    deviations = {name: [float(n) for n in numbers.split()] for name, numbers in lines}
    expected = {  # of layers 1, 2, 3 and 10; the last depends on the random numbers
        "tanh, 0.01": (0.213, 0.0476, 0.0106, 0.0),
        "tanh, 1": (0.98, 0.98, 0.98, 0.98),
        "tanh, Xavier": (0.628, 0.486, 0.408, 0.228),
        "relu, Xavier": (0.583, 0.404, 0.277, 0.026),
        "relu, He": (0.825, 0.828, 0.814, 0.845),
    }
    assert deviations.keys() == expected.keys()
    for name, numbers in expected.items():
        assert deviations[name][:2] == pytest.approx(numbers[:2], rel=0.03)
        assert deviations[name][2:] == pytest.approx(numbers[2:], rel=0.1, abs=1e-4)
    assert printed["decoded"].endswith("back again: True\n")


def test_maps_and_windows_agree_in_the_lesson_on_convolutionization():
    printed = execute(FOLDER / "08_convolutionization.ipynb")
    linear, convolution = re.findall(r"\[\[(.*?)\]\]", printed["one-layer"])
    assert linear == convolution and "on a larger map: (1, 4, 3, 4)" in printed["one-layer"]
    for layer in ("(256, 4096, kernel_size=(6, 6))", "(4096, 4096, kernel_size=(1, 1))", "(4096, 1000, kernel_size=(1"):
        assert f"Conv2d{layer}" in printed["alexnet-converted"]
    assert printed["alexnet-sizes-printed"].split()[-4:] == ["8", "1000x1x1", "1000x2x4", "1000x8x8"]
    assert float(re.search(r"largest difference (\S+)", printed["both-ways"])[1]) < 1e-4
    at_once, one_by_one = (float(n) for n in re.findall(r"(\d+\.\d+) s", printed["both-ways"]))
    assert at_once < one_by_one / 5
    there, found = (int(n) for n in re.findall(r"\d+", printed["detections"]))
    assert abs(there - found) <= 2
    maps = re.findall(r"image (\d+)x.* map of scores \((\d), (\d)\)", printed["overfeat-sizes"])
    assert maps == [("221", "1", "1"), ("257", "2", "2"), ("320", "4", "4")]
    assert "each map (2, 3)\ninterleaved (6, 9)\n" in printed["offsets-sizes"]
    assert printed["offsets-sizes"].endswith(": True\n") and printed["dense-scene"].endswith(": True\n")


def test_the_table_comes_out_in_the_lesson_on_transfer_learning():
    printed = execute(FOLDER / "07_transfer_learning.ipynb")
    rows = re.findall(r"^(little|much), (\w+) +(\S+) +(\S+) +(\S+)$", printed["measure"], re.M)
    table = {(amount, name): [float(n) for n in row] for amount, name, *row in rows}
    assert len(table) == 4
    for name in ("similar", "different"):
        linear, tuned, scratch = table["little", name]
        assert linear > scratch + 0.03 and tuned > scratch + 0.03
        linear, tuned, scratch = table["much", name]
        assert tuned > linear + 0.02 and scratch > linear + 0.02 and abs(tuned - scratch) < 0.06
    learns, frozen = (int(n) for n in re.findall(r"(\d+) ms", printed["freeze-timed"]))
    assert frozen < learns and printed["freeze-timed"].endswith("['10.weight', '10.bias', '12.weight', '12.bias']\n")
    curves = re.findall(r"^\w+ +pixels (\S+) .*conv 3 (\S+)  linear (\S+)$", printed["layers-measured"], re.M)
    assert len(curves) == 2 and all(float(conv3) > float(pixels) + 0.05 for pixels, conv3, _ in curves)
    assert float(curves[1][1]) > float(curves[1][2]) + 0.03
    found = "efficientnet-lite0-57934424.pth is not there" not in printed["imagenet-photos"]
    assert found == ("ImageNet's features" in printed["imagenet-clothes"])
