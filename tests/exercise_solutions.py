"""Worked solutions of the exercises, and mistakes to plant in them: a piece of the solution, what stands there
instead, and words from what the check has to say."""

import numpy as np


class Linear:
    def forward(self, x, w, b):
        self.saved = x, w
        return x @ w.T + b

    def backward(self, gy):
        x, w = self.saved
        return gy @ w, gy.T @ x, gy.sum(0)


class ReLU:
    def forward(self, x):
        self.x = x
        return np.maximum(x, 0)

    def backward(self, gy):
        return (gy * (self.x > 0),)


class SoftmaxCrossEntropy:
    def __init__(self, targets):
        self.targets = targets

    def forward(self, x):
        z = x - x.max(axis=1, keepdims=True)
        log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        self.p = np.exp(log_p)
        return -log_p[np.arange(len(x)), self.targets].mean()

    def backward(self, gy):
        gx = self.p.copy()
        gx[np.arange(len(gx)), self.targets] -= 1
        return (gx * gy / len(gx),)


class Conv2d:
    def __init__(self, stride=1, padding=0):
        self.s, self.p = stride, padding

    def forward(self, x, w, b):
        p, s = self.p, self.s
        xp = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        kh, kw = w.shape[2:]
        views = np.lib.stride_tricks.sliding_window_view(xp, (kh, kw), axis=(2, 3))[:, :, ::s, ::s]
        self.saved = xp, w, views
        return np.einsum("nchwkl,ockl->nohw", views, w) + b[:, None, None]

    def backward(self, gy):
        (xp, w, views), p, s = self.saved, self.p, self.s
        kh, kw = w.shape[2:]
        gxp = np.zeros_like(xp)
        for i in range(gy.shape[2]):
            for j in range(gy.shape[3]):
                window = (..., slice(i * s, i * s + kh), slice(j * s, j * s + kw))
                gxp[window] += np.einsum("no,ockl->nckl", gy[:, :, i, j], w)
        gx = gxp[:, :, p : gxp.shape[2] - p, p : gxp.shape[3] - p]
        return gx, np.einsum("nohw,nchwkl->ockl", gy, views), gy.sum((0, 2, 3))


class MaxPool2d:
    def __init__(self, kernel_size, stride):
        self.k, self.s = kernel_size, stride

    def forward(self, x):
        self.x = x
        oh, ow = ((n - self.k) // self.s + 1 for n in x.shape[2:])
        y = np.empty((*x.shape[:2], oh, ow), x.dtype)
        self.best = np.empty(y.shape, int)
        for i in range(oh):
            for j in range(ow):
                window = x[:, :, i * self.s : i * self.s + self.k, j * self.s : j * self.s + self.k]
                flat = window.reshape(*x.shape[:2], -1)
                y[:, :, i, j] = flat.max(axis=2)
                self.best[:, :, i, j] = flat.argmax(axis=2)
        return y

    def backward(self, gy):
        gx = np.zeros_like(self.x)
        for n, c, i, j in np.ndindex(gy.shape):
            row, column = divmod(self.best[n, c, i, j], self.k)
            gx[n, c, i * self.s + row, j * self.s + column] += gy[n, c, i, j]
        return (gx,)


class BatchNorm:
    def __init__(self, eps=1e-5):
        self.eps = eps

    def forward(self, x, w, b):
        axes = (0, 2, 3)
        mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
        self.std = np.sqrt(variance + self.eps)
        self.xhat = (x - mean) / self.std
        self.w = w[:, None, None]
        return self.w * self.xhat + b[:, None, None]

    def backward(self, gy):
        axes = (0, 2, 3)
        gw, gb = (gy * self.xhat).sum(axes), gy.sum(axes)
        g = gy * self.w
        through_mean = g.mean(axes, keepdims=True)
        through_variance = self.xhat * (g * self.xhat).mean(axes, keepdims=True)
        return (g - through_mean - through_variance) / self.std, gw, gb


class Dropout:
    def __init__(self, p=0.5):
        self.p = p

    def forward(self, x):
        self.mask = np.random.random(x.shape) >= self.p
        return x * self.mask / (1 - self.p)

    def backward(self, gy):
        return (gy * self.mask / (1 - self.p),)


class SGD:
    def __init__(self, lr, momentum):
        self.lr, self.momentum, self.v = lr, momentum, 0

    def step(self, w, g):
        self.v = self.momentum * self.v + g
        return w - self.lr * self.v


class Adam:
    def __init__(self, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        self.lr, (self.b1, self.b2), self.eps = lr, betas, eps
        self.m = self.v = self.t = 0

    def step(self, w, g):
        self.t += 1
        self.m = self.b1 * self.m + (1 - self.b1) * g
        self.v = self.b2 * self.v + (1 - self.b2) * g**2
        m = self.m / (1 - self.b1**self.t)
        v = self.v / (1 - self.b2**self.t)
        return w - self.lr * m / (np.sqrt(v) + self.eps)


def im2col(x, kernel_size, stride=1, padding=0):
    (kh, kw), p = kernel_size, padding
    xp = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
    views = np.lib.stride_tricks.sliding_window_view(xp, (kh, kw), axis=(2, 3))[:, :, ::stride, ::stride]
    return views.transpose(1, 4, 5, 0, 2, 3).reshape(x.shape[1] * kh * kw, -1)


class Hinge:
    def __init__(self, targets):
        self.targets = targets

    def forward(self, x):
        rows = np.arange(len(x))
        margins = np.maximum(0, x - x[rows, self.targets][:, None] + 1)
        margins[rows, self.targets] = 0
        self.violated = (margins > 0).astype(x.dtype)
        return margins.sum() / len(x)

    def backward(self, gy):
        gx = self.violated.copy()
        gx[np.arange(len(gx)), self.targets] -= gx.sum(axis=1)
        return (gx * gy / len(gx),)


SOLUTIONS = {
    "linear": Linear, "relu": ReLU, "softmax_cross_entropy": SoftmaxCrossEntropy, "conv2d": Conv2d,
    "max_pool2d": MaxPool2d, "batch_norm": BatchNorm, "dropout": Dropout, "sgd_momentum": SGD, "adam": Adam,
    "im2col": im2col, "hinge": Hinge,
}  # fmt: skip

PLANTED = {
    "linear": [
        (" + b", "", "bias is left out"),
        ("w.T", "w", "weights are used transposed"),
        ("gy.sum(0)", "gy", "not summed over the batch"),
        ("gy.sum(0)", "gy.sum(1)", "wrong axis"),
        ("gy.sum(0)", "gy.mean(0)", "gb is divided by N"),
        ("gy @ w,", "gy @ w.T,", "transposed in gx"),
        ("gy.T @ x", "x.T @ gy", "gw is transposed"),
        ("gy.T @ x", "-gy.T @ x", "gw has the wrong sign"),
        ("return gy @ w, gy.T @ x", "return gy.T @ x, gy @ w", "in the place of gx stands gw"),
    ],
    "relu": [
        ("gy * (self.x > 0)", "gy", "negative as well"),
        ("gy * (self.x > 0)", "gy * (gy > 0)", "instead of where x is"),
        ("gy * (self.x > 0)", "self.x > 0", "without gy"),
        ("self.x > 0", "self.x < 0", "wrong side"),
        ("maximum", "minimum", "min(x, 0)"),
        ("np.maximum(x, 0)", "abs(x)", "absolute value"),
        ("np.maximum(x, 0)", "x > 0", "0 or 1"),
    ],
    "softmax_cross_entropy": [
        (".mean()", ".sum()", "added, not averaged"),
        (" / len(gx)", "", "N times too large"),
        ("axis=1", "axis=0", "wrong axis"),
        ("x - x.max(axis=1, keepdims=True)", "x", "overflow"),
        ("-log_p[", "log_p[", "minus sign"),
        ("-= 1", "-= 0", "targets are not subtracted"),
        (" * gy", "", "gy is left out"),
        ("self.targets].mean()", "self.targets]", "losses are not averaged"),
        ("-log_p[np", "-np.exp(log_p)[np", "log is left out"),
    ],
    "conv2d": [
        (" + b[:, None, None]", "", "bias is left out"),
        ("views, w)", "views, w[:, :, ::-1, ::-1])", "kernel is flipped."),
        ("[:, :, ::s, ::s]", "", "stride is left out"),
        ("gxp[:, :, p : gxp.shape[2] - p, p : gxp.shape[3] - p]", "gxp", "padding is not cut off"),
        ("+= np", "= np", "overwrite each other"),
        ("gy[:, :, i, j], w)", "gy[:, :, i, j], w[:, :, ::-1, ::-1])", "flipped in gx"),
        ("(0, 2, 3)", "(2, 3)", "not summed over the batch"),
        ("(0, 2, 3)", "0", "not summed over the positions"),
        ('"nohw,nchwkl->ockl"', '"nohw,nchwkl->cokl"', "channels of gw are swapped"),
        ("gy, views)", "gy, views) / len(gy)", "gw is divided by N"),
        ("ockl->nohw", "cokl->nohw", "channels of w are swapped"),
    ],
    "max_pool2d": [
        ("flat.max(axis=2)", "np.maximum(0, flat.max(axis=2))", "starts from 0"),
        ("flat.max(axis=2)", "flat.mean(axis=2)", "mean of each window"),
        ("flat.max(axis=2)", "flat.min(axis=2)", "smallest value"),
        ("flat.argmax(axis=2)", "flat.shape[2] - 1 - flat[..., ::-1].argmax(axis=2)", "last of equal values"),
        ("+= gy", "= gy", "overwrite each other"),
        ("flat.argmax(axis=2)", "0", "corner of the window"),
        ("flat.argmax(axis=2)", "flat.argmin(axis=2)", "goes to the smallest"),
        ("kernel_size, stride\n", "kernel_size, kernel_size\n", "stride is left out"),
    ],
    "batch_norm": [
        ("x.var(axes, keepdims=True)", "x.var(axes, keepdims=True, ddof=1)", "divided by n - 1"),
        ("np.sqrt(variance + self.eps)", "np.sqrt(variance) + self.eps", "outside the root"),
        ("np.sqrt(variance + self.eps)", "variance + self.eps", "not by its root"),
        ("g - through_mean - ", "g - ", "through the mean"),
        ("g - through_mean - through_variance", "g - through_mean", "through the variance"),
        ("g - through_mean - through_variance", "g", "taken for constants"),
        ("g = gy * self.w", "g = gy", "w is left out of gx"),
        ("axes = (0, 2, 3)\n        mean", "axes = (2, 3)\n        mean", "each image has"),
        ("axes = (0, 2, 3)\n        mean", "axes = (1, 2, 3)\n        mean", "normalized together"),
        ("gy.sum(axes)", "gy.sum((2, 3))", "gb is not summed over the batch"),
        ("(gy * self.xhat).sum(axes)", "(gy * self.xhat).mean(axes)", "gw is averaged"),
    ],
    "dropout": [
        ("x * self.mask / (1 - self.p)", "x * self.mask", "not rescaled"),
        ("x * self.mask / (1 - self.p)", "x * self.mask / self.p", "divided by p"),
        ("gy * self.mask / (1 - self.p)", "gy * self.mask", "gx is not rescaled"),
        ("gy * self.mask / (1 - self.p)", "gy", "does not know the mask"),
        ("gy * self.mask /", "gy * (np.random.random(gy.shape) >= self.p) /", "masks of forward and backward differ"),
        (">=", "<", "probability to stay"),
        ("x.shape", "x.shape[1:]", "the same mask"),
        ("x * self.mask / (1 - self.p)", "x", "nothing is dropped."),
    ],
    "sgd_momentum": [
        ("w - self.lr", "w + self.lr", "uphill"),
        ("self.v = self.momentum * self.v + g", "self.v = g - self.momentum * self.v", "sign of the momentum"),
        ("self.momentum * self.v + g", "g", "momentum is left out"),
        ("self.v + g", "self.v + (1 - self.momentum) * g", "damped"),
        ("self.momentum * self.v + g", "self.momentum * (self.v + g)", "multiplied by momentum too"),
        ("self.lr * self.v", "self.v", "lr is left out"),
        ("self.v + g", "self.v + self.lr * g", "lr is used twice"),
    ],
    "adam": [
        ("self.m / (1 - self.b1**self.t)", "self.m", "correction of m is left out"),
        ("self.v / (1 - self.b2**self.t)", "self.v", "correction of v is left out"),
        ("w - self.lr", "w + self.lr", "uphill"),
        ("np.sqrt(v) + self.eps", "np.sqrt(v + self.eps)", "inside the root"),
        ("np.sqrt(v)", "v", "root of v is left out"),
        ("g**2", "abs(g)", "not squared"),
        ("self.t += 1", "self.t += 1 + (self.t == 0)", "one step ahead"),
        ("(self.b1, self.b2)", "(self.b2, self.b1)", "swapped"),
        (" + self.eps)", ")", "eps is left out"),
    ],
    "im2col": [
        ("(1, 4, 5, 0, 2, 3)", "(1, 4, 5, 2, 3, 0)", "images fastest"),
        ("(1, 4, 5, 0, 2, 3)", "(1, 4, 5, 0, 3, 2)", "down each column"),
        ("(1, 4, 5, 0, 2, 3)", "(4, 5, 1, 0, 2, 3)", "channels fastest"),
        ("(1, 4, 5, 0, 2, 3)", "(1, 5, 4, 0, 2, 3)", "columns of the kernel are swapped"),
        ("[:, :, ::stride, ::stride]", "", "stride is left out"),
        ("p = kernel_size, padding", "p = kernel_size, 0", "padding is left out"),
        (".reshape(x.shape[1] * kh * kw, -1)", ".reshape(x.shape[1] * kh * kw, -1).T", "y is transposed"),
    ],
    "hinge": [
        ("margins[rows, self.targets] = 0", "pass", "right class is counted"),
        (" / len(x)", "", "added, not averaged"),
        ("[:, None] + 1", "[:, None]", "margin of 1"),
        ("x - x[rows, self.targets][:, None]", "x[rows, self.targets][:, None] - x", "wrong way round"),
        ("-= gx.sum(axis=1)", "= 0", "gets no gradient"),
        ("-= gx.sum(axis=1)", "= -1", "gets -1"),
        (" / len(gx)", "", "N times too large"),
        ("gx * gy /", "gx /", "gy is left out"),
    ],
}
