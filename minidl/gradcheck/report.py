"""What a gradient check has found, and how it is told."""

import textwrap
from dataclasses import dataclass, field

WIDTH = 80


@dataclass
class GradientRow:
    """The gradient of one input or parameter.

    `checked` of `total` values (directions, where `unit` says so) were compared, and `kinks` left out. `error` is the
    largest relative error, found at `index` (None for a direction), where backward gives `analytic` (None if it gives
    nothing) and differences give `numerical`. `fault` says what is wrong, `remark` what else there is to know.
    """

    name: str
    checked: int = 0
    total: int = 0
    unit: str = ""
    kinks: int = 0
    error: float = 0.0
    index: tuple | None = None
    analytic: float | None = 0.0
    numerical: float = 0.0
    verdict: str = "ok"  # or "WRONG", or "UNKNOWN" where nothing could be compared
    fault: str = ""
    remark: str = ""

    @property
    def ok(self):
        return self.verdict == "ok"

    def explain(self):
        """What is wrong, and where."""
        if not self.error:
            return f"{self.name}: {self.fault}"
        if self.index is None:
            place = "along a random direction"
        else:
            place = f"at {self.name}[{', '.join(map(str, self.index))}]" if self.index else f"at {self.name}"
        analytic = "" if self.analytic is None else f"backward gives {self.analytic:.6g}, "
        return f"{self.name}: {self.fault}; {place} {analytic}differences give {self.numerical:.6g}"


@dataclass
class GradientReport:
    """The outcome of check_gradients: print it, or `assert report`.

    ok: nothing is wrong. rows: a GradientRow for each input and parameter. faults: what kept the function from being
    checked at all, in sentences.
    """

    rows: list = field(default_factory=list)
    faults: list = field(default_factory=list)
    remarks: list = field(default_factory=list)

    @property
    def ok(self):
        return not self.faults and all(row.ok for row in self.rows)

    @property
    def error(self):
        """The largest relative error of all."""
        return max((row.error for row in self.rows), default=0.0)

    def __bool__(self):
        return self.ok

    def raise_if_wrong(self):
        """Raise an AssertionError with the report as its message unless everything is right; returns the report."""
        if not self.ok:
            raise AssertionError(f"\n{self}")
        return self

    def explain(self):
        """Sentences: everything that is wrong."""
        return [*self.faults, *(row.explain() for row in self.rows if not row.ok)]

    def __repr__(self):
        lines = _table(self.rows) if self.rows else []
        sentences = [self._summary(), *self.explain(), *self.remarks]
        for remark in dict.fromkeys(row.remark for row in self.rows if row.remark):
            names = ", ".join(row.name for row in self.rows if row.remark == remark)
            sentences.append(f"{names}: the gradient {remark}")
        kinks = sum(row.kinks for row in self.rows if row.checked)
        if kinks:
            sentences.append(
                f"{kinks} place{'s lie' if kinks > 1 else ' lies'} at a kink, where differences do not settle, and did "
                "not count"
            )
        for sentence in sentences:
            sentence += "" if sentence.endswith(("?", ".")) else "."
            lines += textwrap.wrap(sentence, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
        return "\n".join(lines)

    def _summary(self):
        if self.faults:
            return "The gradients cannot be checked."
        count = len(self.rows)
        if self.ok:
            return {1: "The gradient is", 2: "Both gradients are"}.get(count, f"All {count} gradients are") + " right."
        sentences = []
        for verdict, word in (("WRONG", "wrong"), ("UNKNOWN", "unknown")):
            number = sum(row.verdict == verdict for row in self.rows)
            subject = "The gradient" if count == 1 else f"{number} of {count} gradients"
            sentences += [f"{subject} {'is' if number == 1 else 'are'} {word}."] if number else []
        return " ".join(sentences)


def _table(rows):
    """Lines no wider than WIDTH; long names lose their middle."""
    table = [("input", "checked", "at a kink", "error", "where", "")]
    for row in rows:
        checked = row.unit if row.checked == row.total and row.unit else f"{row.checked} of {row.total} {row.unit}"
        checked = f"{row.total} {row.unit}" if checked == row.unit else checked
        where = "" if row.index is None else str(row.index)
        error = f"{row.error:.1e}" if row.checked else "-"
        table.append((row.name, checked.strip(), str(row.kinks), error, where, row.verdict))
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    widths[0] = min(widths[0], WIDTH - sum(widths[1:]) - 2 * (len(widths) - 1))
    sides = "<<>><<"
    lines = []
    for name, *others in table:
        cells = [_shorten(name, widths[0]), *others]
        line = "  ".join(f"{c:{s}{w}}" for c, s, w in zip(cells, sides, widths, strict=True))
        lines.append(line.rstrip())
    return [lines[0], "-" * max(map(len, lines)), *lines[1:], ""]


def _shorten(name, width):
    if len(name) <= width:
        return name
    tail = (width - 3) * 2 // 3
    return f"{name[: width - 3 - tail]}...{name[-tail:]}"
