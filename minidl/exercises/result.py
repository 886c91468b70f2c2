"""What a check says: right, or wrong and why."""

import linecache
import os
import sysconfig
import traceback
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

_folders = [Path(__file__).parents[1], *map(sysconfig.get_path, ("stdlib", "purelib", "platlib"))]
LIBRARIES = tuple(os.path.join(folder, "") for folder in _folders)


@dataclass(repr=False)
class Result:
    """The outcome of a check: `ok`, and the reasons. It prints itself, and counts as true if the answer is right.

    >>> Result("linear", False, "gw is transposed", "Write the shapes beside the formula.")
    linear: not yet right: gw is transposed.
      hint: Write the shapes beside the formula.
    """

    exercise: str
    ok: bool
    message: str
    hint: str = ""
    case: str = ""

    def __bool__(self):
        return self.ok

    def __repr__(self):
        return "\n  ".join([f"{self.exercise}: {self._verdict}", *self._details])

    def _repr_html_(self):
        colour, head = ("green", "right") if self.ok else ("firebrick", "not yet right")
        rest = escape(self._verdict.removeprefix(head))
        lines = [f"{escape(self.exercise)}: <b style='color: {colour}'>{head}</b>{rest}", *map(escape, self._details)]
        return "<br>".join(line.replace("\n", "<br>") for line in lines)

    @property
    def _verdict(self):
        return f"right ({self.message})" if self.ok else f"not yet right: {self.message}."

    @property
    def _details(self):
        return [f"{name}: {text}" for name, text in (("hint", self.hint), ("case", self.case)) if text]


def close(value, right):
    return value.shape == np.shape(right) and np.allclose(value, right, rtol=1e-5, atol=1e-6, equal_nan=True)


def difference(name, value, right):
    """In what way value is not right, in one sentence."""
    if value.shape != right.shape:
        return f"{name} has shape {value.shape}, it should be {right.shape}"
    wrong = ~np.isclose(value, right, rtol=1e-5, atol=1e-6, equal_nan=True)
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    place = f"at {list(index)} " if index else ""
    text = f"{name} is {value[index]:.6g} {place}and should be {right[index]:.6g}"
    if not np.isfinite(value[index]):
        return text
    text += f" ({wrong.sum()} of {wrong.size} values are wrong)" if wrong.size > 1 else ""
    clear = np.abs(right) > 1e-3
    ratios = value[clear] / right[clear]
    if wrong.size > 1 and clear.any() and np.allclose(ratios, ratios[0], rtol=1e-4) and np.isfinite(ratios[0]):
        text += f"; every value is {ratios[0]:.4g} times what it should be"
    return text


def error_in_answer(error, path=None):
    """(what was raised and in which line of the student's, or of the file `path`; a hint)"""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if f.filename == path or not f.filename.startswith((*LIBRARIES, "<frozen"))]
    text = f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(".: ")
    if not own:
        return text, "The call itself failed: compare your arguments with the frame that `exercises.show` prints."
    line = own[-1].line or linecache.getline(own[-1].filename, own[-1].lineno).strip()
    return f"line {own[-1].lineno}, `{line}`, raises {text}", ""
