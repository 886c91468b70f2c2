"""A classifier slid over a larger image: its linear layers become convolutions (Sermanet et al., OverFeat, 2014).

A linear layer behind a map of C x h x w is a convolution whose kernel covers all of the map; those that follow are 1x1.
"""

from collections import OrderedDict
from contextvars import Context
from itertools import chain, count
from math import prod

import numpy as np

from minidl import backend, nn, ops, random
from minidl.autograd import Op, Tensor
from minidl.autograd.reduction import Mean
from minidl.autograd.shape import Reshape
from minidl.kernels.layout import pair
from minidl.nn.module import device_of, evaluation_mode

# What works on each value by itself, and so may stand among linear layers.
POINTWISE = (
    nn.Dropout, nn.ELU, nn.GELU, nn.Identity, nn.LeakyReLU, nn.ReLU, nn.ReLU6, nn.SELU, nn.SiLU, nn.Sigmoid,
    nn.Softplus, nn.Tanh,
)  # fmt: skip


def convolutionize(model, input_size):
    """A classifier as a network of convolutions: a map of scores (N, K, rows, columns), one for each window.

    On images of input_size, which the model is made for (a number, or height and width), the map is 1x1 and holds
    the model's logits. On larger ones each position holds those of a window of that size; where layers pad, a window
    sees its surroundings in the place of zeros. Linear layers become convolutions, flattening goes, nn.Dropout stays
    (F.dropout in a forward pass goes: in evaluation mode, in which the model is read, it does nothing).
    Adaptive pooling gets the fixed window that it has at input_size: a global one slides by steps of 1, others by
    their size, and one that changes nothing goes.

    It is the same network written otherwise: its layers, weights and modes, train() or eval(), are the model's own,
    not copies. A forward pass has to be a chain: modules, and between them relu, pooling, flattening, averages over the
    image. What cannot be converted is named in a ValueError.

    >>> from minidl import models
    >>> convolutionize(models.create("alexnet", width=1 / 64), 224).classifier[1]
    Conv2d(4, 64, kernel_size=(6, 6))
    """
    forward = _Chain(model, pair(input_size))
    return _Conversion(forward).sequential(forward.steps)


class _Chain:
    """What a forward pass goes through, in order: `steps`, name -> module, with modules for functions among them.

    shapes[module] is the shape of its input, ops[module] what it did to it. A Sequential is one step, whose modules
    have both too.
    """

    def __init__(self, model, input_size):
        self.model, self.steps, self.calls = model, OrderedDict(), []
        self.shapes, self.ops = {}, {}
        self.names = {module: name for name, module in model.named_modules()}
        image = np.zeros((1, _channels(model, input_size), *input_size), np.float32)
        image = Tensor(backend.to_device(image, device_of(model)), requires_grad=True)
        handles = [module.register_forward_hook(self._note) for module in self.names if module is not model]
        try:
            with evaluation_mode(model):
                output = Context().run(model, image)  # recorded, though there be a no_grad around
        finally:
            for handle in handles:
                handle.remove()
        for module, x, y in self.calls:
            self._add_functions(image, x, f"before {self.names[module]}")
            self._add(self.names[module].replace(".", "_"), module)
            image = y
        self._add_functions(image, output, "at its end")

    def _note(self, module, inputs, output):
        """Note a call in the place of those that it made, which are known before it."""
        x = inputs[0] if inputs else None
        if isinstance(x, Tensor) and isinstance(output, Tensor):
            self.shapes.setdefault(module, x.shape)
            self.ops.setdefault(module, _ops_between(x, output))
        inside = set(module.modules())
        while self.calls and self.calls[-1][0] in inside:
            self.calls.pop()
        self.calls.append((module, x, output))

    def _add_functions(self, x, y, where):
        """Add modules for what leads from the tensor x to the tensor y."""
        model = type(self.model).__name__
        no_chain = f"convolutionize: {model} is no chain of modules, relu, pooling and flattening: {where}, "
        for value in (x, y):
            if not isinstance(value, Tensor):
                raise ValueError(f"{no_chain}there is a {type(value).__name__}, expected one tensor")
        found, here, goal = [], y.creator or y, x.creator or x
        while here is not goal:
            module = None if isinstance(here, Tensor) else _as_module(here)
            if module is None:
                does = f"it does {type(here).__name__}"
                does = "it takes what the module before did not give" if isinstance(here, Tensor) else does
                raise ValueError(no_chain + does)
            self.shapes[module] = here.shapes[0]
            found.append(module)
            here = here.parents[0]
        for module in reversed(found):
            name = type(module).__name__.lower()
            self._add("pool" if "pool" in name else name, module)

    def _add(self, name, module):
        """Add a step under the first name of relu, relu_2, relu_3 ... that is free."""
        keys = chain([name], (f"{name}_{number}" for number in count(2)))
        self.steps[next(key for key in keys if key not in self.steps)] = module


def _channels(model, input_size):
    """The channels of the images that a model takes, from its first layer."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            return module.in_channels
        if isinstance(module, nn.Linear):
            return module.in_features // prod(input_size)
    raise ValueError(f"convolutionize: {type(model).__name__} has no convolution and no linear layer")


def _ops_between(x, y):
    """All ops that lead from the tensor x to the tensor y, or to it from elsewhere."""
    found, ahead = {x.creator: None}, [y.creator]
    while ahead:
        op = ahead.pop()
        if isinstance(op, Op) and op not in found:
            found[op] = None
            ahead += op.parents
    return list(found)[1:]


def _as_module(op):
    """The module that does what an op does, or None."""
    if isinstance(op, ops.ReLU | ops.ReLU6 | ops.Sigmoid | ops.Tanh):
        return getattr(nn, type(op).__name__)()
    if isinstance(op, ops.MaxPool2d | ops.AvgPool2d):
        kernel, stride, padding, ceil_mode = op.window
        return getattr(nn, type(op).__name__)(kernel, stride, padding, ceil_mode=ceil_mode)
    if isinstance(op, ops.AdaptiveAvgPool2d | ops.AdaptiveMaxPool2d):
        return getattr(nn, type(op).__name__)(op.output_size)
    over_image = isinstance(op, Mean) and isinstance(op.dim, tuple) and len(op.shapes[0]) == 4
    if over_image and sorted(dim % 4 for dim in op.dim) == [2, 3]:
        return nn.AdaptiveAvgPool2d(1)
    values = prod(op.shapes[0])
    if isinstance(op, Reshape) and tuple(op.shape) in ((1, values), (1, -1), (-1, values)):
        return nn.Flatten()
    return None


class _Conversion:
    """Modules as convolutions, in order. flattened: the size (h, w) of the map that last became a row."""

    def __init__(self, chain):
        self.chain, self.flattened = chain, (1, 1)

    def sequential(self, modules):
        """What these modules, name -> module, become, without those that go."""
        converted = [(name, self.convert(module)) for name, module in modules.items()]
        return nn.Sequential(OrderedDict((name, module) for name, module in converted if module is not None))

    def convert(self, module):
        shape = self.chain.shapes[module]
        if type(module) is nn.Sequential:
            converted = self.sequential(dict(module.named_children()))
            return module if list(converted) == list(module) else converted
        if isinstance(module, nn.Flatten):
            self.flattened = shape[2:] or self.flattened
            return None
        if isinstance(module, nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d):
            return _fixed_window(module, shape[2:])
        if type(module) is nn.Linear and len(shape) == 2:
            convolution, self.flattened = _as_convolution(module, self.flattened), (1, 1)
            return convolution
        if any(isinstance(inner, nn.Linear) for inner in module.modules()):
            raise ValueError(f"convolutionize: {self.name(module)} holds linear layers and is no nn.Sequential")
        inside = (_as_module(op) for op in self.chain.ops.get(module, ()))
        if any(isinstance(step, nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d) for step in inside):
            raise ValueError(
                f"convolutionize: {self.name(module)} pools over the image inside, where it gets no fixed window, and "
                "is no nn.Sequential"
            )
        if len(shape) == 2 and not isinstance(module, POINTWISE):
            raise ValueError(f"convolutionize: {self.name(module)} works on rows of features, and none are left")
        return module

    def name(self, module):
        return f"{self.chain.names[module]} ({type(module).__name__})"


def _as_convolution(linear, size):
    """A linear layer behind a map (h, w), of which it sees all values, as a convolution with the same weights."""
    channels = linear.in_features // prod(size)
    with random.undrawn():
        convolution = nn.Conv2d(channels, linear.out_features, size, bias=linear.bias is not None)
    weight = linear.weight.data.reshape(convolution.weight.shape)
    convolution.weight = nn.Parameter(weight, linear.weight.requires_grad)
    convolution.bias = linear.bias
    return convolution


def _fixed_window(module, size):
    """Adaptive pooling of a map (h, w) as pooling with the window that it has there; None if that is one value."""
    bins = pair(module.output_size)
    if any(n % b for n, b in zip(size, bins, strict=True)):
        raise ValueError(
            f"convolutionize: {type(module).__name__} cuts a map of {size[0]}x{size[1]} into {bins[0]}x{bins[1]} bins "
            "of different sizes, which no fixed window does: choose an input_size whose map these divide"
        )
    window = tuple(n // b for n, b in zip(size, bins, strict=True))
    stride = tuple(1 if b == 1 else k for b, k in zip(bins, window, strict=True))
    pool = nn.AvgPool2d if isinstance(module, nn.AdaptiveAvgPool2d) else nn.MaxPool2d
    return None if window == (1, 1) else pool(window, stride)
