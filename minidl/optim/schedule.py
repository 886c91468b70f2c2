"""Learning rate schedules: the rate as a function of the epoch, counted from 0. Call step() after each epoch."""

from bisect import bisect_right
from math import cos, pi


class Schedule:
    """The base: a subclass defines `rate(epoch, base_lr)`, where base_lr is the learning rate at the start.

    Each group of the optimizer's parameters goes its own way, from the rate that it began with.
    """

    def __init__(self, optimizer):
        self.optimizer, self.base_lrs = optimizer, [group["lr"] for group in optimizer.param_groups]
        self.set_epoch(0)

    def rate(self, epoch, base_lr):
        raise NotImplementedError(f"{type(self).__name__} must define rate(self, epoch, base_lr)")

    def set_epoch(self, epoch):
        """Go to an epoch, from wherever."""
        self.epoch = epoch
        for group, base_lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = self.rate(epoch, base_lr)

    def step(self):
        """Go to the next epoch."""
        self.set_epoch(self.epoch + 1)


class StepLR(Schedule):
    """Multiply the rate by gamma every step_size epochs."""

    def __init__(self, optimizer, step_size, gamma=0.1):
        if step_size < 1:
            raise ValueError(f"StepLR: step_size must be at least 1 epoch, got {step_size}")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def rate(self, epoch, base_lr):
        return base_lr * self.gamma ** (epoch // self.step_size)


class MultiStepLR(Schedule):
    """Multiply the rate by gamma at each of the epochs in milestones."""

    def __init__(self, optimizer, milestones, gamma=0.1):
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer)

    def rate(self, epoch, base_lr):
        return base_lr * self.gamma ** bisect_right(self.milestones, epoch)


class CosineAnnealingLR(Schedule):
    """Fall from the base rate to eta_min along half a cosine over T_max epochs (Loshchilov and Hutter 2017).

    >>> from minidl import Tensor, optim
    >>> optimizer = optim.SGD([Tensor([0.0])], lr=1.0)
    >>> schedule = CosineAnnealingLR(optimizer, T_max=4)
    >>> [round(schedule.rate(epoch, 1.0), 3) for epoch in range(5)]
    [1.0, 0.854, 0.5, 0.146, 0.0]
    """

    def __init__(self, optimizer, T_max, eta_min=0.0):  # noqa: N803 - PyTorch's name
        if T_max < 1:
            raise ValueError(f"CosineAnnealingLR: T_max must be at least 1 epoch, got {T_max}")
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def rate(self, epoch, base_lr):
        return self.eta_min + (base_lr - self.eta_min) * (1 + cos(pi * min(epoch, self.T_max) / self.T_max)) / 2
