"""Is a gradient right? Every backward held against differences of its forward; see docs/gradcheck.md."""

from .check import check_gradients
from .report import GradientReport, GradientRow

__all__ = ["GradientReport", "GradientRow", "check_gradients"]
