"""What is checked, an op on arrays or a function of tensors, seen the same way: values in, output and gradients out."""

import copy
import inspect

import numpy as np

from minidl import backend
from minidl.autograd import Op, Tensor, no_grad


class Fault(Exception):
    """The function cannot be checked; a sentence says why."""


def make_call(function, inputs, parameters):
    """The OpCall or FunctionCall for what a user passed to check_gradients."""
    if not callable(function):
        raise TypeError(
            f"check_gradients takes an op or a function first, got {type(function).__name__}: "
            "pass the function itself and its inputs, check_gradients(F.relu, [x])"
        )
    if parameters is None and hasattr(function, "named_parameters"):
        parameters = function
    if parameters is not None and not hasattr(parameters, "named_parameters"):
        raise TypeError(f"parameters must be a module (the network itself), got {type(parameters).__name__}")
    inputs = [x.data if isinstance(x, Tensor) else x for x in inputs]
    inputs = [x if x is None or hasattr(x, "shape") else np.asarray(x) for x in inputs]
    make = _op_maker(function, len(inputs))
    if make is None:
        return FunctionCall(function, inputs, parameters)
    if parameters is not None:
        raise TypeError("an op has no parameters: its weights are inputs, check_gradients(op, [x, w, b])")
    return OpCall(make, inputs)


def _op_maker(function, count):
    """What gives a new op each time, if `function` is an op, a class of ops or a function that makes one; else None."""
    if isinstance(function, Op):
        prototype = copy.copy(function)
        for left_from_a_call in ("saved", "parents", "shapes", "needs"):
            vars(prototype).pop(left_from_a_call, None)
        return lambda: copy.deepcopy(prototype)
    if inspect.isclass(function) and issubclass(function, Op):
        if not _takes(function, 0):
            name = function.__name__
            raise TypeError(f"{name} has settings that must be given: pass an object, {name}(...), not the class")
        return function
    if count and _takes(function, 0) and not _takes(function, count):
        if not isinstance(function(), Op):
            raise TypeError(f"the function takes no inputs, but {count} were given")
        return function
    return None


def _takes(function, count):
    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:  # written in C, without a signature
        return True
    return True


def _names(function, count):
    """The names of the first `count` arguments of a function; of *arrays, arrays[0] and so on."""
    names = []
    try:
        arguments = inspect.signature(function).parameters.values()
    except ValueError:
        arguments = ()
    for argument in arguments:
        if argument.kind is argument.VAR_POSITIONAL:
            names += [f"{argument.name}[{i}]" for i in range(count - len(names))]
        elif argument.kind is not argument.KEYWORD_ONLY:
            names.append(argument.name)
    names += [f"input {i}" for i in range(len(names), count)]
    return names[:count]


def _double(x):
    """A floating-point array on the CPU as float64, always a copy; None for anything else."""
    return np.array(_host(x), np.float64) if x is not None and x.dtype.kind == "f" else None


class _Call:
    """names, values: the arguments, and float64 copies of those that are checked (None for the others).

    A context: on leaving it, what belongs to the user is as it was.
    """

    remark = ""

    def __init__(self, function, inputs):
        self.inputs = inputs
        self.names = _names(function, len(inputs))
        self.values = [_double(x) for x in inputs]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def place(self, values):
        """Arguments for one run, which may do with them what it likes: copies, each where the user's array lies."""
        return [_place(x, value) for x, value in zip(self.inputs, values, strict=True)]

    def look_for_changes(self, placed, when):
        for name, expected, x in zip(self.names, self.place(self.values), placed, strict=True):
            if x is not None and not np.array_equal(_host(expected), _host(x), equal_nan=True):
                raise Fault(f"{when} changes {name} in place: write x = x + 1 for x += 1, or change a copy")


def _place(x, value):
    if value is not None:
        return backend.to_device(np.array(value), backend.device_of(x))  # np.array keeps the order in memory
    return x if x is None else x.copy()


def _host(x):
    """x on the CPU, an array even where NumPy has made a number of one without axes."""
    return np.asarray(x) if isinstance(x, np.generic) else backend.to_device(x, "cpu")


class OpCall(_Call):
    """An op on arrays: forward and backward are called by themselves, without an engine."""

    def __init__(self, make, inputs):
        self.make = make
        super().__init__(make().forward, inputs)

    def output(self, values):
        return _checked_output(self.make().forward(*self.place(values)), "forward", "an array", values)

    def gradients(self, gy):
        """The gradient (or None) that backward gives for each input."""
        op, placed = self.make(), self.place(self.values)
        y = op.forward(*placed)
        self.look_for_changes(placed, "forward")
        gy_placed, y_before = backend.to_device(gy.copy(), backend.device_of(y)), y.copy()
        gradients = op.backward(gy_placed)
        self.look_for_changes(placed, "backward")
        for name, before, after in (("gy", gy, gy_placed), ("the output of forward", y_before, y)):
            if not np.array_equal(_host(before), _host(after), equal_nan=True):
                raise Fault(f"backward changes {name} in place: others still need it, change a copy")
        given = isinstance(gradients, tuple) and len(gradients) >= len(placed)
        if not given or any(g is not None for g in gradients[len(placed) :]):  # inputs that were left out have None
            got = f"{len(gradients)} of them" if isinstance(gradients, tuple) else type(gradients).__name__
            raise Fault(f"backward must return a tuple with one gradient for each input, {len(placed)}; got {got}")
        for name, g in zip(self.names, gradients, strict=False):
            if g is None:
                continue
            if not hasattr(g, "dtype") or isinstance(g, Tensor):
                raise Fault(f"backward must return arrays, the gradient of {name} is a {type(g).__name__}")
            if any(g is x for x in (*placed, y)):
                raise Fault(f"the gradient of {name} is an array that forward took in or gave out: return a copy")
        return [None if g is None else _host(g) for g in gradients[: len(placed)]]


class FunctionCall(_Call):
    """A function of tensors, and the parameters of a module."""

    def __init__(self, function, inputs, module):
        super().__init__(getattr(function, "forward", function), inputs)
        self.function = function
        self.count = len(inputs)
        self.module = module
        named = [] if module is None else module.named_parameters()
        self.parameters = {name: p for name, p in named if p.requires_grad}
        self.names += self.parameters
        self.inputs = [*inputs, *(p.data for p in self.parameters.values())]
        self.values += [_double(p.data) for p in self.parameters.values()]

    def __enter__(self):
        modules = [] if self.module is None else list(self.module.modules())
        self.before = [(p, p.data, p.grad) for m in modules for p in m._parameters.values()]
        self.buffers = [(m, name, array) for m in modules for name, array in m._buffers.items()]
        for parameter, data, _ in self.before:
            parameter.data, parameter.grad = _place(data, _double(data)), None
        return self

    def __exit__(self, *error):
        for parameter, data, grad in self.before:
            parameter.data, parameter.grad = data, grad
        for module, name, array in self.buffers:
            module._buffers[name] = array

    def output(self, values):
        with no_grad():
            return _checked_output(self._run(self.place(values))[0], "the function", "a Tensor", values)

    def gradients(self, gy):
        placed = self.place(self.values)
        y, tensors = self._run(placed)
        self.look_for_changes(placed, "the function")
        if not y.requires_grad:
            raise Fault("no gradient leads back from the output: was it computed under no_grad(), or with .data?")
        others = [leaf for leaf in _leaves(y) if not any(leaf is t for t in tensors)]
        if others:
            self.remark = (
                f"{len(others)} more tensor{'s require' if len(others) > 1 else ' requires'} a gradient and did not "
                "count; for the weights of a network, pass it too: check_gradients(function, inputs, network)"
            )
        before = [leaf.grad for leaf in others]
        y.backward(backend.to_device(gy.copy(), y.device))
        for leaf, grad in zip(others, before, strict=True):
            leaf.grad = grad
        return [None if t is None or t.grad is None else _host(t.grad) for t in tensors]

    def _run(self, placed):
        """(output, [the tensor of each argument and parameter])"""
        tensors = [
            x if x is None else Tensor(x, requires_grad=value is not None)
            for x, value in zip(placed[: self.count], self.values, strict=False)
        ]
        for parameter, data in zip(self.parameters.values(), placed[self.count :], strict=True):
            parameter.data, parameter.grad = data, None
        for module, name, array in self.buffers:
            module._buffers[name] = _place(array, _double(array))
        return self.function(*tensors), [*tensors, *self.parameters.values()]


def _leaves(y):
    """The tensors at the ends of y's graph."""
    found, seen, stack = [], set(), [y.creator or y]
    while stack:
        node = stack.pop()
        if id(node) not in seen:
            seen.add(id(node))
            if isinstance(node, Tensor):
                found.append(node)
            else:
                stack.extend(parent for parent in node.parents if parent is not None)
    return found


def _checked_output(y, what, kind, values):
    """The output's array on the CPU; a Fault if it is none that could have a gradient."""
    tensor = isinstance(y, Tensor)
    if tensor != (kind == "a Tensor") or not hasattr(y, "dtype"):
        advice = ": did it call .numpy() or .item(), or take .data?" if kind == "a Tensor" else ""
        advice = ": check one output at a time, lambda x: f(x)[0]" if isinstance(y, tuple | list) else advice
        advice = ": is `return` missing?" if y is None else advice
        advice = ": apply the op to the inputs, or pass it instead of the function" if isinstance(y, Op) else advice
        raise Fault(f"{what} must return {kind}, but returned {type(y).__name__}{advice}")
    array = y.data if tensor else y
    if array.dtype.kind != "f":
        raise Fault(f"{what} returned {array.dtype}: integers, class numbers and comparisons have no gradient")
    if array.dtype != np.float64 and any(value is not None for value in values):
        raise Fault(
            f"{what} returned {array.dtype} for inputs of float64: something inside converts, and differences need "
            "all digits; keep the type of the input (x.dtype, zeros_like(x))"
        )
    return _host(array)
