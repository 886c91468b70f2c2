"""README and docs: every example runs, every command parses, every link and path leads somewhere.

A ```python block is run, as a doctest where it has prompts; the blocks of a page share their names and run in order.
A comment in the line before a block changes that:

    <!-- source: minidl.ops.Linear -->   the block is the source of that object, word for word
    <!-- not run: needs a GPU -->        the block is compiled, but not run
    <!-- run in a test of its own -->    by test_readme_script_is_twenty_lines_and_learns
"""

import doctest
import inspect
import io
import pkgutil
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest

from minidl import exercises
from minidl.cli import build_parser

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SCRIPT = "run in a test of its own"
FENCE = re.compile(r"^(?:<!-- (?P<note>[^\n]*) -->\n)?```(?P<language>\w*)\n(?P<code>.*?)^```$", re.M | re.S)

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


class Block(NamedTuple):
    language: str
    code: str
    note: str
    line: int


def blocks(page):
    text = page.read_text(encoding="utf-8")
    return [
        Block(m["language"], m["code"], m["note"] or "", text.count("\n", 0, m.start("code")) + 1)
        for m in FENCE.finditer(text)
    ]


def prose(page):
    return FENCE.sub("", page.read_text(encoding="utf-8"))


@every_page
def test_python_blocks_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(exercises, "_exercises", dict(exercises._exercises))  # a page adds one
    names = {"__name__": page.stem}
    for block in blocks(page):
        where = f"{page.name}, line {block.line}"
        if block.language != "python":
            assert ">>>" not in block.code, f"{where}: prompts in a block that is not marked as python"
        elif block.note.startswith("source: "):
            expected = inspect.getsource(pkgutil.resolve_name(block.note.removeprefix("source: ")))
            assert block.code == expected, f"{where} is no longer the source of {block.note}"
        elif block.note.startswith("not run: ") or block.note == SCRIPT:
            compile(block.code, where, "exec")
        elif ">>>" in block.code:
            run_prompts(block.code, names, where)
        else:
            exec(compile(block.code, where, "exec"), names)


def run_prompts(code, names, where):
    examples = doctest.DocTestParser().get_doctest(code, names, where, None, 0)
    runner, complaints = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE), io.StringIO()
    runner.run(examples, out=complaints.write, clear_globs=False)
    names.update(examples.globs)
    assert not runner.failures, f"{where}\n{complaints.getvalue()}"


def test_readme_script_is_twenty_lines_and_learns(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    script = next(block for block in blocks(ROOT / "README.md") if block.note == SCRIPT).code
    assert len([line for line in script.splitlines() if line]) == 20
    exec(compile(script, "README.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"epoch {epoch}" for epoch in range(1, 6)]
    assert float(lines[-1].split()[-1]) > 0.8


def commands(page):
    """The minidl commands of a page: in shell blocks, after a $ where there is output too, and in backquotes."""
    for block in blocks(page):
        for line in block.code.splitlines():
            command = line.removeprefix("$ ")
            prompted = block.language == "sh" or line.startswith("$ ")
            if prompted and command.startswith("minidl ") and not block.note.startswith("not run: "):
                yield command
    yield from (command for command in re.findall(r"`(minidl [^`]*)`", prose(page)) if "..." not in command)


def test_commands_are_found():
    assert "minidl train --data mnist --epochs 5" in commands(ROOT / "docs" / "training.md")
    assert "minidl summary lenet5" in commands(ROOT / "docs" / "training.md")


@every_page
def test_commands_parse(page):
    for command in commands(page):
        words = shlex.split(command, comments=True)[1:]
        try:
            build_parser().parse_args(words)
        except SystemExit as end:  # --help
            assert end.code in (0, None), command
        except ValueError as error:
            pytest.fail(f"{page.name}: {command}: {error}")


@every_page
def test_links_and_paths_lead_somewhere(page):
    text = prose(page)
    links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in link]
    missing = [link for link in links if not (page.parent / link).exists()]
    paths = re.findall(r"`((?:minidl|docs|tests|examples|notebooks)/[\w./-]*)`", text)
    missing += [path for path in paths if not (ROOT / path).exists()]
    assert not missing, f"{page.name} points to what is not there: {missing}"


def test_readme_starts_with_the_two_commands():
    setup = [block.code.strip() for block in blocks(ROOT / "README.md") if "venv" in block.code]
    assert len(setup) == 2
    for command, end in zip(setup, (".venv/bin/minidl train", ".venv/bin/pytest"), strict=True):
        assert "\n" not in command and command.startswith("python3 -m venv .venv && .venv/bin/pip install -e ")
        assert command.endswith(f" && {end}")
