"""Worked solutions of the exercises."""

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


class Nesterov(SGD):
    def step(self, w, g):
        self.v = self.momentum * self.v + g
        step = g + self.momentum * self.v
        return w - self.lr * step


class Adagrad:
    def __init__(self, lr=0.01, eps=1e-10):
        self.lr, self.eps, self.v = lr, eps, 0

    def step(self, w, g):
        self.v = self.v + g**2
        return w - self.lr * g / (np.sqrt(self.v) + self.eps)


class RMSProp:
    def __init__(self, lr=0.01, decay=0.99, eps=1e-8):
        self.lr, self.decay, self.eps, self.v = lr, decay, eps, 0

    def step(self, w, g):
        self.v = self.decay * self.v + (1 - self.decay) * g**2
        return w - self.lr * g / (np.sqrt(self.v) + self.eps)


def iou(a, b):
    low, high = np.maximum(a[:, None, :2], b[:, :2]), np.minimum(a[:, None, 2:], b[:, 2:])
    shared = np.maximum(high - low, 0).prod(axis=2)
    areas_a, areas_b = ((x[:, 2:] - x[:, :2]).prod(axis=1) for x in (a, b))
    return shared / (areas_a[:, None] + areas_b - shared)


def nms(boxes, scores, threshold):
    kept, rest = [], np.argsort(-scores)
    while len(rest):
        best, rest = rest[0], rest[1:]
        kept.append(best)
        rest = rest[iou(boxes[[best]], boxes[rest])[0] <= threshold]
    return np.array(kept)


def encode(boxes, anchors):
    size, anchor_size = boxes[:, 2:] - boxes[:, :2], anchors[:, 2:] - anchors[:, :2]
    centre, anchor_centre = boxes[:, :2] + size / 2, anchors[:, :2] + anchor_size / 2
    return np.hstack([(centre - anchor_centre) / anchor_size, np.log(size / anchor_size)])


def average_precision(precision, recall, voc07):
    if voc07:
        return sum(np.max(precision[recall >= i / 10], initial=0) for i in range(11)) / 11
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return (np.diff(recall, prepend=0) * best).sum()


class Conv1d:
    def __init__(self, stride=1, padding=0):
        self.s, self.p = stride, padding

    def forward(self, x, w):
        xp = np.pad(x, self.p)
        self.saved = xp, w
        return np.lib.stride_tricks.sliding_window_view(xp, len(w))[:: self.s] @ w

    def backward(self, gy):
        xp, w = self.saved
        gx, gw = np.zeros_like(xp), np.zeros_like(w)
        for i, g in enumerate(gy):
            window = slice(i * self.s, i * self.s + len(w))
            gx[window] += g * w
            gw += g * xp[window]
        return gx[self.p : len(xp) - self.p], gw


def convolution_matrix(w, length, stride=1, padding=0):
    rows = (length + 2 * padding - len(w)) // stride + 1
    A = np.zeros((rows, length + 2 * padding), w.dtype)
    for i in range(rows):
        A[i, i * stride : i * stride + len(w)] = w
    return A[:, padding : padding + length]


class ConvTranspose2d:
    def __init__(self, stride=1, padding=0):
        self.s, self.p = stride, padding

    def taps(self, x, w):
        for i, j in np.ndindex(*w.shape[2:]):
            rows, columns = (slice(k, k + self.s * n, self.s) for k, n in zip((i, j), x.shape[2:], strict=True))
            yield i, j, (slice(None), slice(None), rows, columns)

    def forward(self, x, w):
        self.saved = x, w
        sizes = [(n - 1) * self.s + k for n, k in zip(x.shape[2:], w.shape[2:], strict=True)]
        y = np.zeros((len(x), w.shape[1], *sizes), x.dtype)
        for i, j, place in self.taps(x, w):
            y[place] += np.einsum("nchw,co->nohw", x, w[:, :, i, j])
        return y[:, :, self.p : sizes[0] - self.p, self.p : sizes[1] - self.p]

    def backward(self, gy):
        (x, w), p = self.saved, self.p
        gy = np.pad(gy, ((0, 0), (0, 0), (p, p), (p, p)))
        gx, gw = np.zeros_like(x), np.zeros_like(w)
        for i, j, place in self.taps(x, w):
            gx += np.einsum("nohw,co->nchw", gy[place], w[:, :, i, j])
            gw[:, :, i, j] = np.einsum("nchw,nohw->co", x, gy[place])
        return gx, gw


class MaxUnpool2d:
    def __init__(self, indices, output_size):
        rows, columns = np.divmod(indices, output_size[1])
        images, channels = np.ogrid[: len(indices), : indices.shape[1]]
        self.place = images[..., None, None], channels[..., None, None], rows, columns
        self.size = output_size

    def forward(self, x):
        y = np.zeros((*x.shape[:2], *self.size), x.dtype)
        y[self.place] = x
        return y

    def backward(self, gy):
        return (gy[self.place],)


class LocalResponseNorm:
    def __init__(self, size, alpha=1e-4, beta=0.75, k=1.0):
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k
        self.before, self.after = size // 2, (size - 1) // 2

    def near(self, values, before, after):
        padded = np.pad(values, ((0, 0), (before, after), (0, 0), (0, 0)))
        return sum(padded[:, i : i + values.shape[1]] for i in range(before + after + 1))

    def forward(self, x):
        self.x, self.s = x, self.k + self.alpha / self.size * self.near(x**2, self.before, self.after)
        return x * self.s**-self.beta

    def backward(self, gy):
        direct = gy * self.s**-self.beta
        through = self.x * self.near(direct * self.x / self.s, self.after, self.before)
        return (direct - 2 * self.alpha * self.beta / self.size * through,)


def init_scale(shape, method, distribution):
    area = np.prod(shape[2:])
    fan_in, fan_out = shape[1] * area, shape[0] * area
    variance = 2 / (fan_in + fan_out) if method == "xavier" else 2 / fan_in
    std = np.sqrt(variance)
    return np.sqrt(3) * std if distribution == "uniform" else std


class RoIPool:
    def __init__(self, boxes, output_size, spatial_scale=1.0):
        self.boxes, self.output_size, self.scale = boxes, output_size, spatial_scale

    def bins(self, start, stop, count, size):
        i, length = np.arange(count), stop - start + 1
        first, last = start + i * length // count, start - (-(i + 1) * length // count)
        return list(zip(first.clip(0, size), last.clip(0, size), strict=True))

    def forward(self, x):
        self.x, self.best = x, []
        y = np.zeros((len(self.boxes), x.shape[1], *self.output_size), x.dtype)
        for k, (image, *box) in enumerate(self.boxes):
            x0, y0, x1, y1 = np.rint(np.array(box) * self.scale).astype(int)
            rows, columns = (self.bins(*s) for s in zip((y0, x0), (y1, x1), self.output_size, x.shape[2:], strict=True))
            for i, j in np.ndindex(*self.output_size):
                part = x[int(image), :, slice(*rows[i]), slice(*columns[j])]
                if part.size:
                    flat = part.reshape(len(part), -1)
                    y[k, :, i, j] = flat.max(axis=1)
                    row, column = np.divmod(flat.argmax(axis=1), part.shape[2])
                    self.best.append((k, i, j, int(image), rows[i][0] + row, columns[j][0] + column))
        return y

    def backward(self, gy):
        gx, channels = np.zeros_like(self.x), np.arange(self.x.shape[1])
        for k, i, j, image, row, column in self.best:
            gx[image, channels, row, column] += gy[k, :, i, j]
        return (gx,)


SOLUTIONS = {
    "linear": Linear, "relu": ReLU, "softmax_cross_entropy": SoftmaxCrossEntropy, "conv2d": Conv2d,
    "max_pool2d": MaxPool2d, "batch_norm": BatchNorm, "dropout": Dropout, "sgd_momentum": SGD, "adam": Adam,
    "im2col": im2col, "hinge": Hinge, "nesterov": Nesterov, "adagrad": Adagrad, "rmsprop": RMSProp, "iou": iou,
    "conv_transpose2d": ConvTranspose2d, "convolution_matrix": convolution_matrix, "conv1d": Conv1d,
    "non_maximum_suppression": nms, "box_coding": encode, "average_precision": average_precision,
    "max_unpool2d": MaxUnpool2d, "local_response_norm": LocalResponseNorm, "xavier_he_init": init_scale,
    "roi_pooling": RoIPool,
}  # fmt: skip
