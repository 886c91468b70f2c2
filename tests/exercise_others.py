"""Right answers to the exercises written in another way than the worked solutions, many of them by minidl's own ops."""

from functools import partial

import numpy as np

from minidl import Tensor, ops, optim
from minidl.kernels import windows


def optimizer(cls):
    """An optimizer of minidl's in the form that the exercises ask for."""

    class Answer:
        def __init__(self, **settings):
            self.w = Tensor(np.zeros(1), requires_grad=True)
            self.optimizer = cls([self.w], **settings)

        def step(self, w, g):
            self.w.data, self.w.grad = w, g
            self.optimizer.step()
            return w

    return Answer


class LoopHinge:
    """One example at a time."""

    def __init__(self, targets):
        self.targets = targets

    def forward(self, x):
        self.gx, total = np.zeros_like(x), 0
        for row, gradient, t in zip(x, self.gx, self.targets, strict=True):
            for k in range(len(row)):
                if k != t and row[k] + 1 > row[t]:
                    total = total + (row[k] - row[t] + 1) / len(x)
                    gradient[k] += 1
                    gradient[t] -= 1
        return total

    def backward(self, gy):
        return [self.gx * gy / len(self.gx)]


class ScaledInPlace:
    """Adagrad, and with a decay RMSProp, on arrays that stay where they are."""

    def __init__(self, lr, eps, decay=None):
        self.lr, self.eps, self.v = lr, eps, None
        self.old, self.new = (1, 1) if decay is None else (decay, 1 - decay)

    def step(self, w, g):
        self.v = np.zeros_like(w) if self.v is None else self.v
        self.v *= self.old
        self.v += self.new * np.square(g)
        w -= self.lr * g / (self.v**0.5 + self.eps)
        return w


def slow_iou(a, b):
    """By counting: every box is cut at all edges, and the rectangles between them are added up."""
    y = np.zeros((len(a), len(b)), a.dtype)
    for i, j in np.ndindex(y.shape):
        xs, ys = (np.unique(np.r_[a[i, k::2], b[j, k::2]]) for k in (0, 1))
        middles = [(p, q) for p in zip(xs, xs[1:], strict=False) for q in zip(ys, ys[1:], strict=False)]
        covered = [[box[0] <= p[0] < box[2] and box[1] <= q[0] < box[3] for p, q in middles] for box in (a[i], b[j])]
        sizes = np.array([(p[1] - p[0]) * (q[1] - q[0]) for p, q in middles])
        y[i, j] = sizes @ np.logical_and(*covered) / (sizes @ np.logical_or(*covered))
    return y


def sequential_nms(boxes, scores, threshold):
    """Crossing out in a table of all overlaps."""
    overlap, alive, kept = slow_iou(boxes, boxes) > threshold, np.ones(len(boxes), bool), []
    while alive.any():
        kept.append(int(np.where(alive, scores, -np.inf).argmax()))
        alive &= ~overlap[kept[-1]]
    return kept


def encode_one(box, anchor):
    (x0, y0, x1, y1), (a0, b0, a1, b1) = box, anchor
    w, h = a1 - a0, b1 - b0
    dx, dy = (x0 + x1 - a0 - a1) / (2 * w), (y0 + y1 - b0 - b1) / (2 * h)
    return np.stack([dx, dy, np.log(x1 - x0) - np.log(w), np.log(y1 - y0) - np.log(h)])


def riemann(precision, recall, voc07):
    """The curve as a function of recall, summed where it is a step; both ways are sums over levels."""
    levels = np.linspace(0, 1, 11) if voc07 else np.unique(recall)
    best = np.array([max(precision[recall > level - 1e-9], default=0.0) for level in levels])
    return best.mean() if voc07 else float(best @ np.diff(np.r_[0, levels]))


class OneRow:
    """A convolution of an image that is one row, by minidl's op."""

    def __init__(self, stride, padding):
        self.op = ops.Conv2d(stride=(1, stride), padding=(0, padding))

    def forward(self, x, w):
        return self.op.forward(x[None, None, None], w[None, None, None])[0, 0, 0]

    def backward(self, gy):
        return tuple(g[0, 0, 0] for g in self.op.backward(gy[None, None, None])[:2])


class Transposed:
    """A convolution with its two ways exchanged, by minidl's op."""

    def __init__(self, stride, padding):
        self.settings = dict(stride=stride, padding=padding)

    def forward(self, x, w):
        sizes = [(n - 1) * self.settings["stride"] + k for n, k in zip(x.shape[2:], w.shape[2:], strict=True)]
        y = np.zeros((len(x), w.shape[1], *(n - 2 * self.settings["padding"] for n in sizes)), x.dtype)
        self.saved = x, w
        return self.conv(y, w, x)[0]

    def backward(self, gy):
        x, w = self.saved
        op = ops.Conv2d(**self.settings)
        gx = op.forward(gy, w)
        return gx, op.backward(x)[1]

    def conv(self, y, w, x):
        op = ops.Conv2d(**self.settings)
        op.forward(y, w)
        return op.backward(x)


def scale_of_fan(shape, method, distribution):
    """By the size of what one output, or one input, has to do with."""
    w = np.empty(shape)
    fan = w[0].size if method == "he" else w[0].size + w[:, 0].size
    return ({"normal": 2, "uniform": 6}[distribution] / fan) ** 0.5


OTHERS = {
    "linear": ops.Linear,
    "relu": ops.ReLU,
    "softmax_cross_entropy": ops.CrossEntropy,
    "conv2d": ops.Conv2d,
    "max_pool2d": ops.MaxPool2d,
    "batch_norm": lambda eps: ops.BatchNorm(eps=eps),
    "dropout": ops.Dropout,
    "sgd_momentum": optimizer(optim.SGD),
    "adam": optimizer(optim.Adam),
    "im2col": lambda x, kernel_size, stride, padding: windows.im2col(x, kernel_size, (stride,) * 2, (padding,) * 2),
    "hinge": LoopHinge,
    "conv_transpose2d": Transposed,
    "convolution_matrix": lambda w, length, stride, padding: np.stack(
        [OneRow(stride, padding).forward(unit, w) for unit in np.eye(length, dtype=w.dtype)], axis=1
    ),
    "conv1d": OneRow,
    "nesterov": optimizer(partial(optim.SGD, nesterov=True)),
    "adagrad": ScaledInPlace,
    "rmsprop": ScaledInPlace,
    "iou": slow_iou,
    "non_maximum_suppression": sequential_nms,
    "box_coding": lambda boxes, anchors: np.stack([encode_one(*pair) for pair in zip(boxes, anchors, strict=True)]),
    "average_precision": riemann,
    "max_unpool2d": lambda indices, output_size: ops.MaxUnpool2d(
        indices,
        tuple(large // small for large, small in zip(output_size, indices.shape[2:], strict=True)),
        output_size=output_size,
    ),
    "local_response_norm": ops.LocalResponseNorm,
    "xavier_he_init": scale_of_fan,
    "roi_pooling": ops.RoIPool,
}
