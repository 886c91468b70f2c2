"""Activations."""

from minidl import ops


def relu(x):
    """max(x, 0)"""
    return ops.ReLU()(x)


def leaky_relu(x, negative_slope=0.01):
    """x where x > 0, else negative_slope x"""
    return ops.LeakyReLU(negative_slope)(x)


def prelu(x, weight):
    """x where x > 0, else weight x; weight (1,), or (C,) for x (N, C, ...)."""
    return ops.PReLU()(x, weight)


def relu6(x):
    """min(max(x, 0), 6)"""
    return ops.ReLU6()(x)


def elu(x, alpha=1.0):
    """x where x > 0, else alpha (e^x - 1)"""
    return ops.ELU(alpha)(x)


def selu(x):
    """elu scaled so that mean 0 and variance 1 are kept from layer to layer; see ops.SELU."""
    return ops.SELU()(x)


def gelu(x, approximate="none"):
    """x Phi(x), Phi the cumulative normal distribution, or with approximate="tanh" nearly so; see ops.GELU."""
    return ops.GELU(approximate)(x)


def silu(x):
    """x sigmoid(x)"""
    return ops.SiLU()(x)


def softplus(x, beta=1.0, threshold=20.0):
    """log(1 + e^(beta x)) / beta, and x where beta x > threshold"""
    return ops.Softplus(beta, threshold)(x)


def maxout(x, pieces, dim=1):
    """The largest of each group of `pieces` channels that follow each other; see ops.Maxout."""
    return ops.Maxout(pieces, dim)(x)


def sigmoid(x):
    """1 / (1 + e^-x)"""
    return ops.Sigmoid()(x)


def tanh(x):
    """(e^x - e^-x) / (e^x + e^-x)"""
    return ops.Tanh()(x)


def softmax(x, dim=-1):
    """Probabilities e^x / sum e^x along `dim`"""
    return ops.Softmax(dim)(x)


def log_softmax(x, dim=-1):
    """log softmax(x), computed without overflow"""
    return ops.LogSoftmax(dim)(x)
