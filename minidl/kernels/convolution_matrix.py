"""The matrix of a convolution, number by number: for the blackboard. The fast way is in convolution.py."""

from minidl import backend

from .checks import is_whole
from .layout import pair, single
from .windows import output_size


def convolution_matrix(w, input_shape, stride=1, padding=0):
    """The matrix that convolves: `matrix @ x.ravel()` is the convolution of x with w, as a vector.

    One kernel, w (kh, kw) on an image of shape (H, W), or w (k,) on a sequence of shape (n,). A row is an output
    and a column an input value, both in reading order. The transposed matrix takes a vector y of outputs to
    `matrix.T @ y` of the size of x: the transposed convolution, and the gradient of the convolution for x.

    >>> import numpy as np
    >>> w = np.array([1, 2, 3])
    >>> convolution_matrix(w, (4,), padding=1)
    array([[2, 3, 0, 0],
           [1, 2, 3, 0],
           [0, 1, 2, 3],
           [0, 0, 1, 2]])
    >>> convolution_matrix(w, (4,), padding=1, stride=2).T @ np.array([1, 1])
    array([2, 4, 2, 3])
    """
    input_shape = (input_shape,) if is_whole(input_shape) else tuple(input_shape)
    if w.ndim not in (1, 2) or not w.size or len(input_shape) != w.ndim or not all(map(is_whole, input_shape)):
        raise ValueError(
            f"convolution_matrix: expected w (kh, kw) and input_shape (H, W), or w (k,) and input_shape (n,), "
            f"got w {w.shape} and input_shape {input_shape}; take one kernel of a layer: w[o, c]"
        )
    stride, padding = (pair(stride), pair(padding)) if w.ndim == 2 else (single(stride), single(padding))
    if min(stride) < 1 or min(padding) < 0:
        raise ValueError(f"convolution_matrix: stride must be at least 1 and padding 0, got {stride} and {padding}")
    outputs = list(map(output_size, input_shape, w.shape, stride, padding))
    if min(outputs) < 1:
        raise ValueError(
            f"convolution_matrix: the kernel {w.shape} is larger than {input_shape} with padding {padding}"
        )

    if w.ndim == 1:  # a sequence is an image of one row
        return convolution_matrix(w[None], (1, *input_shape), (1, *stride), (0, *padding))
    (h, width), (kh, kw), (sh, sw), (ph, pw), (oh, ow) = input_shape, w.shape, stride, padding, outputs
    xp = backend.get_array_module(w)
    matrix = xp.empty((oh * ow, h * width), w.dtype)
    for i in range(oh):
        for j in range(ow):  # the row that computes output (i, j):
            image = xp.zeros((h + 2 * ph, width + 2 * pw), w.dtype)  # of the padded input nothing counts
            image[i * sh : i * sh + kh, j * sw : j * sw + kw] = w  # but what lies under the kernel,
            matrix[i * ow + j] = image[ph : ph + h, pw : pw + width].ravel()  # and the padding is only zeros
    return matrix
