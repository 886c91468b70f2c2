"""The house: which way imports point, how long files are, what `import minidl` brings with it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "minidl"

ENGINE = {"backend", "kernels", "autograd", "random"}
LIBRARY = ENGINE | {"creation", "ops", "functional", "nn", "models", "optim", "data", "serialization", "version"}
TOP = {"training", "checkpoint", "transfer", "verification", "visualize", "summary"}
# Each part of the package, and the parts that it may import besides itself. "minidl" is the package's own __init__.
MAY_IMPORT = {
    "version": set(),
    "backend": set(),
    "random": set(),
    "kernels": {"backend"},
    "autograd": {"backend", "kernels"},
    "creation": ENGINE,
    "ops": ENGINE,
    "functional": ENGINE | {"ops"},
    "nn": ENGINE | {"ops", "functional"},
    "models": ENGINE | {"ops", "functional", "nn", "serialization", "data"},
    "optim": ENGINE,
    "data": ENGINE,
    "serialization": {"backend", "version"},
    "gradcheck": ENGINE,
    "metrics": set(),
    "exercises": set(),
    "minidl": LIBRARY - {"serialization"},
    **dict.fromkeys(TOP, LIBRARY | TOP | {"minidl", "metrics"}),
    "cli": LIBRARY | TOP | {"minidl", "gradcheck", "exercises"},
}
ONLY_IN = {"matplotlib": "visualize", "cupy": "backend"}


def part_of(name, package):
    """ "minidl.nn.layers" belongs to "nn"; what minidl/__init__.py makes available belongs to "minidl"."""
    first = name.split(".")[1] if "." in name else None
    is_part = first and ((package / first).is_dir() or (package / f"{first}.py").is_file())
    return first if is_part else "minidl"


def imports(path, package):
    """(line, full name) of everything that a file imports, wherever in the file; relative names made absolute."""
    parents = ["minidl", *path.relative_to(package).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(parents[: len(parents) - node.level + 1]) if node.level else ""
            base = ".".join(filter(None, (base, node.module)))
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def wrong_imports(package):
    """What points the wrong way, one line each."""
    problems = []
    for path in sorted(package.rglob("*.py")):
        own = path.relative_to(package).with_suffix("").parts[0].replace("__init__", "minidl")
        if own not in MAY_IMPORT:
            problems.append(f"{own} has no place in the order of imports: give it one in MAY_IMPORT")
            continue
        for line, name in imports(path, package):
            top = name.split(".")[0]
            if top == "minidl":
                other = part_of(name, package)
                if other != own and other not in MAY_IMPORT[own]:
                    problems.append(f"{path.relative_to(package)}:{line}: {own} must not import {other}")
            elif ONLY_IN.get(top, own) != own:
                problems.append(f"{path.relative_to(package)}:{line}: only {ONLY_IN[top]} may import {top}")
    return problems


def test_imports_point_one_way():
    assert wrong_imports(PACKAGE) == []


def test_the_order_itself_points_one_way():
    placed = set()
    while len(placed) < len(MAY_IMPORT) - len(TOP):  # the parts on top may know each other
        free = {p for p, others in MAY_IMPORT.items() if p not in placed | TOP and others <= placed | TOP}
        assert free, "the parts below the top import each other in a circle"
        placed |= free
    assert all("cli" not in others for others in MAY_IMPORT.values())


@pytest.mark.parametrize(
    "file, code, problem",
    [
        ("backend.py", "from minidl import autograd", "backend.py:1: backend must not import autograd"),
        ("kernels/a.py", "from ..nn.layers import Linear", "a.py:1: kernels must not import nn"),
        ("autograd/a.py", "def f():\n    import minidl.ops.loss", "a.py:2: autograd must not import ops"),
        ("optim/a.py", "from minidl import nn, backend", "a.py:1: optim must not import nn"),
        ("data/a.py", "from minidl import functional as F", "a.py:1: data must not import functional"),
        ("ops/a.py", "from minidl import no_grad", "a.py:1: ops must not import minidl"),
        ("nn/a.py", "from .. import cli", "a.py:1: nn must not import cli"),
        ("training.py", "from minidl.cli import main", "training.py:1: training must not import cli"),
        ("training.py", "import matplotlib.pyplot as plt", "training.py:1: only visualize may import matplotlib"),
        ("cli/a.py", "def f():\n    from matplotlib import figure", "a.py:2: only visualize may import matplotlib"),
        ("kernels/a.py", "import cupy", "a.py:1: only backend may import cupy"),
        ("novel/a.py", "", "novel has no place in the order"),
        ("nn/a.py", "from .module import Module\nfrom minidl.ops import loss\nfrom minidl import functional", None),
        ("autograd/a.py", "from . import b\nfrom .tensor import Op\nfrom minidl import kernels, backend", None),
        ("visualize/a.py", "import matplotlib\nfrom minidl import Tensor", None),
    ],
)
def test_a_planted_import_is_caught(tmp_path, file, code, problem):
    for name in MAY_IMPORT:
        (tmp_path / name).mkdir()
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(code)
    problems = wrong_imports(tmp_path)
    assert len(problems) == (problem is not None)
    assert problem is None or problem in problems[0]


def lines(path):
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_file_is_longer_than_400_lines():
    root = PACKAGE.parent
    files = [p for folder in ("minidl", "examples", "tests") for p in (root / folder).rglob("*.py")]
    assert len(files) > 50
    assert {str(p.relative_to(root)): lines(p) for p in files if lines(p) > 400} == {}


def test_the_engine_can_be_read_in_an_evening():
    files = [PACKAGE / "backend.py", *(PACKAGE / "autograd").rglob("*.py")]
    sizes = {p.name: lines(p) for p in files}
    assert sum(sizes.values()) < 1100, sizes


def test_importing_minidl_brings_neither_matplotlib_nor_cupy_nor_pillow():
    code = "import sys, minidl; print(*(m for m in ('matplotlib', 'cupy', 'PIL', 'torch') if m in sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
