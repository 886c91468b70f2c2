"""im2col and col2im on a GPU."""

from minidl import backend

from .launch import for_each, new_planes, planes


def im2col(x, columns, outputs, geometry):
    """Fill columns (C, kh, kw, N, OH, OW); geometry: kernel, stride, padding and dilation, pairs."""
    sizes = (*x.shape, *outputs, *(number for pair in geometry for number in pair))
    for_each("lowering", "im2col", columns[:, 0, 0].size, *planes(x), columns, *sizes)


def col2im(columns, shape, outputs, geometry):
    """The image of the given shape (N, C, H, W) to which the columns (C, kh, kw, N, OH, OW) are added."""
    gx = new_planes(columns, shape)
    sizes = (*shape, *outputs, *(number for pair in geometry for number in pair))
    columns = backend.get_array_module(columns).ascontiguousarray(columns)
    for_each("lowering", "col2im", gx.size, columns, *planes(gx), *sizes)
    return gx
