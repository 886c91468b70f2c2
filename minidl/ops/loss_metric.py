"""How alike two vectors are, and losses that draw vectors of the same kind together and others apart."""

from minidl import backend
from minidl.autograd import Op
from minidl.kernels.checks import check_axes

from .loss import Loss, check_same_shape


class CosineSimilarity(Op):
    """The cosine of the angle between x1 and x2, of one shape, along the axis dim: x1 . x2 / (n1 n2).

    n1 = max(|x1|, eps) and n2 likewise, so that a vector of zeros gives 0. With u = x1 / n1, v = x2 / n2, y = u . v

        g1 = gy (v - y u) / n1,   g2 = gy (u - y v) / n2,   without y u (or y v) where the norm is below eps

    >>> import numpy as np
    >>> CosineSimilarity().forward(np.array([[1.0, 0.0], [2.0, 2.0]]), np.array([[0.0, 3.0], [1.0, 1.0]])).round(6)
    array([0., 1.])
    """

    name = "cosine_similarity"

    def __init__(self, dim=1, eps=1e-8):
        if not eps > 0:
            raise ValueError(f"{self.name}: eps must be above 0, or a vector of zeros is 0 / 0, got {eps}")
        self.dim, self.eps = dim, eps

    def forward(self, x1, x2):
        check_same_shape(self.name, x1=x1, x2=x2)
        check_axes(x1.shape, (self.dim,))
        (u, n1), (v, n2) = self._unit(x1), self._unit(x2)
        y = (u * v).sum(axis=self.dim, keepdims=True)
        self.saved = u, n1, v, n2, y
        return backend.get_array_module(y).asarray(y.squeeze(self.dim))

    def backward(self, gy):
        u, n1, v, n2, y = self.saved
        gy = backend.get_array_module(gy).expand_dims(gy, self.dim)
        g1 = gy / n1 * (v - y * (n1 > self.eps) * u) if self.needs[0] else None
        g2 = gy / n2 * (u - y * (n2 > self.eps) * v) if self.needs[1] else None
        return g1, g2

    def _unit(self, x):
        xp = backend.get_array_module(x)
        norm = xp.maximum(xp.sqrt((x * x).sum(axis=self.dim, keepdims=True)), self.eps)
        return x / norm, norm


class Contrastive(Loss):
    """Draw pairs of the same kind together, and push others at least a margin apart: the mean over pairs of

        d^2 / 2 where they are the same, else max(0, margin - d)^2 / 2,   d = |x1 - x2| along the last axis

    x1 and x2 (N, D), same (N,) of booleans. g1 = gy (x1 - x2) or -gy (margin - d) / d (x1 - x2), 0 beyond the margin
    (and at d = 0, where there is no direction to push), and g2 = -g1. Hadsell, Chopra and LeCun, Dimensionality
    Reduction by Learning an Invariant Mapping, 2006, equation 4; their Y is 0 for the same kind, `same` is True.

    >>> import numpy as np
    >>> op = Contrastive(same=np.array([True, False]), margin=2.0, reduction="none")
    >>> op.forward(np.array([[3.0, 4.0], [0.0, 1.0]]), np.zeros((2, 2)))
    array([12.5,  0.5])
    """

    name = "contrastive_loss"

    def __init__(self, same, margin=1.0, reduction="mean"):
        super().__init__(reduction)
        if same.dtype != bool:
            raise TypeError(f"{self.name}: same must be boolean, True where a pair is of one kind, got {same.dtype}")
        self.same, self.margin = same, margin

    def forward(self, x1, x2):
        check_same_shape(self.name, x1=x1, x2=x2)
        if x1.ndim == 0 or self.same.shape != x1.shape[:-1]:
            raise ValueError(
                f"{self.name}: vectors {x1.shape}, as (N, D), need one boolean a pair, got {self.same.shape}"
            )
        xp = backend.get_array_module(x1, x2, self.same)
        apart = x1 - x2
        d = xp.sqrt((apart * apart).sum(axis=-1))
        short = xp.maximum(self.margin - d, 0)  # of the margin
        self.saved = apart, d, short
        return self.reduce(xp.where(self.same, d * d, short * short) / 2)

    def backward(self, gy):
        apart, d, short = self.saved
        xp = backend.get_array_module(apart)
        pull = xp.where(self.same, 1, -short / xp.where(d > 0, d, 1))
        g1 = (self.each(gy) * pull)[..., None] * apart
        return g1, -g1 if self.needs[1] else None


class TripletMargin(Loss):
    """Bring an anchor nearer to a positive than to a negative by a margin; all three (..., D), of one shape.

        loss = mean of max(0, margin + d(anchor, positive) - d(anchor, negative)),   d(a, b) = |a - b + eps|_p

    |u|_p = (sum |u|^p)^(1 / p) along the last axis, whose gradient is e(u) = sign(u) (|u| / |u|_p)^(p - 1). Where the
    loss is positive, with u and v the two differences: ga = gy (e(u) - e(v)), gp = -gy e(u), gn = gy e(v). Schroff,
    Kalenichenko and Philbin, FaceNet, 2015, section 3.1 (with squared distances there; this is PyTorch's form).

    >>> import numpy as np
    >>> anchor, positive, negative = np.array([[0.0, 0.0]]), np.array([[3.0, 0.0]]), np.array([[0.0, 2.0]])
    >>> float(TripletMargin().forward(anchor, positive, negative).round(4))
    2.0
    """

    name = "triplet_margin_loss"

    def __init__(self, margin=1.0, p=2, eps=1e-6, reduction="mean"):
        super().__init__(reduction)
        if not 1 <= p < float("inf"):
            raise ValueError(f"{self.name}: p must be a number from 1, got {p}")
        self.margin, self.p, self.eps = margin, p, eps

    def forward(self, anchor, positive, negative):
        check_same_shape(self.name, anchor=anchor, positive=positive, negative=negative)
        if anchor.ndim == 0:
            raise ValueError(f"{self.name}: expected vectors along the last axis, got single numbers")
        near, far = anchor - positive + self.eps, anchor - negative + self.eps
        d_near, d_far = self._norm(near), self._norm(far)
        losses = backend.get_array_module(anchor).maximum(self.margin + d_near - d_far, 0)
        self.saved = near, d_near, far, d_far, losses
        return self.reduce(losses)

    def backward(self, gy):
        near, d_near, far, d_far, losses = self.saved
        gy = (self.each(gy) * (losses > 0))[..., None]
        g_near, g_far = gy * self._direction(near, d_near), gy * self._direction(far, d_far)
        return g_near - g_far, -g_near, g_far

    def _norm(self, u):
        return (abs(u) ** self.p).sum(axis=-1) ** (1 / self.p)

    def _direction(self, u, d):
        """The gradient of |u|_p, 0 where that is 0."""
        xp = backend.get_array_module(u)
        return xp.sign(u) * (abs(u) / xp.where(d > 0, d, 1)[..., None]) ** (self.p - 1)
