"""Exercises: pooling of regions of interest."""

import math

import numpy as np

from .exercise import Mistake, OpExercise


def rounded(value):
    return math.floor(value + 0.5)


def whole_bins(start, stop, count):
    """(first, last + 1) of the bins of one axis, from pixel `start` to pixel `stop`, both inside."""
    length = stop - start + 1
    return [(start + i * length // count, start - (-(i + 1) * length // count)) for i in range(count)]


def bins(boxes, output_size, spatial_scale, shape, round=rounded, cut=whole_bins):
    """(box, image, row and column of the bin, slices of its rows and columns), the image cut off at its border.

    round makes whole numbers of the corners; cut(start, stop, count) makes the bins of an axis.
    """
    for k, (image, *corners) in enumerate(boxes):
        x0, y0, x1, y1 = (round(spatial_scale * value) for value in corners)
        rows, columns = cut(y0, y1, output_size[0]), cut(x0, x1, output_size[1])
        for i, j in np.ndindex(*output_size):
            part = [
                slice(max(first, 0), max(min(last, size), 0))
                for (first, last), size in zip((rows[i], columns[j]), shape[2:], strict=True)
            ]
            yield k, int(image), i, j, *part


def roi_pool(x, boxes, output_size, spatial_scale, choose=np.max, empty=0.0, **change):
    y = np.zeros((len(boxes), x.shape[1], *output_size))
    for k, image, i, j, rows, columns in bins(boxes, output_size, spatial_scale, x.shape, **change):
        part = x[image, :, rows, columns]
        y[k, :, i, j] = choose(part, axis=(1, 2)) if part.size else empty
    return y


def other(**change):
    """Pooling with another way to round the corners, to cut the bins, to choose, or to fill empty bins."""
    return lambda r: roi_pool(r.x, **r.settings, **change)


def of_boxes(change):
    """The right pooling of other boxes."""
    return lambda r: roi_pool(r.x, **{**r.settings, "boxes": change(r.boxes)})


def first_image(boxes):
    return np.hstack([np.zeros((len(boxes), 1)), boxes[:, 1:]])


def inside_first(r):
    """Corners rounded and cut off at the image before the box is divided."""
    boxes = r.boxes.copy()
    for column, size in zip((1, 2, 3, 4), r.x.shape[:1:-1] * 2, strict=True):
        boxes[:, column] = np.clip(np.floor(boxes[:, column] * r.spatial_scale + 0.5), 0, size - 1)
    return roi_pool(r.x, boxes, r.output_size, 1.0)


def end_left_out(start, stop, count):
    return whole_bins(start, max(stop - 1, start), count)


def equal_bins(start, stop, count):
    """Bins of one whole size; what is left over at the end is not used."""
    size = (stop - start + 1) // count
    return [(start + i * size, start + (i + 1) * size) for i in range(count)]


def with_floors(start, stop, count):
    length = stop - start + 1
    return [(start + i * length // count, start + (i + 1) * length // count) for i in range(count)]


def with_ceilings(start, stop, count):
    length = stop - start + 1
    return [(start - (-i * length // count), start - (-(i + 1) * length // count)) for i in range(count)]


def gradient(r, share, add=True):
    """gx, where share(bin (C, rows, columns), gy (C,)) gives each place of a bin its part."""
    gx = np.zeros_like(r.x)
    for k, image, i, j, rows, columns in bins(r.boxes, r.output_size, r.spatial_scale, r.x.shape):
        place = image, slice(None), rows, columns
        if r.x[place].size:
            part = share(r.x[place], r.gy[k, :, i, j][:, None, None])
            gx[place] = gx[place] + part if add else np.where(part == 0, gx[place], part)
    return gx


def to_best(part, gy):
    return gy * (part == part.max(axis=(1, 2), keepdims=True))


def to_corner(part, gy):
    shared = np.zeros_like(part)
    shared[:, :1, :1] = gy
    return shared


def in_first_image(r):
    gx = np.zeros_like(r.x)
    gx[0] = r.gx.sum(axis=0)
    return gx


def of_last_box(r):
    """gx made anew for each box."""
    last = type(r)(**{**vars(r), "boxes": r.boxes[-1:], "gy": r.gy[-1:]})
    return gradient(last, to_best)


ROI_POOLING = OpExercise(
    name="roi_pooling",
    summary="a box of any size, pooled to one size",
    task="""\
RoI pooling (Girshick 2015, Fast R-CNN). Row k of boxes is (image, x0, y0, x1, y1). Multiply x0, y0, x1, y1 by
spatial_scale and round them to the nearest whole numbers (none lies exactly between two). Rows y0 to y1 and columns x0
to x1 belong to the box, both ends inside, so it has h = y1 - y0 + 1 rows. It is divided into PH x PW bins: those with
number i have the rows from y0 + floor(i h / PH) to y0 + ceil((i + 1) h / PH), that end not inside; columns likewise.
Then bins are cut off at the border of the image. y[k, c, i, j] is the largest x in bin (i, j) of channel c, and 0 where
nothing is left of the bin. Shapes: x (N, C, H, W), boxes (K, 5), y (K, C, PH, PW).
boxes, output_size = (PH, PW) and spatial_scale go to __init__. backward takes gy and returns (gx,).""",
    starter="""\
class RoIPool:
    def __init__(self, boxes, output_size, spatial_scale=1.0):
        self.boxes, self.output_size, self.spatial_scale = boxes, output_size, spatial_scale

    def forward(self, x):
        self.saved = ...
        return ...

    def backward(self, gy):
        gx = ...
        return (gx,)
""",
    tip="Loop over boxes and bins, and keep for each bin where its largest value was. -(-a // b) is a / b rounded up.",
    inputs=("x",),
    oracle=roi_pool,
    cases=[
        dict(
            x=(2, 2, 7, 7),
            boxes=np.array([[0.0, 0.8, 1.3, 5.2, 4.9], [1, 2.2, 0.7, 4.4, 6.2]]),
            output_size=(2, 2),
            spatial_scale=1.0,
        ),
        dict(
            x=(1, 2, 5, 8),
            boxes=np.array([[0.0, 1.9, 0.2, 13.2, 6.7], [0, 5.6, 3.8, 9.1, 9.2]]),
            output_size=(3, 2),
            spatial_scale=0.5,
        ),
        dict(
            x=(3, 1, 6, 4),
            boxes=np.array([[2.0, 1.2, 1.1, 2.3, 2.4], [0, 0.0, 0.0, 3.0, 5.0], [2, 1.0, 1.0, 3.0, 4.0]]),
            output_size=(3, 4),
            spatial_scale=1.0,
        ),
        dict(
            x=(1, 1, 5, 6),
            boxes=np.array([[0.0, -2.7, -1.6, 3.0, 4.0], [0, 2.0, 1.0, 9.0, 7.0], [0, 7.0, 2.0, 9.0, 4.0]]),
            output_size=(3, 4),
            spatial_scale=1.0,
        ),
    ],
    mistakes=[
        Mistake(
            "y",
            "the last row and column of the box are left out",
            other(cut=end_left_out),
            "How many rows has a box from row 2 to row 4, both inside?",
        ),
        Mistake(
            "y",
            "bins have one whole size, and the rest of the box is not used",
            other(cut=equal_bins),
            "What becomes of 7 rows in 2 bins?",
        ),
        Mistake(
            "y",
            "the end of a bin is rounded down, not up",
            other(cut=with_floors),
            "Neighbouring bins may share a row: floor for the beginning, and for the end?",
        ),
        Mistake(
            "y",
            "the beginning of a bin is rounded up, not down",
            other(cut=with_ceilings),
            "Neighbouring bins may share a row: ceil for the end, and for the beginning?",
        ),
        Mistake("y", "the corners are rounded down", other(round=math.floor), "To the nearest: what becomes of 1.9?"),
        Mistake("y", "the corners are rounded towards 0", other(round=int), "To the nearest: what becomes of 1.9?"),
        Mistake(
            "y",
            "spatial_scale is left out",
            lambda r: roi_pool(r.x, r.boxes, r.output_size, 1.0),
            "The boxes are in pixels of the image, x is a smaller map.",
        ),
        Mistake(
            "y",
            "x and y of the corners are swapped",
            of_boxes(lambda boxes: boxes[:, [0, 2, 1, 4, 3]]),
            "x counts columns, and the columns of x are its last axis.",
        ),
        Mistake(
            "y",
            "a box is taken for (x0, x1, y0, y1)",
            of_boxes(lambda boxes: boxes[:, [0, 1, 3, 2, 4]]),
            "The second number after the image is y0.",
        ),
        Mistake(
            "y",
            "every box is cut out of the first image",
            of_boxes(first_image),
            "What does the first number of a box say?",
        ),
        Mistake(
            "y",
            "the box is cut off at the image before it is divided into bins",
            inside_first,
            "First bins, then the border: a bin may lie outside as a whole.",
        ),
        Mistake("y", "y is the mean of each bin", other(choose=np.mean), "That is average pooling."),
        Mistake("y", "y is the smallest value", other(choose=np.min), "Max, not min."),
        Mistake(
            "y",
            "the largest value starts from 0, so negative bins give 0",
            lambda r: np.maximum(r.y, 0),
            "What is the largest of -3 and -5?",
        ),
        Mistake("y", "an empty bin gives minus infinity", other(empty=-np.inf), "What stands for nothing?"),
        Mistake(
            "gx",
            "what is largest in several bins gets the gradient of one only",
            lambda r: gradient(r, to_best, add=False),
            "Bins overlap, and boxes too: where gradients meet, they add.",
        ),
        Mistake(
            "gx",
            "only the last box has a gradient",
            of_last_box,
            "Is gx made anew for each box?",
        ),
        Mistake(
            "gx",
            "every gradient goes to the first image",
            in_first_image,
            "Which image was the box cut out of?",
        ),
        Mistake(
            "gx",
            "every place of the bin gets the gradient",
            lambda r: gradient(r, lambda part, gy: gy * np.ones_like(part)),
            "Only one value of the bin influences y.",
        ),
        Mistake(
            "gx",
            "the gradient is spread over the bin",
            lambda r: gradient(r, lambda part, gy: gy * np.ones_like(part) / part[0].size),
            "Only one value of the bin influences y.",
        ),
        Mistake(
            "gx",
            "the gradient always goes to the corner of the bin",
            lambda r: gradient(r, to_corner),
            "Where in the bin did y come from?",
        ),
    ],
)

EXERCISES = [ROI_POOLING]
