"""What `minidl summary` counts, held against layer arithmetic and published numbers."""

import re

import numpy as np
import pytest

from minidl import cli, models, nn
from minidl import functional as F
from minidl.summary import format_summary, summarize


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
    for columns, names in ((80, small), (60, ["lenet5", "mlp", "resnet20"])):
        monkeypatch.setenv("COLUMNS", str(columns))
        for name in names:
            status, out = cli.main(["summary", name]), capsys.readouterr().out
            assert status == 0 and max(map(len, out.splitlines())) <= columns, name
            size = sum(parameter.size for parameter in models.create(name).parameters())
            assert re.search(rf"^total .* {size:,} ", out, re.MULTILINE), name


def test_summary_of_another_input(capsys):
    assert cli.main(["summary", "resnet20", "--input", "1,64,48", "--classes", "3"]) == 0
    out = capsys.readouterr().out
    assert "16x64x48" in out and "one image of 1x64x48" in out
    assert cli.main(["summary", "resnet20", "--input", "3,32"]) == 2
    assert "--input: expected channels, height and width such as 3,32,32, got '3,32'" in capsys.readouterr().err
    assert cli.main(["summary", "lenet5", "--input", "1,40,40"]) == 2
    assert "28x28 or 32x32" in capsys.readouterr().err
