"""Automatic differentiation: Tensor, Op and no_grad, with the operators of NumPy on tensors."""

from .operators import concatenate, stack, where
from .tensor import Op, Tensor, as_tensor, no_grad, tensor

__all__ = ["Op", "Tensor", "as_tensor", "concatenate", "no_grad", "stack", "tensor", "where"]
