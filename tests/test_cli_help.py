"""What the command line says of itself: help, in wide and narrow terminals, and its version."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from test_cli import REPOSITORY, run

import minidl
from minidl import cli


@pytest.mark.parametrize(
    "argv",
    [[], ["train"], ["eval"], ["predict"], ["summary"], ["data"], ["data", "fetch"], ["data", "show"], ["exercises"]],
)
def test_help_explains(capsys, monkeypatch, argv):
    monkeypatch.setenv("COLUMNS", "80")
    status, out, error = run(capsys, *argv, "--help")
    assert (status, error) == (0, "") and out.startswith("usage: minidl") and len(out.splitlines()) > 8
    assert len(argv) == 2 or "example" in out
    assert max(map(len, out.splitlines())) <= 80
    for line in re.findall(r"^  (minidl .*?)(?:   .*)?$", out, re.MULTILINE):
        if not line.endswith("COMMAND --help"):
            cli.build_parser().parse_args(line.split()[1:])  # every example is a valid command


def test_help_in_a_narrow_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    out = run(capsys, "--help")[1]
    assert "on NumPy\nalone." in out and "    gradcheck  hold gradients" in out
    assert "  minidl train                              LeNet-5 on the built-in data\n" in out  # an example stays whole
    out = run(capsys, "train", "--help")[1]
    assert "Then,\nor after a power cut:\n  minidl train --resume\ngoes on" in out
    assert max(len(line) for line in out.splitlines() if not line.startswith("  minidl")) <= 60


def test_version(capsys):
    status, out, _ = run(capsys, "--version")
    assert status == 0 and out.startswith(f"minidl {minidl.__version__} (numpy {np.__version__}, python 3.")


def test_importing_the_command_line_stays_light():
    code = "import sys, minidl.cli; print([m for m in ('matplotlib', 'PIL', 'tqdm.auto') if m in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout == "[]\n", done.stderr
