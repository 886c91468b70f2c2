"""The engine: Tensor, Op and the backward pass.

A Tensor holds an array. An Op turns arrays into an array (forward) and the gradient of its output into the
gradients of its inputs (backward). Calling an op on tensors computes the output and notes where it came from:
the op is the node of the graph, and `op.parents` are its edges. An edge leads to the op that made the input, not
to the input itself, so that an array which no backward needs is freed as soon as its last user lets go of it.
"""

from contextlib import ContextDecorator
from contextvars import ContextVar

import numpy as np

from minidl import backend
from minidl.kernels.checks import check_given

_pauses = ContextVar("minidl_pauses", default=0)  # how many no_grad are open, in this thread


class no_grad(ContextDecorator):  # noqa: N801 - PyTorch's name
    """Inside, operations are not recorded: for evaluation, and for changing weights. A context or a decorator.

    >>> x = Tensor(np.ones(2), requires_grad=True)
    >>> with no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    def __enter__(self):
        _pauses.set(_pauses.get() + 1)

    def __exit__(self, *error):
        _pauses.set(_pauses.get() - 1)


class Op:
    """One operation: `forward(*arrays)` gives an array, `backward(gy)` a gradient (or None) for each input.

    Settings go to `__init__`. What backward needs, forward keeps in `self.saved`; `self.needs[i]` tells whether
    input i needs a gradient at all. Both methods take and give plain arrays, so an op can be used and tested alone:

    >>> class Square(Op):
    ...     def forward(self, x):
    ...         self.saved = x
    ...         return x * x
    ...     def backward(self, gy):
    ...         return (2 * self.saved * gy,)
    >>> op = Square()
    >>> float(op.forward(np.float32(3))), float(op.backward(1)[0])
    (9.0, 6.0)

    A gradient may be `gy` itself or a view of it, but not an array that forward took in or gave out.
    """

    saved = None
    parents = None
    needs = (True,) * 8  # used alone, an op gives every gradient

    def forward(self, *arrays):
        raise NotImplementedError(f"{type(self).__name__} must define forward(self, *arrays)")

    def backward(self, gy):
        raise NotImplementedError(f"{type(self).__name__} must define backward(self, gy)")

    def __call__(self, *inputs):
        """Apply the op to tensors (arrays and numbers are wrapped, None is handed on) and record it."""
        if self.parents is not None:
            raise RuntimeError(f"this {type(self).__name__} is in a graph already: make a new one for each call")
        if any(x is None for x in inputs):
            check_given(self, inputs)
        tensors = [x if x is None else as_tensor(x) for x in inputs]
        recording = not _pauses.get()
        self.needs = tuple(recording and x is not None and x.requires_grad for x in tensors)
        output = Tensor(self.forward(*(x if x is None else x.data for x in tensors)))
        if any(self.needs):
            self.parents = [(x.creator or x) if need else None for x, need in zip(tensors, self.needs, strict=True)]
            self.shapes = [None if x is None else x.shape for x in tensors]
            output.creator, output.requires_grad = self, True
        else:
            self.saved = None
        return output

    def release(self):
        """Let go of the saved arrays and of the graph behind."""
        self.saved = self.parents = None


class Tensor:
    """An array that remembers how it was computed.

    data: a NumPy or CuPy array, kept as it is (lists become float32 or int64). `grad` is filled by `backward()`
    for the tensors made with requires_grad=True.

    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4., 6.], dtype=float32)
    """

    __array_ufunc__ = None  # array + tensor is the tensor's business
    creator = None

    def __init__(self, data, requires_grad=False):
        if isinstance(data, Tensor):
            data = data.data
        if not isinstance(data, np.ndarray) and not hasattr(data, "__cuda_array_interface__"):
            data = _array_from(data)
        elif data.dtype.kind not in "fiub":
            raise TypeError(f"a tensor holds numbers or booleans, got an array of {data.dtype}")
        if requires_grad and data.dtype.kind != "f":
            raise TypeError(f"only floating-point tensors can require gradients, this one is {data.dtype}")
        self.data = data
        self.grad = None
        self.requires_grad = requires_grad

    shape = property(lambda self: self.data.shape)
    ndim = property(lambda self: self.data.ndim)
    size = property(lambda self: self.data.size)
    dtype = property(lambda self: self.data.dtype)
    device = property(lambda self: backend.device_of(self.data))

    def backward(self, gy=None):
        """Compute the gradient of this tensor with respect to every leaf it depends on, and add it to their `.grad`.

        gy: the gradient of this tensor itself, of its shape; may be left out for a single number (then 1).
        The saved arrays are freed on the way, so one graph can be walked back once.
        """
        if not self.requires_grad:
            raise RuntimeError("backward() on a tensor that requires no gradient: was it computed under no_grad()?")
        if gy is None and self.size != 1:
            raise ValueError(
                f"backward() without an argument needs a single number, this tensor has shape {self.shape}: "
                "reduce it first (loss.mean()), or pass the gradient of its shape"
            )
        gy = backend.get_array_module(self.data).ones_like(self.data) if gy is None else as_tensor(gy).data
        if gy.shape != self.shape:
            raise ValueError(f"backward: the gradient has shape {gy.shape} but the tensor {self.shape}")
        if self.creator is None:
            return self._accumulate(gy, shared=True)
        gradients = {self.creator: gy}
        for op in _backward_order(self.creator):
            gy = gradients.pop(op, None)
            if gy is None:
                op.release()
                continue
            results = _run_backward(op, gy)
            for parent, gx in zip(op.parents, results, strict=True):
                if parent is None or gx is None:
                    continue
                if isinstance(parent, Tensor):
                    share = backend.get_array_module(gx).may_share_memory
                    shared = sum(share(gx, other) for other in (gy, *results) if other is not None) > 1
                    parent._accumulate(gx, shared or 0 in gx.strides)  # a stride of 0: one number in many places
                elif parent in gradients:
                    gradients[parent] = backend.elementwise(np.add, gradients[parent], gx)
                else:
                    gradients[parent] = gx
            op.release()

    def _accumulate(self, gx, shared):
        xp = backend.get_array_module(self.data)
        if self.grad is not None:
            gx = backend.elementwise(xp.add, self.grad, gx)
        elif shared:  # a copy, in the memory order of the data
            gx = backend.elementwise(xp.positive, gx, out=xp.empty_like(self.data, gx.dtype))
        self.grad = xp.asarray(gx)  # NumPy makes numbers of arrays without axes

    def detach(self):
        """The same array as a tensor of its own, with no history."""
        return Tensor(self.data)

    def numpy(self):
        """The array on the CPU (shared, not copied, where it lies there already)."""
        return backend.to_device(self.data, "cpu")

    def item(self):
        """The single value as a Python number."""
        return self.data.item()

    def to(self, device):
        """This tensor on a device ("cpu", "cuda", "cuda:1"); the gradient finds its way back."""
        return self if self.device == device else ToDevice(device)(self)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __len__(self):
        return len(self.data)

    def __bool__(self):
        return bool(self.data)

    def __format__(self, spec):
        return format(self.item() if spec else repr(self), spec)

    def __float__(self):
        return float(self.item())

    def __repr__(self):
        body = np.array2string(self.numpy(), separator=", ", prefix="tensor(", threshold=100)
        device = "" if self.device == "cpu" else f", device={self.device!r}"
        dtype = "" if self.dtype in (np.float32, np.int64, np.bool_) else f", dtype={self.dtype}"
        return f"tensor({body}{dtype}{device}{', requires_grad=True' if self.requires_grad else ''})"


def as_tensor(x):
    """x as a Tensor: itself if it is one."""
    return x if isinstance(x, Tensor) else Tensor(x)


def _array_from(data):
    try:
        array = np.asarray(data)
    except ValueError:
        raise ValueError(f"cannot make a tensor from {str(data)[:40]}: its lists have different lengths") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"cannot make a tensor from {type(data).__name__} {str(data)[:40]!r}: expected numbers")
    return array.astype(np.float32) if array.dtype == np.float64 and not hasattr(data, "dtype") else array


def _backward_order(last):
    """The ops that `last` depends on, each before the ops whose outputs it used (depth first, without recursion)."""
    order, seen, stack = [], set(), [(last, False)]
    while stack:
        op, done = stack.pop()
        if done:
            order.append(op)
        elif op not in seen:
            seen.add(op)
            if op.parents is None:
                raise RuntimeError(
                    f"backward() ran through this graph already and {type(op).__name__} has let go of what it saved: "
                    "compute the forward pass again, or add the losses and call backward() once"
                )
            stack.append((op, True))
            stack.extend((parent, False) for parent in op.parents if isinstance(parent, Op))
    return order[::-1]


def _run_backward(op, gy):
    """op.backward(gy), with a sentence about what is wrong if the result cannot be right."""
    gradients = op.backward(gy)
    name = type(op).__name__
    if not isinstance(gradients, tuple) or len(gradients) != len(op.parents):
        got = f"{len(gradients)}" if isinstance(gradients, tuple) else type(gradients).__name__
        raise TypeError(f"{name}.backward must return a tuple of {len(op.parents)} gradients, one an input; got {got}")
    for i, (gx, shape, need) in enumerate(zip(gradients, op.shapes, op.needs, strict=True)):
        if need and gx is not None and gx.shape != shape:
            raise ValueError(f"{name}.backward gave input {i} a gradient of shape {gx.shape}, but its shape is {shape}")
    return gradients


class ToDevice(Op):
    """Move to a device; the gradient moves back."""

    def __init__(self, device):
        self.device = device

    def forward(self, x):
        self.saved = backend.device_of(x)
        return backend.to_device(x, self.device)

    def backward(self, gy):
        return (backend.to_device(gy, self.saved),)
