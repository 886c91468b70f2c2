"""One image runs through a network, and each layer is counted as it is called."""

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from minidl import nn
from minidl.autograd import Tensor
from minidl.nn.module import device_of, evaluation_mode

from .graph import Graph

# Their output can take the place of their input: a convolution and its relu count as one output, not two.
IN_PLACE = (
    nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.ReLU6, nn.ELU, nn.SELU, nn.GELU, nn.SiLU, nn.Softplus, nn.Sigmoid, nn.Tanh,
    nn.Dropout, nn.StochasticDepth,
)  # fmt: skip
PAGE = 60  # lines


@dataclass
class Row:
    """One call of a layer, or of a block of layers.

    output: its shape without N. memory: bytes of the output for one image, float32.
    training: bytes that forward keeps for backward, each array with the layer that made it, and the weights' gradient.
    field: the receptive field (height, width) in pixels of the input; infinite where all of it is seen.
    """

    name: str
    layer: str
    output: tuple
    parameters: int
    multiply_adds: int
    memory: int
    training: int
    field: tuple = (inf, inf)
    block: bool = False

    @property
    def values(self):
        """How many numbers the output has, or those of all layers of a block together."""
        return self.memory // 4

    @property
    def level(self):
        """How many names lead to it: 2 to layer1.conv1, none to the model itself."""
        return 0 if self.name == "model" else 1 + self.name.count(".")

    @property
    def costs_something(self):
        """False for activations and the like, which a table can do without."""
        return bool(self.parameters or self.multiply_adds or self.memory)


def summarize(model, input_shape, depth=None):
    """Run one image of shape `input_shape` (C, H, W) through a model; one Row for each layer, in the order they run.

    Multiply-adds are counted for convolutions and linear layers, as is usual: all else is small beside them. A layer
    that is used twice gives two rows, and its parameters are counted in the first.

    depth: to what level of names layers are told apart; a block of that level is one row, the sum of its layers. With
    "page" it is the deepest level that fits a page.

    >>> for row in summarize(nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU()), (1, 28, 28)):
    ...     print(row.layer, row.output, row.parameters, row.multiply_adds)
    Conv2d (6, 24, 24) 156 86400
    ReLU (6, 24, 24) 0 0
    """
    calls = _calls(model, input_shape)
    if depth != "page":
        return _fold(calls, depth or inf)
    deepest = max(call.level for call in calls)
    tables = [_fold(calls, depth) for depth in range(1, deepest + 1)]
    return next((rows for rows in reversed(tables) if sum(row.costs_something for row in rows) <= PAGE), tables[0])


def _calls(model, input_shape):
    """A row for each call of each module, layers and blocks, in the order they end."""
    image = Tensor(np.zeros((1, *input_shape), np.float32)).to(device_of(model))
    image.requires_grad = True  # so that the graph of all that follows leads back to it
    calls, counted, last, graph = [], set(), [], Graph(model, image)

    def watch(name):
        def hook(module, inputs, output):
            x, y = _first_tensor(inputs), _first_tensor(output)
            graph.follow(x, last)  # what functions between the layers keep counts with the layer before
            own = _own_parameters(module)
            size = sum(p.size for p in own if id(p) not in counted)
            counted.update(map(id, own))
            block = not own and any(True for _ in module.children())
            memory = 0 if block or y is x or isinstance(module, IN_PLACE) else y.data.nbytes
            row = Row(name, type(module).__name__, y.shape[1:], size, _multiply_adds(module, x, y), memory, 4 * size)
            last[:] = [row] if memory else last
            row.block, row.field = block, graph.follow(y, last)
            calls.append(row)

        return hook

    handles = [module.register_forward_hook(watch(name or "model")) for name, module in model.named_modules()]
    try:
        with evaluation_mode(model):
            model(image)
    finally:
        for handle in handles:
            handle.remove()
    return calls


def _fold(calls, depth):
    """The layers, with each block of level `depth` in the place of what is in it."""
    rows = []
    for call in calls:
        if call.block and call.level == depth:
            inside = []
            while rows and rows[-1].name.startswith(f"{call.name}."):
                inside.append(rows.pop())
            rows.append(replace(call, **sums(inside)))
        elif not call.block:
            rows.append(call)
    return rows


def sums(rows):
    """What rows add up to, by name of the field."""
    names = "parameters", "multiply_adds", "memory", "training"
    return {name: sum(getattr(row, name) for row in rows) for name in names}


def _first_tensor(values):
    """A layer's input or output; the first, where it takes or gives several."""
    while not isinstance(values, Tensor):
        values = next(iter(values.values() if isinstance(values, dict) else values))
    return values


def _own_parameters(module):
    return [parameter for name, parameter in module.named_parameters() if "." not in name]


def _multiply_adds(module, x, output):
    """Each number of the output is a dot product with one filter; transposed, each of the input lays one into y."""
    if isinstance(module, nn.ConvTranspose1d | nn.ConvTranspose2d):
        output = x
    elif not isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear):
        return 0
    return output.size * (module.weight.size // module.weight.shape[0])
