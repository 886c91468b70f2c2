"""Module: a part of a network that knows its parameters, its buffers and its submodules."""

from contextlib import contextmanager

import numpy as np

from minidl import backend
from minidl.autograd import Tensor, no_grad


class Parameter(Tensor):
    """A tensor that is learned: assigned to a module, it is one of the module's parameters."""

    def __init__(self, data, requires_grad=True):
        super().__init__(data, requires_grad)

    def __repr__(self):
        return f"Parameter {super().__repr__()}"


class Module:
    """The base of all layers and networks. Assign parameters and modules as attributes, and define `forward`.

    >>> import minidl
    >>> from minidl import functional as F
    >>> from minidl import nn
    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.conv = nn.Conv2d(3, 8, 3)
    ...         self.head = nn.Linear(8, 10)
    ...     def forward(self, x):
    ...         return self.head(F.relu(self.conv(x)).mean((2, 3)))
    >>> Net()(minidl.zeros(5, 3, 8, 8)).shape
    (5, 10)
    >>> [name for name, _ in Net().named_parameters()]
    ['conv.weight', 'conv.bias', 'head.weight', 'head.bias']
    """

    def __init__(self):
        # Set past __setattr__, which needs these three. Dictionaries keep the order of assignment.
        self.__dict__.update(_parameters={}, _buffers={}, _modules={}, _hooks={}, training=True)

    def forward(self, *inputs):
        raise NotImplementedError(f"{type(self).__name__} must define forward(self, ...)")

    def __call__(self, *inputs):
        output = self.forward(*inputs)
        for hook in list(self._hooks.values()):
            hook(self, inputs, output)
        return output

    def register_forward_hook(self, hook):
        """Call hook(module, inputs, output) after every forward; returns a handle whose remove() ends that."""
        handle = HookHandle(self._hooks)
        self._hooks[handle] = hook
        return handle

    # ---- What belongs to a module: by assignment ----------------------------------------------------------------

    def __setattr__(self, name, value):
        if "_modules" not in self.__dict__:
            raise AttributeError(
                f"{type(self).__name__}.__init__ must call super().__init__() before it sets self.{name}"
            )
        if isinstance(value, (list, tuple)) and any(isinstance(v, Module) for v in value):
            raise TypeError(
                f"self.{name} is a plain {type(value).__name__} of modules, whose parameters would not be found: "
                "wrap it in nn.ModuleList or nn.Sequential"
            )
        if name in self._parameters and isinstance(value, (Tensor, np.ndarray)) and not isinstance(value, Parameter):
            raise TypeError(
                f"self.{name} is a Parameter, and {type(value).__name__} would take its place without being learned: "
                f"write {name}.data[...] = array, or assign nn.Parameter(array)"
            )
        if name in self._buffers and not isinstance(value, (Tensor, Module)):
            self._buffers[name] = value  # a new array for a buffer, as in self.steps += 1
            return
        home = self._parameters if isinstance(value, Parameter) else self.__dict__
        home = self._modules if isinstance(value, Module) else home
        for kind in (self._parameters, self._buffers, self._modules, self.__dict__):
            if kind is not home:
                kind.pop(name, None)
        home[name] = value  # in its old place in the order, if it had one

    def __getattr__(self, name):  # called only for what is not in __dict__
        for kind in ("_parameters", "_buffers", "_modules"):
            if name in self.__dict__.get(kind, ()):
                return self.__dict__[kind][name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __delattr__(self, name):
        for kind in (self._parameters, self._buffers, self._modules, self.__dict__):
            if name in kind:
                del kind[name]
                return
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def register_buffer(self, name, array):
        """Keep an array that is saved with the weights but not learned, such as a running mean."""
        self._buffers[name] = array

    # ---- Walking the tree -----------------------------------------------------------------------------------------

    def named_modules(self, prefix=""):
        """(name, module) for this module (named "") and all inside it, parents first; each module once."""
        seen, stack = set(), [(prefix, self)]
        while stack:
            name, module = stack.pop()
            if module in seen:
                continue
            seen.add(module)
            yield name, module
            children = [(f"{name}.{key}" if name else key, child) for key, child in module._modules.items()]
            stack.extend(reversed(children))

    def modules(self):
        """This module and all inside it."""
        return (module for _, module in self.named_modules())

    def named_children(self):
        """(name, module) for the modules directly inside this one."""
        return iter(self._modules.items())

    def children(self):
        """The modules directly inside this one."""
        return iter(self._modules.values())

    def named_parameters(self):
        """(name, parameter) for every parameter, in order of assignment; one that is shared comes once."""
        seen = set()
        for prefix, module in self.named_modules():
            for name, parameter in module._parameters.items():
                if parameter not in seen:
                    seen.add(parameter)
                    yield (f"{prefix}.{name}" if prefix else name), parameter

    def parameters(self):
        """Every parameter, for an optimizer."""
        return (parameter for _, parameter in self.named_parameters())

    def apply(self, function):
        """Call function(module) for every module inside, then for this one; returns the module."""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    # ---- State ----------------------------------------------------------------------------------------------------

    def train(self, mode=True):
        """Training mode for this module and all inside: dropout drops, batch norm uses the batch's statistics."""
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self):
        """Evaluation mode: the opposite of train()."""
        return self.train(False)

    def zero_grad(self):
        """Forget all gradients."""
        for parameter in self.parameters():
            parameter.grad = None

    def requires_grad_(self, requires_grad=True):
        """Learn all parameters, or freeze them; returns the module.

        What is frozen gets no gradient, and the backward pass ends where nothing further back is learned. The
        statistics of batch norm are no parameters: in training mode they go on following the batches.
        """
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def to(self, device):
        """Move all parameters and buffers to a device, in place; returns the module."""
        for module in self.modules():
            for parameter in module._parameters.values():
                parameter.data = backend.to_device(parameter.data, device)
                if parameter.grad is not None:
                    parameter.grad = backend.to_device(parameter.grad, device)
            for name, array in module._buffers.items():
                module._buffers[name] = backend.to_device(array, device)
        return self

    def state_dict(self, prefix=""):
        """Every parameter and buffer as name -> array: the arrays themselves, not copies. Names are PyTorch's."""
        state = {prefix + name: parameter.data for name, parameter in self._parameters.items()}
        state.update((prefix + name, array) for name, array in self._buffers.items())
        for name, module in self._modules.items():
            state.update(module.state_dict(f"{prefix}{name}."))
        return state

    @no_grad()
    def load_state_dict(self, state):
        """Copy arrays into the parameters and buffers of the same names.

        Raises a ValueError that lists every missing, unexpected and mis-shaped name; then nothing has been changed.
        """
        if not hasattr(state, "items"):
            raise TypeError(f"load_state_dict takes a dict of arrays, got {type(state).__name__}")
        state = {name: value.data if isinstance(value, Tensor) else value for name, value in state.items()}
        state = {name: value if hasattr(value, "dtype") else np.asarray(value) for name, value in state.items()}
        own = self.state_dict()
        problems = [f"missing: {name} {own[name].shape}" for name in own if name not in state]
        problems += [f"unexpected: {name}" for name in state if name not in own]
        problems += [
            f"shape of {name}: {tuple(state[name].shape)}, but the model has {own[name].shape}"
            for name in own
            if name in state and tuple(state[name].shape) != own[name].shape
        ]
        problems += [
            f"type of {name}: {a.dtype}, not numbers" for name, a in state.items() if a.dtype.kind not in "fiub"
        ]
        if problems:
            raise ValueError(f"the weights do not fit {type(self).__name__}:\n  " + "\n  ".join(problems))
        for name, array in own.items():
            array[...] = backend.to_device(state[name], backend.device_of(array))

    # ---- Printing -------------------------------------------------------------------------------------------------

    def extra_repr(self):
        """What stands between the parentheses when a layer is printed."""
        return ""

    def __repr__(self):
        head = type(self).__name__
        if not self._modules:
            return f"{head}({self.extra_repr()})"
        body = "".join(f"\n({name}): {module!r}" for name, module in self._modules.items())
        return f"{head}({self.extra_repr()}" + body.replace("\n", "\n  ") + "\n)"


class HookHandle:
    """What register_forward_hook returns."""

    def __init__(self, hooks):
        self._hooks = hooks

    def remove(self):
        """Do not call the hook any more."""
        self._hooks.pop(self, None)


def device_of(model):
    """The device that the weights of a model are on."""
    return next((parameter.device for parameter in model.parameters()), "cpu")


@contextmanager
def evaluation_mode(model):
    """Inside, the model is in evaluation mode; afterwards each module is in the mode it was in before."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
