"""Pooling of regions by nested loops, after the C++ of torchvision: for each output, the places it takes from.

Each function yields (index of y, [(index of x, weight)]); by_loops makes y and gx of it.
"""

import math

import numpy as np


def c_round(value):
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def bins(start, length, count, size):
    """range of the pixels in each bin, as the C++ of torchvision counts them, in whole numbers."""
    for i in range(count):
        first = start + (i * length) // count
        last = start + -((-(i + 1) * length) // count)
        yield range(min(max(first, 0), size), min(max(last, 0), size))


def roi_pool_loops(x, boxes, size, scale):
    """(y index, [(x index, weight)]) for each output: the place of the largest."""
    for k, (n, *corners) in enumerate(boxes):
        x1, y1, x2, y2 = (c_round(v * scale) for v in corners)
        for i, rows in enumerate(bins(y1, max(y2 - y1 + 1, 1), size[0], x.shape[2])):
            for j, columns in enumerate(bins(x1, max(x2 - x1 + 1, 1), size[1], x.shape[3])):
                for c in range(x.shape[1]):
                    best = None
                    for place in ((int(n), c, h, w) for h in rows for w in columns):
                        if best is None or x[place] > x[best]:
                            best = place
                    yield (k, c, i, j), [] if best is None else [(best, 1.0)]


def ps_roi_pool_loops(x, boxes, size, scale):
    for k, (n, *corners) in enumerate(boxes):
        x1, y1, x2, y2 = (c_round(v * scale) for v in corners)
        for i, rows in enumerate(bins(y1, max(y2 - y1, 1), size[0], x.shape[2])):
            for j, columns in enumerate(bins(x1, max(x2 - x1, 1), size[1], x.shape[3])):
                for c in range(x.shape[1] // (size[0] * size[1])):
                    own = (c * size[0] + i) * size[1] + j
                    area = len(rows) * len(columns)
                    yield (k, c, i, j), [((int(n), own, h, w), 1 / area) for h in rows for w in columns]


def bilinear(v, u, height, width):
    """[(row, column, weight)] of the four pixels around (v, u); written after the C++, low and high."""
    v, u = max(v, 0.0), max(u, 0.0)
    top, left = int(v), int(u)
    if top >= height - 1:
        top = bottom = height - 1
        v = float(top)
    else:
        bottom = top + 1
    if left >= width - 1:
        left = right = width - 1
        u = float(left)
    else:
        right = left + 1
    down, across = v - top, u - left
    return [
        (top, left, (1 - down) * (1 - across)), (top, right, (1 - down) * across),
        (bottom, left, down * (1 - across)), (bottom, right, down * across),
    ]  # fmt: skip


def roi_align_loops(x, boxes, size, scale, ratio, aligned):
    height, width = x.shape[2:]
    for k, (n, *corners) in enumerate(boxes):
        x1, y1, x2, y2 = (v * scale - (0.5 if aligned else 0) for v in corners)
        h, w = (y2 - y1, x2 - x1) if aligned else (max(y2 - y1, 1), max(x2 - x1, 1))
        h, w = h / size[0], w / size[1]
        gh, gw = (ratio, ratio) if ratio > 0 else (math.ceil(h), math.ceil(w))
        for i, j in np.ndindex(size):
            taken = []
            for p, q in np.ndindex(gh, gw):
                v, u = y1 + i * h + (p + 0.5) * h / gh, x1 + j * w + (q + 0.5) * w / gw
                if -1 <= v <= height and -1 <= u <= width:
                    taken += bilinear(v, u, height, width)
            for c in range(x.shape[1]):
                yield (k, c, i, j), [((int(n), c, r, s), weight / max(gh * gw, 1)) for r, s, weight in taken]


def crop_loops(x, boxes, size):
    height, width = x.shape[2:]
    for k, (n, x1, y1, x2, y2) in enumerate(boxes):
        for i, j in np.ndindex(size):
            v = y1 + i * (y2 - y1) / (size[0] - 1) if size[0] > 1 else (y1 + y2) / 2
            u = x1 + j * (x2 - x1) / (size[1] - 1) if size[1] > 1 else (x1 + x2) / 2
            inside = 0 <= v <= height - 1 and 0 <= u <= width - 1
            for c in range(x.shape[1]):
                taken = bilinear(v, u, height, width) if inside else []
                yield (k, c, i, j), [((int(n), c, r, s), weight) for r, s, weight in taken]


def by_loops(loops, x, gy):
    """y and gx from an iterable of outputs and the weights with which they take from x."""
    y, gx = np.zeros(gy.shape), np.zeros(x.shape)
    for index, taken in loops:
        for place, weight in taken:
            y[index] += weight * x[place]
            gx[place] += weight * gy[index]
    return y, gx
