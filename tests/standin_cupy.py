"""A stand-in for CuPy where there is no GPU: arrays that hold NumPy's inside and refuse what CuPy's refuse.

Implicit conversion to NumPy, mixing with arrays of the host, and functions that CuPy lacks raise a TypeError or an
AttributeError. What makes the host wait for the GPU (get, item, float(), bool(), a boolean mask as an index) counts in
`synchronizations`. tests/test_device.py holds the names and arguments against the real CuPy where it is installed; it
can be imported without a GPU.
"""

import operator
from types import SimpleNamespace

import cuda_on_the_host
import numpy as np

synchronizations = 0

# What minidl uses of CuPy's module: ufuncs, which also take out=, and other functions with the arguments they take.
UFUNCS = {
    "abs", "absolute", "add", "arctan", "ceil", "cos", "divide", "equal", "exp", "expm1", "floor", "fmax", "fmin",
    "greater", "greater_equal", "isfinite", "isnan", "less", "less_equal", "log", "log1p", "logical_and", "logical_not",
    "logical_or", "maximum", "minimum", "multiply", "negative", "not_equal", "positive", "power", "reciprocal", "rint",
    "sign", "sin", "sqrt", "square", "subtract", "tan", "tanh", "true_divide", "trunc",
}  # fmt: skip
FUNCTIONS = {
    "all": "a axis out keepdims", "any": "a axis out keepdims", "arange": "start stop step dtype",
    "argmax": "a axis dtype out keepdims", "argmin": "a axis dtype out keepdims", "argsort": "a axis kind",
    "array": "obj dtype copy order subok ndmin", "asarray": "a dtype order", "ascontiguousarray": "a dtype",
    "bincount": "x weights minlength", "broadcast_arrays": "", "broadcast_shapes": "", "broadcast_to": "array shape",
    "clip": "a a_min a_max out", "concatenate": "tup axis out dtype casting", "copyto": "dst src casting where",
    "cumsum": "a axis dtype out", "empty": "shape dtype order", "empty_like": "prototype dtype order subok shape",
    "einsum": "", "expand_dims": "a axis", "flip": "a axis", "full": "shape fill_value dtype order",
    "full_like": "a fill_value dtype order subok shape", "linspace": "start stop num endpoint retstep dtype axis",
    "matmul": "out", "may_share_memory": "a b max_work", "mean": "a axis dtype out keepdims",
    "moveaxis": "a source destination", "ones": "shape dtype order", "ones_like": "a dtype order subok shape",
    "pad": "array pad_width mode constant_values",
    "prod": "a axis dtype out keepdims", "put_along_axis": "arr indices values axis", "repeat": "a repeats axis",
    "reshape": "a newshape order", "result_type": "", "split": "ary indices_or_sections axis",
    "squeeze": "a axis", "stack": "tup axis out dtype casting", "sum": "a axis dtype out keepdims",
    "swapaxes": "a axis1 axis2", "take": "a indices axis out", "take_along_axis": "a indices axis",
    "tile": "A reps", "transpose": "a axes", "tril": "m k", "triu": "m k", "unravel_index": "indices dims order",
    "var": "a axis dtype out ddof keepdims", "where": "condition x y", "zeros": "shape dtype order",
    "zeros_like": "a dtype order subok shape",
}  # fmt: skip
CONSTANTS = {"bool_", "e", "float32", "float64", "inf", "int32", "int64", "nan", "newaxis", "pi"}
FROM_HOST = {"array", "asarray", "ascontiguousarray", "result_type"}  # these take arrays of the host, too
METHODS = {
    "all", "any", "argmax", "argmin", "argsort", "astype", "clip", "copy", "cumsum", "diagonal", "dot", "fill",
    "flatten", "max", "mean", "min", "prod", "ravel", "repeat", "reshape", "sort", "squeeze", "std", "sum", "swapaxes",
    "take", "transpose", "var", "view",
}  # fmt: skip


class ndarray:
    """An array "on the GPU"."""

    __array_priority__ = 100
    __hash__ = None
    __cuda_array_interface__ = property(lambda self: {"shape": self.shape, "version": 3})
    device = property(lambda self: _Device(0))
    shape = property(lambda self: self._host.shape)
    strides = property(lambda self: self._host.strides)
    flags = property(lambda self: self._host.flags)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    nbytes = property(lambda self: self._host.nbytes)
    itemsize = property(lambda self: self._host.itemsize)
    base = property(lambda self: self._host.base)
    T = property(lambda self: ndarray(self._host.T))

    def __init__(self, host):
        self._host = np.asarray(host)

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if method not in ("__call__", "at") or ufunc.__name__ not in UFUNCS | {"matmul", "bitwise_and", "bitwise_or"}:
            raise TypeError(f"CuPy has no {ufunc.__name__}.{method}")
        outs = kwargs.pop("out", ())
        if outs:
            kwargs["out"] = tuple(_unwrap(out, scalars=False) for out in outs)
        return _wrap(getattr(ufunc, method)(*map(_unwrap, inputs), **kwargs))

    def __getattr__(self, name):
        if name not in METHODS:
            raise AttributeError(f"a CuPy array has no {name}, or minidl does not use it yet: see METHODS")

        def method(*args, **kwargs):
            return _wrap(getattr(self._host, name)(*map(_unwrap, args), **{k: _unwrap(v) for k, v in kwargs.items()}))

        return method

    def __getitem__(self, index):
        if any(_is_mask(i) for i in (index if isinstance(index, tuple) else (index,))):
            _wait()  # how many elements there are is known on the GPU only
        return ndarray(np.asarray(self._host[_unwrap_index(index)]))

    def __setitem__(self, index, value):
        self._host[_unwrap_index(index)] = _unwrap(value)

    def __len__(self):
        return len(self._host)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __repr__(self):
        return f"standin({self._host!r})"

    def get(self):
        _wait()
        return self._host.copy()

    def item(self):
        return self.get().item()

    def tolist(self):
        return self.get().tolist()

    def __float__(self):
        return float(self.get())

    def __int__(self):
        return int(self.get())

    def __index__(self):
        return operator.index(self.get())

    def __bool__(self):
        return bool(self.get())


def _wait():
    global synchronizations
    synchronizations += 1


def _is_mask(index):
    return getattr(index, "dtype", None) == np.bool_


def _unwrap(x, scalars=True):
    """What NumPy works on inside. Arrays of the host are refused, as CuPy does; numbers are not."""
    if isinstance(x, ndarray):
        return x._host
    if isinstance(x, np.ndarray) or not scalars:
        raise TypeError(f"Unsupported type {type(x)}")
    return type(x)(map(_unwrap, x)) if type(x) in (tuple, list) else x


def _unwrap_index(index):
    if isinstance(index, tuple):
        return tuple(_unwrap_index(i) for i in index)
    return index._host if isinstance(index, ndarray) else index  # CuPy copies an index of the host to the GPU


def _wrap(result):
    if isinstance(result, (tuple, list)):
        return type(result)(map(_wrap, result))
    return ndarray(result) if isinstance(result, (np.ndarray, np.generic)) else result


def _operator(name, reflected=False, in_place=False):
    function = getattr(operator, name)

    def method(self, other):
        if not isinstance(other, (ndarray, np.ndarray, np.generic, int, float)):
            return NotImplemented
        a, b = self._host, _unwrap(other)
        if in_place:
            function(a, b)
            return self
        return ndarray(function(b, a) if reflected else function(a, b))

    return method


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor"):
    _plain = _name.rstrip("_")
    setattr(ndarray, f"__{_plain}__", _operator(_name))
    setattr(ndarray, f"__r{_plain}__", _operator(_name, reflected=True))
    if _name != "matmul":
        setattr(ndarray, f"__i{_plain}__", _operator(f"i{_plain}", in_place=True))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(ndarray, f"__{_name}__", _operator(_name))
ndarray.__neg__ = lambda self: ndarray(-self._host)
ndarray.__invert__ = lambda self: ndarray(~self._host)
ndarray.__abs__ = lambda self: ndarray(abs(self._host))


class _Ufunc:
    def __init__(self, name):
        self.ufunc, self.__name__ = getattr(np, name), name

    def __call__(self, *args, out=None, dtype=None):
        kwargs = {} if out is None else {"out": _unwrap(out, scalars=False)}
        if dtype is not None:
            kwargs["dtype"] = dtype
        result = self.ufunc(*map(_unwrap, args), **kwargs)
        return out if out is not None else _wrap(result)

    def at(self, a, indices, b=None):
        self.ufunc.at(_unwrap(a, scalars=False), _unwrap_index(indices), *([] if b is None else [_unwrap(b)]))


def _function(name):
    takes = set(FUNCTIONS[name].split())

    def function(*args, **kwargs):
        if takes and set(kwargs) - takes:
            raise TypeError(f"CuPy's {name} takes no {', '.join(set(kwargs) - takes)}")
        unwrap = (lambda x: x._host if isinstance(x, ndarray) else x) if name in FROM_HOST else _unwrap
        if not isinstance(kwargs.get("out"), (ndarray, type(None))):
            raise TypeError(f"out must be an array on the GPU, got {type(kwargs['out'])}")
        return _wrap(getattr(np, name)(*map(unwrap, args), **{k: unwrap(v) for k, v in kwargs.items()}))

    return function


def __getattr__(name):
    if name in UFUNCS:
        return _Ufunc(name)
    if name in FUNCTIONS:
        return _function(name)
    if name in CONSTANTS:
        return getattr(np, name)
    raise AttributeError(f"CuPy has no {name}, or minidl does not use it yet: see UFUNCS and FUNCTIONS in {__file__}")


class RawKernel:
    """A CUDA kernel, run on the processor. Numbers must come in NumPy's types, as they do to a real one."""

    def __init__(self, code, name, options=()):
        self.code, self.name = code, name

    def __call__(self, grid, block, args):
        if not all(isinstance(a, (ndarray, np.generic)) for a in args):
            raise TypeError(f"{self.name}: arguments must be arrays on the GPU or NumPy numbers, got {args}")
        if min(*grid, *block) < 1:
            raise RuntimeError(f"{self.name}: CUDA_ERROR_INVALID_VALUE: {grid} blocks of {block} threads")
        cuda_on_the_host.launch(self.code, self.name, *grid, *block, [getattr(a, "_host", a) for a in args])


class _Device:
    def __init__(self, index):
        self.id = index

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass


cuda = SimpleNamespace(
    Device=_Device, runtime=SimpleNamespace(getDeviceCount=lambda: 1, CUDARuntimeError=type("Error", (Exception,), {}))
)
