"""What a network is made of: its layers with output sizes, parameters, multiply-adds and memory."""

from dataclasses import dataclass

import numpy as np

from minidl import nn
from minidl.autograd import Tensor, no_grad
from minidl.training import device_of, evaluation_mode


@dataclass
class Row:
    """One call of a layer. output: its shape without N; memory: bytes of the output for one image, float32."""

    name: str
    layer: str
    output: tuple
    parameters: int
    multiply_adds: int
    memory: int


@no_grad()
def summarize(model, input_shape):
    """Run one image of shape `input_shape` (C, H, W) through a model; one Row for each layer, in the order they run.

    Multiply-adds are counted for convolutions and linear layers, as is usual: all else is small beside them. A layer
    that is used twice gives two rows, and its parameters are counted in the first.

    >>> for row in summarize(nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU()), (1, 28, 28)):
    ...     print(row.layer, row.output, row.parameters, row.multiply_adds)
    Conv2d (6, 24, 24) 156 86400
    ReLU (6, 24, 24) 0 0
    """
    rows, counted = [], set()

    def watch(name):
        def hook(module, inputs, output):
            new = [p for p in _own_parameters(module) if id(p) not in counted]
            counted.update(map(id, new))
            size = sum(p.size for p in new)
            memory = 0 if any(output is x for x in inputs) else output.data.nbytes
            costs = size, _multiply_adds(module, inputs[0], output), memory
            rows.append(Row(name, type(module).__name__, output.shape[1:], *costs))

        return hook

    layers = [(name or "model", module) for name, module in model.named_modules() if _is_layer(module)]
    handles = [module.register_forward_hook(watch(name)) for name, module in layers]
    image = Tensor(np.zeros((1, *input_shape), np.float32)).to(device_of(model))
    try:
        with evaluation_mode(model):
            model(image)
    finally:
        for handle in handles:
            handle.remove()
    return rows


def format_summary(rows, input_shape, width=80):
    """The table that `minidl summary` prints, at most `width` columns wide if that is 60 or more."""
    columns = [("layer", "<"), ("type", "<"), ("output", ">"), ("parameters", ">"), ("mult-adds", ">"), ("memory", ">")]
    table = [
        [r.name, r.layer, _shape(r.output), f"{r.parameters:,}", _short(r.multiply_adds), _short(r.memory, "B")]
        for r in rows
    ]
    totals = [sum(getattr(row, name) for row in rows) for name in ("parameters", "multiply_adds", "memory")]
    last = ["total", "", "", f"{totals[0]:,}", _short(totals[1]), _short(totals[2], "B")]
    lines = _align([[title for title, _ in columns], *table, last], [side for _, side in columns])
    if len(lines[0]) > width:  # the layer's name tells most of its type
        kept = [i for i in range(len(columns)) if i != 1]
        narrow = [[row[i] for i in kept] for row in [[title for title, _ in columns], *table, last]]
        lines = _align(narrow, [columns[i][1] for i in kept])
    rule = "-" * len(lines[0])
    return "\n".join(
        [
            lines[0], rule, *lines[1:-1], rule, lines[-1],
            "",
            f"one image of {_shape(input_shape)}; forward only:",
            f"  {_short(totals[2], 'B')} of layer outputs, {_short(4 * totals[0], 'B')} of parameters (float32)",
        ]
    )  # fmt: skip


def _own_parameters(module):
    return [parameter for name, parameter in module.named_parameters() if "." not in name]


def _is_layer(module):
    return not list(module.children()) or bool(_own_parameters(module))


def _multiply_adds(module, x, output):
    """Each number of the output is a dot product with one filter; transposed, each of the input lays one into y."""
    if isinstance(module, nn.ConvTranspose1d | nn.ConvTranspose2d):
        output = x
    elif not isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear):
        return 0
    return output.size * (module.weight.size // module.weight.shape[0])


def _align(table, sides):
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(f"{c:{s}{w}}" for c, s, w in zip(row, sides, widths, strict=True)) for row in table]


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
