"""The matrix of a convolution: the lectures' examples, and what it has in common with the ops."""

import numpy as np
import pytest

from minidl import Tensor
from minidl import functional as F

X, Y, Z = KERNEL = np.array([2.0, 3.0, 5.0])


def test_one_dimension_stride_1_and_2():
    a, b, c, d = signal = np.array([7.0, 11.0, 13.0, 17.0])
    matrix = F.convolution_matrix(KERNEL, (4,), padding=1)
    np.testing.assert_array_equal(matrix, [[Y, Z, 0, 0], [X, Y, Z, 0], [0, X, Y, Z], [0, 0, X, Y]])
    full = [a * Y + b * Z, a * X + b * Y + c * Z, b * X + c * Y + d * Z, c * X + d * Y]
    np.testing.assert_array_equal(matrix @ signal, full)
    matrix = F.convolution_matrix(KERNEL, (4,), stride=2, padding=1)
    np.testing.assert_array_equal(matrix, [[Y, Z, 0, 0], [0, X, Y, Z]])
    np.testing.assert_array_equal(matrix @ signal, [a * Y + b * Z, b * X + c * Y + d * Z])
    for stride in 1, 2:
        y = F.conv1d(signal[None, None], KERNEL[None, None], stride=stride, padding=1)
        np.testing.assert_array_equal(y.data[0, 0], full[::stride])


def test_one_dimension_transposed():
    a, b, c, d = 7.0, 11.0, 13.0, 17.0
    up = F.convolution_matrix(KERNEL, (6,)).T
    expected = [a * X, a * Y + b * X, a * Z + b * Y + c * X, b * Z + c * Y + d * X, c * Z + d * Y, d * Z]
    np.testing.assert_array_equal(up @ [a, b, c, d], expected)
    up = F.convolution_matrix(KERNEL, (6,), stride=2).T
    np.testing.assert_array_equal(up @ [a, b], [a * X, a * Y, a * Z + b * X, b * Y, b * Z, 0])


def test_two_dimensions():
    kernel = np.array([[1, 4, 1], [1, 4, 3], [3, 3, 1]])
    image = np.array([[4, 5, 8, 7], [1, 8, 8, 8], [3, 6, 6, 4], [6, 5, 7, 8]])
    matrix = F.convolution_matrix(kernel, (4, 4))
    assert matrix.shape == (4, 16)
    first = [1, 4, 1, 0, 1, 4, 3, 0, 3, 3, 1, 0, 0, 0, 0, 0]
    for row, shift in zip(matrix, (0, 1, 4, 5), strict=True):
        np.testing.assert_array_equal(row, np.roll(first, shift))
    np.testing.assert_array_equal(matrix @ image.ravel(), [122, 148, 126, 134])
    y = F.conv2d(image[None, None].astype(float), kernel[None, None].astype(float))
    np.testing.assert_array_equal(y.data[0, 0], [[122, 148], [126, 134]])


@pytest.mark.parametrize(
    "kernel, size, stride, padding",
    [((3, 3), (5, 4), 1, 1), ((3, 2), (6, 7), (2, 3), (1, 0)), ((1, 1), (3, 3), 2, 0), ((2, 4), (3, 4), 1, (3, 2)),
     ((3,), (7,), 2, 1), ((4,), (4,), 1, 0), ((2,), (5,), (3,), 4)],
    ids=str,
)  # fmt: skip
def test_the_matrix_and_its_transpose_do_what_the_ops_do(kernel, size, stride, padding):
    rng = np.random.default_rng(1)
    w, x = rng.standard_normal(kernel), rng.standard_normal(size)
    down, up = (F.conv2d, F.conv_transpose2d) if w.ndim == 2 else (F.conv1d, F.conv_transpose1d)
    matrix = F.convolution_matrix(Tensor(w), size, stride, padding)
    y = down(Tensor(x[None, None]), Tensor(w[None, None]), None, stride, padding).data[0, 0]
    assert matrix.dtype == np.float64 and matrix.shape == (y.size, x.size)
    np.testing.assert_allclose(matrix @ x.ravel(), y.ravel(), 1e-12, 1e-13)
    back = up(Tensor(y[None, None]), Tensor(w[None, None]), None, stride, padding).data[0, 0]
    more = tuple(n - m for n, m in zip(size, back.shape, strict=True))  # what the stride left over at the end
    back = up(Tensor(y[None, None]), Tensor(w[None, None]), None, stride, padding, more).data[0, 0]
    np.testing.assert_allclose((matrix.T @ y.ravel()).reshape(size), back, 1e-12, 1e-13)


@pytest.mark.parametrize(
    "w_shape, size, settings, message",
    [
        ((1, 1, 3, 3), (4, 4), {}, r"take one kernel of a layer: w\[o, c\]"),
        ((3, 3), (4,), {}, r"got w \(3, 3\) and input_shape \(4,\)"),
        ((5,), (4,), {}, "larger than"),
        ((3, 3), (4, 2), {}, r"the kernel \(3, 3\) is larger than \(4, 2\) with padding"),
        ((3,), (4,), {"stride": 0}, "stride must be at least 1"),
        ((3,), (4,), {"padding": -1}, r"and padding 0, got \(1,\) and \(-1,\)"),
        ((3,), (4,), {"stride": (1, 2)}, "expected a whole number or a tuple of one"),
    ],
)
def test_errors(w_shape, size, settings, message):
    with pytest.raises(ValueError, match=message):
        F.convolution_matrix(np.ones(w_shape), size, **settings)
