"""Initial weights: Xavier, He, normal, uniform, constant. All fill a tensor in place and return it.

Numbers are drawn on the CPU from the generator that manual_seed seeds, so a seed means the same on every device.
"""

from math import prod, sqrt

from minidl import backend, random

BLOCK = 1 << 20  # numbers drawn at a time

# By how much an activation shrinks the variance, made up for by larger weights.
GAINS = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": sqrt(2), "leaky_relu": sqrt(2 / (1 + 0.01**2))}


def fans(shape):
    """(inputs, outputs) that meet in one value of a layer: for a kernel (O, C, kh, kw), (C kh kw, O kh kw).

    >>> fans((16, 3, 5, 5)), fans((10, 84))
    ((75, 400), (84, 10))
    """
    if len(shape) < 2:
        raise ValueError(f"fans are defined for weights of two or more axes, got shape {shape}")
    area = prod(shape[2:])
    return shape[1] * area, shape[0] * area


def _fill(tensor, draw, *parameters):
    """Fill a tensor with draw(*parameters, shape), a few rows at a time: the numbers come in float64."""
    if not random.drawing():  # zeros that nobody has touched take no memory yet
        return tensor
    rows = max(BLOCK // max(prod(tensor.shape[1:]), 1), 1)
    for start in range(0, tensor.shape[0] if tensor.shape else 1, rows):
        part = tensor.data[start : start + rows] if tensor.shape else tensor.data
        part[...] = backend.to_device(draw(*parameters, part.shape).astype(tensor.dtype), tensor.device)
    return tensor


def normal_(tensor, mean=0.0, std=1.0):
    """Normal random numbers."""
    return _fill(tensor, random.generator().normal, mean, std)


def uniform_(tensor, low=0.0, high=1.0):
    """Uniform random numbers from low to high."""
    return _fill(tensor, random.generator().uniform, low, high)


def constant_(tensor, value):
    """One value everywhere."""
    tensor.data[...] = value
    return tensor


def zeros_(tensor):
    """Zeros."""
    return constant_(tensor, 0)


def ones_(tensor):
    """Ones."""
    return constant_(tensor, 1)


def xavier_normal_(tensor, gain=1.0):
    """Normal with std = gain sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio 2010), for tanh layers."""
    return normal_(tensor, 0.0, gain * sqrt(2 / sum(fans(tensor.shape))))


def xavier_uniform_(tensor, gain=1.0):
    """Uniform with the variance of xavier_normal_."""
    bound = gain * sqrt(6 / sum(fans(tensor.shape)))
    return uniform_(tensor, -bound, bound)


def he_normal_(tensor, mode="fan_in", nonlinearity="relu"):
    """Normal with std = gain / sqrt(fan) (He et al. 2015), for relu. PyTorch: kaiming_normal_."""
    return normal_(tensor, 0.0, _gain(nonlinearity) / sqrt(_fan(tensor, mode)))


def he_uniform_(tensor, mode="fan_in", nonlinearity="relu"):
    """Uniform with the variance of he_normal_. PyTorch: kaiming_uniform_."""
    bound = _gain(nonlinearity) * sqrt(3 / _fan(tensor, mode))
    return uniform_(tensor, -bound, bound)


kaiming_normal_, kaiming_uniform_ = he_normal_, he_uniform_


def _gain(nonlinearity):
    if nonlinearity not in GAINS:
        raise ValueError(f"unknown nonlinearity {nonlinearity!r}: expected one of {', '.join(GAINS)}")
    return GAINS[nonlinearity]


def _fan(tensor, mode):
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode must be 'fan_in' or 'fan_out', got {mode!r}")
    return fans(tensor.shape)[mode == "fan_out"]
