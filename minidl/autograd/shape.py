"""Ops that move values without changing them: reshape, transpose, indexing, joining, another type."""

from math import prod

from minidl import backend

from .tensor import Op


class Reshape(Op):
    """The values in C order under another shape; one length may be -1"""

    def __init__(self, shape):
        self.shape = shape

    def forward(self, x):
        self.saved = x.shape
        known = prod(n for n in self.shape if n != -1)
        fits = x.size == known if -1 not in self.shape else known and x.size % known == 0
        if not fits or self.shape.count(-1) > 1:
            raise ValueError(f"reshape: {x.size} values of shape {x.shape} do not fit shape {self.shape}")
        return x.reshape(self.shape)

    def backward(self, gy):
        return (gy.reshape(self.saved),)


class Permute(Op):
    """The axes in another order"""

    def __init__(self, dims):
        self.dims = dims

    def forward(self, x):
        if sorted(d % max(x.ndim, 1) for d in self.dims) != list(range(x.ndim)):
            raise ValueError(f"permute: dims {self.dims} are no order of the {x.ndim} axes of shape {x.shape}")
        return x.transpose(self.dims)

    def backward(self, gy):
        inverse = sorted(range(gy.ndim), key=lambda i: self.dims[i] % gy.ndim)
        return (gy.transpose(inverse),)


class GetItem(Op):
    """y = x[index] with slices, integers, integer arrays or boolean arrays"""

    def __init__(self, index):
        self.index = index

    def forward(self, x):
        self.saved = x.shape
        return backend.get_array_module(x).asarray(x[self.index])

    def backward(self, gy):
        xp = backend.get_array_module(gy)
        gx = xp.zeros(self.saved, gy.dtype)
        index = self.index if isinstance(self.index, tuple) else (self.index,)
        if not all(i is None or i is Ellipsis or isinstance(i, (int, slice)) for i in index):
            xp.add.at(gx, self.index, gy)  # an element may have been taken more than once
        else:
            gx[self.index] = gy
        return (gx,)


class Concatenate(Op):
    """Arrays one after another along an axis, in the memory order that they have; each gets its part of gy"""

    def __init__(self, dim=0):
        self.dim = dim

    def forward(self, *arrays):
        dim, shapes = self.dim, [a.shape for a in arrays]
        agree = len({(len(s), *(n for i, n in enumerate(s) if i != dim % len(s))) for s in shapes}) == 1
        if not agree or not -len(shapes[0]) <= dim < len(shapes[0]):
            raise ValueError(f"concatenate: tensors must have an axis {dim} and agree in all others, got {shapes}")
        self.saved = [s[dim] for s in shapes]
        return backend.get_array_module(*arrays).concatenate(arrays, axis=dim)

    def backward(self, gy):
        ends = [sum(self.saved[: i + 1]) for i in range(len(self.saved))]
        return tuple(backend.get_array_module(gy).split(gy, ends[:-1], axis=self.dim))


class Cast(Op):
    """The values in another floating-point type; the gradient comes back in the old one"""

    def __init__(self, dtype):
        self.dtype = dtype

    def forward(self, x):
        self.saved = x.dtype
        return x.astype(self.dtype, copy=False)

    def backward(self, gy):
        return (gy.astype(self.saved, copy=False),)
