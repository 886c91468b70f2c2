"""Optimizers: how a gradient changes a weight."""

from math import sqrt

import numpy as np

from minidl import backend
from minidl.kernels.cuda import optimizer as cuda


class Optimizer:
    """The base: holds the parameters, the learning rate, and a state of arrays a parameter.

    A subclass names its state arrays in `slots` and defines `update(p, g, state)`, which changes the array p in place.
    It may also define `fused(p, g, state)`, which does the same on a GPU, weight decay included, in one kernel.
    """

    slots, fused = (), None

    def __init__(self, parameters, lr, weight_decay=0.0):
        if hasattr(parameters, "grad"):
            raise TypeError("an optimizer takes a list of parameters, got a single tensor: write [tensor]")
        self.parameters = list(parameters)
        if not self.parameters or not all(hasattr(p, "grad") for p in self.parameters):
            raise ValueError("an optimizer needs at least one parameter: pass model.parameters()")
        for name, value in (("lr", lr), ("weight_decay", weight_decay)):
            if not value >= 0:
                raise ValueError(f"{name} must not be negative, got {value}")
        self.lr, self.weight_decay = lr, weight_decay
        self.state = [{} for _ in self.parameters]

    def step(self):
        """Change every parameter that has a gradient."""
        for parameter, state in zip(self.parameters, self.state, strict=True):
            if parameter.grad is None or not parameter.requires_grad:
                continue
            p, g, xp = parameter.data, parameter.grad, backend.get_array_module(parameter.data)
            if not state:
                state["step"] = 0
                state.update((slot, xp.zeros_like(p)) for slot in self.slots)
            state["step"] += 1
            if self.fused and xp is not np:
                self.fused(p, g, state)
            else:
                self.update(p, g + self.weight_decay * p if self.weight_decay else g, state)

    def update(self, p, g, state):
        raise NotImplementedError(f"{type(self).__name__} must define update(self, p, g, state)")

    def zero_grad(self):
        """Forget all gradients: call it before each backward pass."""
        for parameter in self.parameters:
            parameter.grad = None

    def __repr__(self):
        own = ("parameters", "state", "slots")
        settings = ", ".join(f"{name}={value}" for name, value in vars(self).items() if name not in own)
        return f"{type(self).__name__}({len(self.parameters)} parameters, {settings})"

    def state_dict(self):
        """All that a later run needs to go on, flat: name -> number or array ("momentum_buffer.3": of parameter 3)."""
        state = {"lr": self.lr}
        for i, arrays in enumerate(self.state):
            state.update((f"{slot}.{i}", array) for slot, array in arrays.items())
        return state

    def load_state_dict(self, state):
        """Take up a state that state_dict gave, of an optimizer of the same kind over the same parameters."""
        arrays = [{} for _ in self.parameters]
        for key, value in state.items():
            slot, _, i = key.rpartition(".")
            if not slot:
                continue
            known = slot in (*self.slots, "step") and i.isdigit() and int(i) < len(arrays)
            p = self.parameters[int(i)].data if known else None
            if not known or np.shape(value) != (() if slot == "step" else p.shape):
                raise ValueError(f"a saved state of another optimizer or model: {key} {np.shape(value)} does not fit")
            if slot == "step":
                arrays[int(i)][slot] = int(value)
            else:
                arrays[int(i)][slot] = backend.to_device(value.astype(p.dtype), backend.device_of(p))
        self.lr, self.state = float(state["lr"]), arrays


class SGD(Optimizer):
    """Stochastic gradient descent with momentum: v = momentum v + g, p = p - lr v.

    With nesterov=True the step looks ahead, p = p - lr (g + momentum v) (Sutskever et al. 2013, in PyTorch's form).
    weight_decay adds weight_decay p to the gradient.

    >>> import numpy as np
    >>> from minidl import Tensor
    >>> p = Tensor([1.0], requires_grad=True)
    >>> p.grad = np.array([2.0], np.float32)
    >>> SGD([p], lr=0.1).step()
    >>> p.data
    array([0.8], dtype=float32)
    """

    def __init__(self, parameters, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
        super().__init__(parameters, lr, weight_decay)
        if not momentum >= 0:
            raise ValueError(f"momentum must not be negative, got {momentum}")
        if nesterov and not momentum:
            raise ValueError("nesterov=True needs a momentum above 0")
        self.momentum, self.nesterov = momentum, nesterov
        self.slots = ("momentum_buffer",) if momentum else ()

    def update(self, p, g, state):
        if self.momentum:
            v = state["momentum_buffer"]
            v *= self.momentum
            v += g
            g = g + self.momentum * v if self.nesterov else v
        p -= self.lr * g

    def fused(self, p, g, state):
        cuda.sgd(p, g, state.get("momentum_buffer"), self.lr, self.momentum, self.weight_decay, self.nesterov)


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015): steps scaled by running means of the gradient and of its square.

    m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, p = p - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps); the
    divisors undo the start at zero. weight_decay adds weight_decay p to the gradient.
    """

    slots = ("exp_avg", "exp_avg_sq")

    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(parameters, lr, weight_decay)
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"betas must lie between 0 and 1, 1 excluded, got {betas}")
        self.betas, self.eps = betas, eps

    def update(self, p, g, state):
        (b1, b2), m, v = self.betas, state["exp_avg"], state["exp_avg_sq"]
        m *= b1
        m += (1 - b1) * g
        v *= b2
        v += (1 - b2) * (g * g)
        scale = backend.get_array_module(v).sqrt(v)
        scale /= sqrt(1 - b2 ** state["step"])
        scale += self.eps
        p -= (self.lr / (1 - b1 ** state["step"])) * m / scale

    def fused(self, p, g, state):
        settings = self.lr, self.betas, self.eps, self.weight_decay, state["step"]
        cuda.adam(p, g, state["exp_avg"], state["exp_avg_sq"], *settings)
