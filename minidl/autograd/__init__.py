"""Automatic differentiation: Tensor, Op and no_grad, with the operators of NumPy on tensors."""

from . import methods  # noqa: F401, it gives Tensor its methods
from .operators import concatenate, stack
from .tensor import Op, Tensor, as_tensor, no_grad

__all__ = ["Op", "Tensor", "as_tensor", "concatenate", "no_grad", "stack"]
