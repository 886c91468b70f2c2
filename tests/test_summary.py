"""What `minidl summary` counts, held against layer arithmetic and published numbers."""

import re
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from counting import undrawn

import minidl
from minidl import cli, models, nn
from minidl import functional as F
from minidl.summary import Row, format_summary, summarize


def test_lenet_by_layer():
    rows = summarize(models.create("lenet5"), (1, 28, 28))
    assert [(r.name, r.layer, r.output, r.parameters, r.multiply_adds) for r in rows] == [
        ("conv1", "Conv2d", (6, 28, 28), 6 * 26, 6 * 28 * 28 * 25),
        ("conv2", "Conv2d", (16, 10, 10), 16 * 151, 16 * 10 * 10 * 150),
        ("fc1", "Linear", (120,), 48_120, 48_000),
        ("fc2", "Linear", (84,), 10_164, 10_080),
        ("fc3", "Linear", (10,), 850, 840),
    ]
    assert [row.memory for row in rows] == [4 * 4704, 4 * 1600, 480, 336, 40]


@pytest.mark.parametrize(
    "name, parameters, multiply_adds",
    # He et al. give 0.27, 0.46, 0.66, 0.85 and 1.7 M parameters; the products follow from layer arithmetic.
    [("resnet20", 269_722, 40.55e6), ("resnet32", 464_154, 68.9e6), ("resnet110", 1_727_962, 252.9e6)],
)
def test_cifar_resnets(name, parameters, multiply_adds):
    rows = summarize(models.create(name), (3, 32, 32))
    assert sum(row.parameters for row in rows) == parameters
    assert sum(row.multiply_adds for row in rows) == pytest.approx(multiply_adds, rel=1e-3)


def test_grouped_strided_and_dilated_convolutions():
    model = nn.Sequential(nn.Conv2d(4, 8, (3, 1), stride=2, groups=2), nn.Conv2d(8, 8, 3, dilation=2, groups=8))
    first, second = summarize(model, (4, 15, 12))
    assert first.output == (8, 7, 6) and first.multiply_adds == 8 * 7 * 6 * (2 * 3 * 1)
    assert second.output == (8, 3, 2) and second.multiply_adds == 8 * 3 * 2 * 9


class Twice(nn.Module):
    """A layer used twice, a parameter of its own, and a layer that hands its input on."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(12, 12)
        self.same = nn.Identity()
        self.scale = nn.Parameter(np.ones(12, np.float32))

    def forward(self, x):
        return F.relu(self.fc(self.same(self.fc(x.flatten(1))))) * self.scale


def test_shared_layers_own_parameters_and_identities():
    rows = summarize(Twice(), (3, 2, 2))
    assert [row.name for row in rows] == ["fc", "same", "fc", "model"]
    assert [row.parameters for row in rows] == [156, 0, 0, 12]
    assert [row.multiply_adds for row in rows] == [144, 0, 144, 0]
    assert [row.memory for row in rows] == [48, 0, 48, 48]


def test_the_model_is_left_as_it_was():
    model = models.create("resnet20").train()
    before = {name: array.copy() for name, array in model.state_dict().items()}
    summarize(model, (3, 32, 32))
    assert model.training and all(not module._hooks for module in model.modules())
    assert all(np.array_equal(array, before[name]) for name, array in model.state_dict().items())
    with pytest.raises(ValueError):
        summarize(model, (1, 32, 32))
    assert model.training and all(not module._hooks for module in model.modules())


def test_the_table_has_totals_and_fits():
    rows = summarize(models.create("resnet20"), (3, 32, 32))
    for width in (60, 80):
        lines = format_summary(rows, (3, 32, 32), width).splitlines()
        assert max(map(len, lines)) <= width
        assert lines[0].split()[-3:] == ["parameters", "mult-adds", "memory"]
        assert any(line.startswith("total") and "269,722" in line and "40.6 M" in line for line in lines)


def test_summary_fits_the_terminal(capsys, monkeypatch):
    small = [name for name in models.names() if max(models.input_shape(name)) <= 40]
    for name in small:
        size = sum(parameter.size for parameter in undrawn(name).parameters())
        for columns in (60, 80):
            monkeypatch.setenv("COLUMNS", str(columns))
            status, out = cli.main(["summary", name]), capsys.readouterr().out
            assert status == 0 and max(map(len, out.splitlines())) <= columns, name
            assert re.search(rf"^total .* {size:,} ", out, re.MULTILINE), name


@pytest.mark.parametrize("name", [n for n in models.names() if max(models.input_shape(n)) > 40])
def test_large_models_fit_60_columns(name):
    """Counted at an eighth of the width, with the numbers of the whole."""
    model, shape = undrawn(name, width=1 / 8), models.input_shape(name)
    for depth in (None, "page"):
        rows = [
            replace(
                row, output=(8 * row.output[0], *row.output[1:]), parameters=64 * row.parameters,
                multiply_adds=64 * row.multiply_adds, memory=8 * row.memory, training=64 * row.training,
            )
            for row in summarize(model, shape, depth)
        ]  # fmt: skip
        lines = format_summary(rows, shape, 60).splitlines()
        assert max(map(len, lines)) <= 60
        assert {"layer", "output", "parameters", "mult-adds"} <= set(lines[0].split())
        assert len({line.split()[0] for line in lines[2:-6]}) >= len({row.name for row in rows if row.costs_something})


def test_long_names_lose_letters_and_no_numbers():
    row = Row("", "Conv2d", (64, 112, 112), 138_357_544, 10**9, 4 * 10**6, 10**6)
    names = ["classifier", "features.denseblock2.denselayer10.norm1", "features.denseblock3.denselayer10.norm1"]
    rows = [replace(row, name=name) for name in names]
    table = format_summary(rows, (3, 224, 224), 60).splitlines()
    assert [line.split()[0] for line in table[2:5]] == ["clas", "feat.dens2.dens10.norm1", "feat.dens3.dens10.norm1"]
    assert max(map(len, table)) <= 60 and "mult-adds" in table[0]
    assert names[1] in format_summary(rows, (3, 224, 224), 100)


def test_parameters_that_only_training_uses_are_told(capsys):
    assert cli.main(["summary", "googlenet", "--depth", "1"]) == 0
    out = capsys.readouterr().out
    assert re.search("^total .* 6,624,904 ", out, re.MULTILINE)
    assert out.endswith("\nnot counted: 6,379,984 parameters that only training uses\n")
    assert cli.main(["summary", "lenet5"]) == 0
    assert "not counted" not in capsys.readouterr().out


def test_summary_of_another_input(capsys):
    assert cli.main(["summary", "resnet20", "--input", "1,64,48", "--classes", "3"]) == 0
    out = capsys.readouterr().out
    assert "16x64x48" in out and "one image of 1x64x48" in out
    assert cli.main(["summary", "resnet20", "--input", "3,32"]) == 2
    assert "--input: expected channels, height and width such as 3,32,32, got '3,32'" in capsys.readouterr().err
    assert cli.main(["summary", "lenet5", "--input", "1,40,40"]) == 2
    assert "28x28 or 32x32" in capsys.readouterr().err


def test_receptive_fields_of_branches_dilation_and_pooling():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(1, 2, 3, stride=2)
            self.wide, self.dilated = nn.Conv2d(2, 2, (1, 7), padding=(0, 3)), nn.Conv2d(2, 2, 3, dilation=2, padding=2)
            self.last = nn.Conv2d(2, 2, 3)
            self.fc = nn.Linear(2, 3)

        def forward(self, x):
            x = F.max_pool2d(F.relu(self.first(x)), 2)
            x = self.last(self.wide(x) + self.dilated(x) + x)
            return self.fc(x.mean((2, 3)))

    rows = {row.name: row.field for row in summarize(Branches(), (1, 40, 40))}
    # Behind the pooling 3 + 2 = 5 pixels, four apart; 7 of them 5 + 24, and 3 with gaps of one as many as 5.
    expected = {"first": (3, 3), "wide": (5, 29), "dilated": (21, 21), "last": (29, 37)}
    assert rows == {**expected, "fc": (np.inf, np.inf)}


def receptive_field(model, shape):
    """By measurement: how many rows and columns of the image the middle of the output depends on."""
    x = minidl.randn(1, *shape, requires_grad=True)
    y = model(x)
    gy = np.zeros(y.shape, np.float32)
    gy[0, :, y.shape[2] // 2, y.shape[3] // 2] = 1
    y.backward(gy)
    seen = np.abs(x.grad[0]).sum(0) > 0
    return int(seen.any(1).sum()), int(seen.any(0).sum())


def test_receptive_fields_are_those_that_gradients_measure():
    layers = [
        nn.Conv2d(1, 4, 5, stride=2), nn.AvgPool2d(3, 2), nn.Conv2d(4, 4, (3, 1)), nn.AvgPool2d(2), nn.Conv2d(4, 2, 3),
    ]  # fmt: skip
    for count in range(1, 6):
        model = nn.Sequential(*layers[:count])
        assert summarize(model, (1, 90, 90))[-1].field == receptive_field(model, (1, 90, 90))


@pytest.mark.parametrize("pool", [nn.AdaptiveAvgPool2d(1), nn.Sequential(nn.Flatten(), nn.Linear(4 * 20 * 20, 2))])
def test_behind_a_global_pooling_and_linear_layers_all_is_seen(pool):
    rows = summarize(nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), pool), (1, 20, 20))
    assert rows[0].field == (3, 3) and rows[-1].field == (np.inf, np.inf)


def kept_by_the_graph(y, model):
    """The bytes of all arrays that the graph of y holds, weights not counted: by walking it."""
    own, arrays, ops, new = {id(p.data) for p in model.parameters()}, {}, set(), [y.creator]
    while new:
        op = new.pop()
        ops.add(op)
        for array in op.saved if isinstance(op.saved, tuple) else (op.saved,):
            while isinstance(array, np.ndarray) and array.base is not None:
                array = array.base
            if isinstance(array, np.ndarray) and id(array) not in own:
                arrays[id(array)] = array
        new += [parent for parent in op.parents if hasattr(parent, "parents") and parent not in ops]
    return sum(array.nbytes for array in arrays.values())


@pytest.mark.parametrize("name", ["lenet5", "resnet20", "vgg_cifar", "highway"])
def test_memory_for_training_is_what_the_graph_holds(name):
    model = models.create(name).eval()
    shape = models.input_shape(name)
    x = minidl.zeros(1, *shape, requires_grad=True)
    kept = kept_by_the_graph(model(x), model)
    parameters = sum(p.size for p in model.parameters())
    assert 0 <= kept + 4 * parameters - sum(row.training for row in summarize(model, shape)) <= x.data.nbytes


def test_an_activation_counts_with_its_layer():
    written = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Dropout(), nn.MaxPool2d(2), nn.Conv2d(4, 2, 3))
    rows = summarize(written, (1, 20, 20))
    assert [row.values for row in rows] == [4 * 18 * 18, 0, 0, 4 * 9 * 9, 2 * 7 * 7]
    # What relu gives is kept, by relu and by pooling, and what pooling gives; the last output nobody needs.
    assert [row.training for row in rows] == [4 * (40 + 4 * 18 * 18), 0, 0, 4 * 4 * 9 * 9, 4 * 74]
    table = format_summary(rows, (1, 20, 20), 120)
    assert "ReLU" not in table and "Dropout" not in table and "MaxPool2d" in table


def test_blocks_are_summed_up():
    model, shape = models.create("resnet20"), (3, 32, 32)
    layers, blocks, stages = (summarize(model, shape, depth) for depth in (None, 2, 1))
    assert [row.name for row in stages] == ["conv1", "bn1", "layer1", "layer2", "layer3", "fc"]
    assert [row.output for row in stages[2:5]] == [(16, 32, 32), (32, 16, 16), (64, 8, 8)]
    assert [row.name for row in blocks][2:6] == ["layer1.0", "layer1.1", "layer1.2", "layer2.0"]
    assert stages[2].layer == "Sequential" and blocks[2].layer == "PaddedBlock"
    for cost in ("parameters", "multiply_adds", "memory", "training", "values"):
        totals = [sum(getattr(row, cost) for row in rows) for rows in (layers, blocks, stages)]
        assert totals[0] == totals[1] == totals[2] > 0, cost
    assert [row.field for row in stages[2:5]] == [(15, 15), (37, 37), (81, 81)]


def test_a_table_fits_a_page():
    small, deep = models.create("resnet20"), models.create("resnet110")
    assert [r.name for r in summarize(small, (3, 32, 32), "page")] == [r.name for r in summarize(small, (3, 32, 32))]
    rows = summarize(deep, (3, 32, 32), "page")
    assert len(rows) == 57 and rows[2].name == "layer1.0"
    assert format_summary(rows, (3, 32, 32)).count("\n") < 70


def test_columns_that_fit_are_shown():
    rows = summarize(models.create("lenet5"), (1, 28, 28))
    titles = {width: format_summary(rows, (1, 28, 28), width).split("\n")[0].split() for width in (100, 75, 60, 20)}
    narrow = ["layer", "output", "values", "field", "parameters", "mult-adds", "memory", "training"]
    assert titles[100] == ["layer", "type", *narrow[1:]] and titles[75] == narrow
    assert titles[60] == ["layer", "output", "values", "parameters", "mult-adds", "memory"]
    assert titles[20] == ["layer", "output"]
    table = format_summary(rows, (1, 28, 28), 100)
    assert re.search(r"conv1 +Conv2d +6x28x28 +4.7 k +5 +156 ", table)
    assert re.search(r"conv2 +Conv2d +16x10x10 +1.6 k +14 +2,416 ", table)  # 5 + 1 of the pooling, + 4 twice as far
    assert re.search(r"fc1 .* all ", table)


def test_all_models_are_listed(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.main(["summary"]) == 0
    lines = capsys.readouterr().out.splitlines()
    headings = [line for line in lines if not line.startswith("  ")]
    assert headings == [
        "28x28, 1 channel, 10 classes", "221x221 to 299x299, 3 channels, 1000 classes",
        "32x32, 3 channels, 10 classes", "19x19, 48 channels",
    ]  # fmt: skip
    names = [line.split()[0] for line in lines if line.startswith("  ")]
    assert sorted(names) == sorted(models.names())
    assert max(map(len, lines)) <= 80 and "..." not in "".join(lines)
    assert "  vgg16               138,357,544  Simonyan & Zisserman 2015, D: 13 + 3 layers" in lines
    assert names.index("alexnet") < names.index("vgg16") < names.index("resnet50") < names.index("resnet20")
    monkeypatch.setenv("COLUMNS", "60")
    assert cli.main(["summary"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 60
    assert cli.main(["summary", "--depth", "2"]) == 2
    assert "need a model: minidl summary NAME" in capsys.readouterr().err


def test_depth_on_the_command_line(capsys):
    assert cli.main(["summary", "vgg_cifar", "--depth", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:4]] == ["features", "classifier"]
    assert cli.main(["summary", "vgg_cifar", "--depth", "0"]) == 2


def test_counting_takes_no_memory_for_weights():
    """VGG16 has 553 MB of weights; untouched they are none."""
    with minidl.random.undrawn():
        model = models.create("vgg16")
    tracemalloc.start()
    try:
        rows = summarize(model, (3, 224, 224), "page")
        assert tracemalloc.get_traced_memory()[1] < 200e6
    finally:
        tracemalloc.stop()
    assert sum(row.parameters for row in rows) == 138_357_544
    assert round(sum(row.values for row in rows) / 1e6, 1) == 15.1
