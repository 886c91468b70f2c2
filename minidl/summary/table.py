"""The table that `minidl summary` prints."""

import re
from math import inf

from .rows import Row, sums


def format_summary(rows, input_shape, width=80):
    """The rows as a table, at most `width` columns wide if that is 60 or more.

    Layers that cost nothing, such as activations, are left out; so are, where there is no room, the columns that come
    last in the list of the most important. The first four of them stay: rather, long names of layers lose letters.
    """
    total = Row("total", "", (), **sums(rows))
    lines = [_cells(row) for row in rows if row.costs_something] + [_cells(total) | {"field": ""}]
    wide = {title: max(len(title), *(len(line[title]) for line in lines)) for title in lines[0]}
    room = max(16, width - sum(2 + wide[title] for title in ("output", "parameters", "mult-adds")))
    for line, name in zip(lines, _fit([line["layer"] for line in lines], room), strict=True):
        line["layer"] = name
    wide["layer"] = max(len(line["layer"]) for line in lines)
    kept = set()
    for title in ("layer", "output", "parameters", "mult-adds", "memory", "values", "field", "training", "type"):
        if sum(wide[other] + 2 for other in kept) + wide[title] <= width:
            kept.add(title)
    lines = [
        "  ".join(f"{text:{'<' if title in ('layer', 'type') else '>'}{wide[title]}}" for title, text in line.items()
                  if title in kept)
        for line in [{title: title for title in wide}, *lines]
    ]  # fmt: skip
    rule, parameters = "-" * len(lines[0]), _short(4 * total.parameters, "B")
    return "\n".join(
        [
            lines[0], rule, *lines[1:-1], rule, lines[-1],
            "",
            f"one image of {_shape(input_shape)}, float32:",
            f"  forward   {_short(total.memory, 'B')} of outputs, {parameters} of parameters",
            f"  training  {_short(total.training, 'B')} more: gradients of the parameters,",
            "            and what the backward pass needs of the outputs",
        ]
    )  # fmt: skip


def _fit(names, room):
    """The names with their words cut to as many letters as leave none longer than `room`; numbers stay.

    >>> _fit(["features.denseblock2.denselayer10.norm1", "classifier"], 26)
    ['featu.dense2.dense10.norm1', 'class']
    """
    longest = max(map(len, names))
    for letters in range(longest, 0, -1):
        short = [re.sub(f"([a-zA-Z]{{{letters}}})[a-zA-Z]+", r"\1", name) for name in names]
        if max(map(len, short)) <= room:
            break
    return short


def _cells(row):
    """The text of each column, in the order of the table."""
    return {
        "layer": row.name,
        "type": row.layer,
        "output": _shape(row.output),
        "values": _short(row.values),
        "field": "all" if inf in row.field else _shape(row.field[: 1 + (row.field[0] != row.field[1])]),
        "parameters": f"{row.parameters:,}",
        "mult-adds": _short(row.multiply_adds),
        "memory": _short(row.memory, "B"),
        "training": _short(row.training, "B"),
    }


def _shape(shape):
    return "x".join(map(str, shape))


def _short(number, unit=""):
    """A number in three or four digits: 61706 is 61.7 k, in bytes 61.7 kB."""
    if not number:
        return "-"
    for prefix in ("", "k", "M", "G"):
        if number < 1000 or prefix == "G":
            break
        number /= 1000
    return f"{number:.4g} {prefix}{unit}" if prefix == "" else f"{number:.1f} {prefix}{unit}"
