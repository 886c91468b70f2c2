"""Losses as modules."""

from minidl import functional as F

from .module import Module


class _Loss(Module):
    """A function of tensors, and its settings, which are attributes of the same names."""

    function = None

    def __init__(self, **settings):
        super().__init__()
        self.settings = tuple(settings)
        for name, value in settings.items():
            setattr(self, name, value)

    def forward(self, *inputs):
        return self.function(*inputs, **{name: getattr(self, name) for name in self.settings})

    def extra_repr(self):
        values = {name: getattr(self, name) for name in self.settings}
        return ", ".join(f"{name}={value!r}" for name, value in values.items() if value is not None)


class CrossEntropyLoss(_Loss):
    """The mean of -log softmax(logits)[target]; see functional.cross_entropy."""

    function = staticmethod(F.cross_entropy)

    def __init__(self, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
        super().__init__(weight=weight, ignore_index=ignore_index, reduction=reduction, label_smoothing=label_smoothing)


class NLLLoss(_Loss):
    """The mean of -x[target] from log-probabilities; see functional.nll_loss."""

    function = staticmethod(F.nll_loss)

    def __init__(self, weight=None, ignore_index=-100, reduction="mean"):
        super().__init__(weight=weight, ignore_index=ignore_index, reduction=reduction)


class HingeLoss(_Loss):
    """The multiclass SVM loss, sum_{j != y} max(0, x_j - x_y + margin), or per class; see functional.hinge_loss."""

    function = staticmethod(F.hinge_loss)

    def __init__(self, margin=1.0, form="weston-watkins", reduction="mean"):
        super().__init__(margin=margin, form=form, reduction=reduction)


class MultiMarginLoss(_Loss):
    """The multiclass SVM loss divided by the number of classes; see functional.multi_margin_loss."""

    function = staticmethod(F.multi_margin_loss)

    def __init__(self, p=1, margin=1.0, weight=None, reduction="mean"):
        super().__init__(p=p, margin=margin, weight=weight, reduction=reduction)


class MSELoss(_Loss):
    """The mean of (x - target)^2; see functional.mse_loss."""

    function = staticmethod(F.mse_loss)

    def __init__(self, reduction="mean"):
        super().__init__(reduction=reduction)


class L1Loss(_Loss):
    """The mean of |x - target|; see functional.l1_loss."""

    function = staticmethod(F.l1_loss)

    def __init__(self, reduction="mean"):
        super().__init__(reduction=reduction)


class SmoothL1Loss(_Loss):
    """Squared up to beta, absolute beyond, with slope 1; see functional.smooth_l1_loss."""

    function = staticmethod(F.smooth_l1_loss)

    def __init__(self, reduction="mean", beta=1.0):
        super().__init__(reduction=reduction, beta=beta)


class HuberLoss(_Loss):
    """Squared up to delta, absolute beyond, with slope delta; see functional.huber_loss."""

    function = staticmethod(F.huber_loss)

    def __init__(self, reduction="mean", delta=1.0):
        super().__init__(reduction=reduction, delta=delta)


class BCEWithLogitsLoss(_Loss):
    """Binary cross entropy of logits, for labels of which several may hold; see functional's function of that name."""

    function = staticmethod(F.binary_cross_entropy_with_logits)

    def __init__(self, weight=None, reduction="mean", pos_weight=None):
        super().__init__(weight=weight, reduction=reduction, pos_weight=pos_weight)


class FocalLoss(_Loss):
    """Binary cross entropy in which what is easy counts little, a loss each; see functional.sigmoid_focal_loss."""

    function = staticmethod(F.sigmoid_focal_loss)

    def __init__(self, alpha=0.25, gamma=2, reduction="none"):
        super().__init__(alpha=alpha, gamma=gamma, reduction=reduction)


class KLDivLoss(_Loss):
    """The Kullback-Leibler divergence from log-probabilities; see functional.kl_div."""

    function = staticmethod(F.kl_div)

    def __init__(self, reduction="mean", log_target=False):
        super().__init__(reduction=reduction, log_target=log_target)


class DiceLoss(_Loss):
    """1 - the Dice coefficient of each image and channel; see functional.dice_loss."""

    function = staticmethod(F.dice_loss)

    def __init__(self, smooth=1.0, reduction="mean"):
        super().__init__(smooth=smooth, reduction=reduction)


class CosineSimilarity(_Loss):
    """The cosine of the angle between vectors; see functional.cosine_similarity."""

    function = staticmethod(F.cosine_similarity)

    def __init__(self, dim=1, eps=1e-8):
        super().__init__(dim=dim, eps=eps)


class ContrastiveLoss(_Loss):
    """Pairs of one kind together, others a margin apart; see functional.contrastive_loss."""

    function = staticmethod(F.contrastive_loss)

    def __init__(self, margin=1.0, reduction="mean"):
        super().__init__(margin=margin, reduction=reduction)


class TripletMarginLoss(_Loss):
    """An anchor nearer to its positive than to its negative; see functional.triplet_margin_loss."""

    function = staticmethod(F.triplet_margin_loss)

    def __init__(self, margin=1.0, p=2, eps=1e-6, reduction="mean"):
        super().__init__(margin=margin, p=p, eps=eps, reduction=reduction)
