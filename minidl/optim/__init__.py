"""Optimizers and learning rate schedules, in PyTorch's names."""

from .optimizer import SGD, Adam, Optimizer
from .schedule import CosineAnnealingLR, MultiStepLR, Schedule, StepLR

__all__ = ["Adam", "CosineAnnealingLR", "MultiStepLR", "Optimizer", "SGD", "Schedule", "StepLR"]
