"""Optimizers: how a gradient changes a weight."""

from math import sqrt

import numpy as np

from minidl import backend
from minidl.kernels.cuda import optimizer as cuda


class Optimizer:
    """The base: holds the parameters in groups, and a state of arrays a parameter.

    parameters: a list of them, or of groups, dicts with "params" (a list) and, where a group wants its own, "lr" and
    "weight_decay". All other settings hold for every group. `param_groups` has them all with what holds for each.

    A subclass names its state arrays in `slots` and defines `update(p, g, state, lr)`, which changes the array p in
    place. It may also define `fused(p, g, state, lr, weight_decay)`, which does the same on a GPU in one kernel.
    """

    slots, fused = (), None

    def __init__(self, parameters, lr, weight_decay=0.0):
        self.param_groups = _groups(parameters, {"lr": lr, "weight_decay": weight_decay})
        self.parameters = [p for group in self.param_groups for p in group["params"]]
        if not self.parameters or not all(hasattr(p, "grad") for p in self.parameters):
            raise ValueError("an optimizer needs at least one parameter: pass model.parameters()")
        if len(set(self.parameters)) < len(self.parameters):
            raise ValueError("a parameter is there twice, and would take two steps at once: list it in one group")
        self.state = [{} for _ in self.parameters]

    @property
    def lr(self):
        """The learning rate, of several groups that of the first."""
        return self.param_groups[0]["lr"]

    @lr.setter
    def lr(self, lr):
        if len(self.param_groups) > 1:
            raise ValueError("each group has a learning rate: set optimizer.param_groups[i]['lr']")
        self.param_groups[0]["lr"] = lr

    def step(self):
        """Change every parameter that has a gradient."""
        settings = [group for group in self.param_groups for _ in group["params"]]
        for parameter, group, state in zip(self.parameters, settings, self.state, strict=True):
            if parameter.grad is None or not parameter.requires_grad:
                continue
            p, g, xp = parameter.data, parameter.grad, backend.get_array_module(parameter.data)
            if not state:
                state["step"] = 0
                state.update((slot, xp.zeros_like(p)) for slot in self.slots)
            state["step"] += 1
            lr, weight_decay = group["lr"], group["weight_decay"]
            if self.fused and xp is not np:
                self.fused(p, g, state, lr, weight_decay)
            else:
                self.update(p, g + weight_decay * p if weight_decay else g, state, lr)

    def update(self, p, g, state, lr):
        raise NotImplementedError(f"{type(self).__name__} must define update(self, p, g, state, lr)")

    def zero_grad(self):
        """Forget all gradients: call it before each backward pass."""
        for parameter in self.parameters:
            parameter.grad = None

    def __repr__(self):
        own = ("param_groups", "parameters", "state", "slots")
        others = {name: value for name, value in vars(self).items() if name not in own}
        groups = []
        for group in self.param_groups:
            settings = {**group, **others}
            count = len(settings.pop("params"))
            groups.append(f"{count} parameters, " + ", ".join(f"{name}={value}" for name, value in settings.items()))
        return f"{type(self).__name__}({'; '.join(groups)})"

    def state_dict(self):
        """All that a later run needs to go on, flat: name -> number or array ("momentum_buffer.3": of parameter 3)."""
        state = {"lr": np.array([group["lr"] for group in self.param_groups])}
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
        rates = np.atleast_1d(state["lr"]).tolist()
        if len(rates) != len(self.param_groups):
            raise ValueError(f"a saved state with {len(rates)} groups does not fit {len(self.param_groups)}")
        for group, lr in zip(self.param_groups, rates, strict=True):
            group["lr"] = lr
        self.state = arrays


def _groups(parameters, settings):
    """Parameters, or groups of them, as a list of groups in which all of the settings stand."""
    parameters = parameters if hasattr(parameters, "grad") else list(parameters)
    if hasattr(parameters, "grad") or not any(isinstance(p, dict) for p in parameters):
        parameters = [{"params": parameters}]
    groups = []
    for number, group in enumerate(parameters):
        if not isinstance(group, dict) or "params" not in group or not group.keys() <= {"params", *settings}:
            got = ", ".join(group) if isinstance(group, dict) else type(group).__name__
            raise ValueError(
                f"group {number} must be a dict with params and, where it has its own, "
                f"{' and '.join(settings)}; got {got}"
            )
        if hasattr(group["params"], "grad"):
            raise TypeError("an optimizer takes a list of parameters, got a single tensor: write [tensor]")
        groups.append({**settings, **group, "params": list(group["params"])})
        for name in settings:
            if not groups[-1][name] >= 0:
                raise ValueError(f"{name} must not be negative, got {groups[-1][name]}")
    return groups


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

    def update(self, p, g, state, lr):
        if self.momentum:
            v = state["momentum_buffer"]
            v *= self.momentum
            v += g
            g = g + self.momentum * v if self.nesterov else v
        p -= lr * g

    def fused(self, p, g, state, lr, weight_decay):
        cuda.sgd(p, g, state.get("momentum_buffer"), lr, self.momentum, weight_decay, self.nesterov)


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

    def update(self, p, g, state, lr):
        (b1, b2), m, v = self.betas, state["exp_avg"], state["exp_avg_sq"]
        m *= b1
        m += (1 - b1) * g
        v *= b2
        v += (1 - b2) * (g * g)
        scale = backend.get_array_module(v).sqrt(v)
        scale /= sqrt(1 - b2 ** state["step"])
        scale += self.eps
        p -= (lr / (1 - b1 ** state["step"])) * m / scale

    def fused(self, p, g, state, lr, weight_decay):
        settings = lr, self.betas, self.eps, weight_decay, state["step"]
        cuda.adam(p, g, state["exp_avg"], state["exp_avg_sq"], *settings)
