"""What the tests of the engine and the ops share: numerical gradients, memory layouts, loops.

The numerical gradients are independent of minidl.gradcheck, which is held against them.
"""

import numpy as np

from minidl import Tensor
from minidl.ops.examples import away_from_kinks as away_from_kinks

ELEMENTWISE = 120  # inputs with more values are checked along random directions instead of value by value
DIRECTIONS = 6


def layouts(x):
    """The same values in other memory: C and Fortran order, (H, C, W, N), (C, N, H, W), every other one, backwards."""
    yield "C", np.ascontiguousarray(x)
    yield "F", np.asfortranarray(x)
    if x.ndim == 4:
        yield "HCWN", np.ascontiguousarray(x.transpose(2, 1, 3, 0)).transpose(3, 1, 0, 2)
        yield "CNHW", np.ascontiguousarray(x.swapaxes(0, 1)).swapaxes(0, 1)
    if x.ndim:
        spread = np.full((*x.shape[:-1], 2 * x.shape[-1]), np.nan, x.dtype)
        spread[..., ::2] = x
        yield "strided", spread[..., ::2]
        yield "reversed", np.ascontiguousarray(x[..., ::-1])[..., ::-1]


def numerical_gradient(function, arrays, i, gy, direction=None, step=1e-6):
    """The derivative of sum(gy * function(*arrays)) with respect to arrays[i], by central differences in float64.

    An array of its shape; or, with a direction, the number that is the derivative along it.
    """

    def objective(change):
        changed = [x + change if j == i else x for j, x in enumerate(arrays)]
        return float(np.sum(gy * function(*changed)))

    if direction is not None:
        return (objective(step * direction) - objective(-step * direction)) / (2 * step)
    gradient = np.empty(arrays[i].shape)
    for index in np.ndindex(gradient.shape):
        unit = np.zeros(gradient.shape)
        unit[index] = step
        gradient[index] = (objective(unit) - objective(-unit)) / (2 * step)
    return gradient


def check_gradient(function, arrays, i, gy, gradient, rng, rtol=1e-5, atol=1e-7):
    """Raise an AssertionError unless `gradient` is that of sum(gy * function(*arrays)) for arrays[i]."""
    x = arrays[i]
    assert gradient is not None and gradient.shape == x.shape, f"input {i}: no gradient of shape {x.shape}"
    if x.size <= ELEMENTWISE:
        expected = numerical_gradient(function, arrays, i, gy)
        np.testing.assert_allclose(gradient, expected, rtol, atol * max(1, np.abs(expected).max(initial=0)))
        return
    for _ in range(DIRECTIONS):
        direction = rng.standard_normal(x.shape)
        expected = numerical_gradient(function, arrays, i, gy, direction)
        size = np.sqrt(np.sum(np.square(gradient)))
        np.testing.assert_allclose(np.sum(gradient * direction), expected, rtol, atol * max(1, size))


def check_op(make, arrays, rng):
    """Hold op.backward, for an op that make() gives anew each time, against op.forward; returns (gy, gradients).

    In float64, with a random gradient from above, all inputs that are floating-point arrays; and nothing that was
    passed in may be changed.
    """
    before = [x if x is None else x.copy() for x in arrays]
    op = make()
    y = op.forward(*arrays)
    gy = rng.standard_normal(np.shape(y))
    gy_before, y_before = gy.copy(), np.array(y)
    gradients = op.backward(gy)
    assert isinstance(gradients, tuple) and len(gradients) == len(arrays)
    np.testing.assert_array_equal(gy, gy_before, "backward changed gy")
    np.testing.assert_array_equal(y, y_before, "backward changed the output")
    for x, x_before in zip(arrays, before, strict=True):
        if x is not None:
            np.testing.assert_array_equal(x, x_before, "an input was changed")

    def function(*inputs):
        return make().forward(*inputs)

    for i, x in enumerate(arrays):
        if x is not None and x.dtype.kind == "f":
            check_gradient(function, arrays, i, gy, gradients[i], rng)
    return gy, gradients


def compare(torch, function, reference, *arrays, rtol=1e-10):
    """The same values and gradients from a function of ours and one of PyTorch, in float64."""
    ours = [Tensor(a.copy(), requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a.copy(), requires_grad=True) for a in arrays]
    y, z = function(*ours), reference(*theirs)
    np.testing.assert_allclose(y.data, z.detach().numpy(), rtol, 1e-12)
    gy = np.random.default_rng(9).standard_normal(y.shape)
    y.backward(gy)
    z.backward(torch.tensor(gy))
    for a, x, t in zip(arrays, ours, theirs, strict=True):
        np.testing.assert_allclose(x.grad, t.grad.numpy(), rtol, 1e-12)
        np.testing.assert_array_equal(x.data, a)


def conv2d_loops(x, w, b, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1, gy=None):
    """Convolution by nested loops, from the definition: y, or with gy the gradients (gx, gw, gb)."""
    (n, _, h, width), (outputs, channels, kh, kw) = x.shape, w.shape
    oh = (h + 2 * padding[0] - dilation[0] * (kh - 1) - 1) // stride[0] + 1
    ow = (width + 2 * padding[1] - dilation[1] * (kw - 1) - 1) // stride[1] + 1
    y = np.zeros((n, outputs, oh, ow))
    gx, gw = np.zeros(x.shape), np.zeros(w.shape)
    for o, i, j, p, q in np.ndindex(outputs, oh, ow, kh, kw):
        row = i * stride[0] - padding[0] + p * dilation[0]
        column = j * stride[1] - padding[1] + q * dilation[1]
        if not (0 <= row < h and 0 <= column < width):
            continue  # in the padding
        first = o // (outputs // groups) * channels
        for k in range(channels):
            for item in range(n):
                value = x[item, first + k, row, column]
                y[item, o, i, j] += w[o, k, p, q] * value
                if gy is not None:
                    gx[item, first + k, row, column] += w[o, k, p, q] * gy[item, o, i, j]
                    gw[o, k, p, q] += value * gy[item, o, i, j]
    if gy is not None:
        return gx, gw, gy.sum(axis=(0, 2, 3))
    return y if b is None else y + b[:, None, None]


def pool_windows(shape, kernel, stride, padding):
    """((n, c, i, j), [(row, column) ...]) for each output of a pooling: the places of the image in its window."""
    n, c, h, w = shape
    oh = (h + 2 * padding[0] - kernel[0]) // stride[0] + 1
    ow = (w + 2 * padding[1] - kernel[1]) // stride[1] + 1
    for index in np.ndindex(n, c, oh, ow):
        top, left = index[2] * stride[0] - padding[0], index[3] * stride[1] - padding[1]
        rows = range(max(top, 0), min(top + kernel[0], h))
        columns = range(max(left, 0), min(left + kernel[1], w))
        yield index, [(r, q) for r in rows for q in columns]
