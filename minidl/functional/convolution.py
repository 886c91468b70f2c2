"""Linear layers and convolution, its matrix, its windows, and padding."""

from minidl import ops
from minidl.autograd import as_tensor
from minidl.kernels import convolution_matrix as matrices
from minidl.kernels.layout import pair, single

from .arrays import as_array


def linear(x, w, b=None):
    """y = x w^T + b. x (..., I), w (O, I), b (O,)."""
    return ops.Linear()(x, w, b)


def conv1d(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    """Slide the kernels w (O, C / groups, k) over the sequences x (N, C, L); see conv2d and ops.Conv1d."""
    if isinstance(padding, str):
        x, padding = _pad_to_same(x, w.shape[2:], padding, single(stride), single(dilation))
    return ops.Conv1d(stride, padding, dilation, groups)(x, w, b)


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    """Slide the kernels w (O, C / groups, kh, kw) over the images x (N, C, H, W); see ops.Conv2d.

    padding="same", at stride 1, makes the output as large as x.

    >>> import minidl
    >>> conv2d(minidl.randn(8, 3, 32, 32), minidl.randn(16, 3, 5, 5), padding=2).shape
    (8, 16, 32, 32)
    """
    if isinstance(padding, str):
        x, padding = _pad_to_same(x, w.shape[2:], padding, pair(stride), pair(dilation))
    return ops.Conv2d(stride, padding, dilation, groups)(x, w, b)


def conv_transpose1d(x, w, b=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """Lay the kernels w (C, O / groups, k) into y, one for each value of x (N, C, L); see ops.ConvTranspose1d."""
    return ops.ConvTranspose1d(stride, padding, output_padding, dilation, groups)(x, w, b)


def conv_transpose2d(x, w, b=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """Lay the kernels w (C, O / groups, kh, kw) into y, one for each value of x (N, C, H, W); see ops.ConvTranspose2d.

    >>> import minidl
    >>> conv_transpose2d(minidl.randn(8, 16, 7, 7), minidl.randn(16, 3, 4, 4), stride=2, padding=1).shape
    (8, 3, 14, 14)
    """
    return ops.ConvTranspose2d(stride, padding, output_padding, dilation, groups)(x, w, b)


def _pad_to_same(x, kernel, padding, stride, dilation):
    """x, and the padding that keeps its size; where that is odd in all, x itself gets the one more at the end."""
    if padding != "same":
        raise ValueError(f'padding must be whole numbers or "same", got {padding!r} ("valid" is 0)')
    if len(kernel) != len(stride):
        return x, 0  # the op says what is wrong with w
    if max(stride) > 1:
        raise ValueError(f'padding="same" is for stride 1, got stride {stride}; see same_padding for larger strides')
    total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    if any(n % 2 for n in total):
        x = pad(x, [margin for n in reversed(total) for margin in (0, n % 2)])
    return x, tuple(n // 2 for n in total)


def convolution_matrix(w, input_shape, stride=1, padding=0):
    """The matrix that convolves with one kernel w, number by number: for teaching, arrays in and an array out.

    >>> convolution_matrix([1, 2, 3], (4,))
    array([[1, 2, 3, 0],
           [0, 1, 2, 3]])
    """
    return matrices.convolution_matrix(as_array(w, "w"), input_shape, stride, padding)


def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    """Every window of the images x (N, C, H, W) as a column: (N, C kh kw, L); see ops.Unfold."""
    return ops.Unfold(kernel_size, dilation, padding, stride)(x)


def fold(x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Every column of x (N, C kh kw, L) added to its window of images of output_size = (H, W); see ops.Fold."""
    return ops.Fold(output_size, kernel_size, dilation, padding, stride)(x)


def pad(x, pad, value=0.0):
    """A margin of `value` around the last axes: pad = (left, right, top, bottom), negative to crop; see ops.Pad."""
    return ops.Pad(pad, value)(x)


def flatten(x, start_dim=1):
    """All axes from start_dim on made one: images (N, C, H, W) become rows (N, C * H * W)."""
    return as_tensor(x).flatten(start_dim)
