"""The fully connected layer."""

from minidl.autograd import Op
from minidl.kernels.matrix import product

from .checks import check_floating


class Linear(Op):
    """y = x w^T + b; gx = gy w, gw = gy^T x, gb = sum of gy over the batch.

    x (..., I), w (O, I), b (O,) or None; y (..., O).
    """

    def forward(self, x, w, b=None):
        check_floating("linear", x, w=w, b=b)
        if w.ndim != 2 or x.ndim < 1 or x.shape[-1] != w.shape[1] or not w.shape[1]:
            hint = " Flatten the images first: x.flatten(1)." if x.ndim > 2 else ""
            raise ValueError(
                f"linear: x has {x.shape[-1] if x.ndim else 0} features but w expects {w.shape[-1]} "
                f"(x {x.shape}, w {w.shape} as (outputs, inputs)).{hint}"
            )
        if b is not None and b.shape != (w.shape[0],):
            raise ValueError(f"linear: b must have shape ({w.shape[0]},), one value an output, got {b.shape}")
        self.saved = x, w, b is not None
        y = product(x.reshape(-1, w.shape[1]), w.T)
        y = y if b is None else y + b
        return y.reshape(*x.shape[:-1], w.shape[0])

    def backward(self, gy):
        x, w, biased = self.saved
        rows, gy_rows = x.reshape(-1, w.shape[1]), gy.reshape(-1, w.shape[0])
        gx = product(gy_rows, w).reshape(x.shape) if self.needs[0] else None
        gw = product(gy_rows.T, rows) if self.needs[1] else None
        gb = gy_rows.sum(axis=0) if biased and self.needs[2] else None
        return (gx, gw, gb)[: len(self.needs)]
