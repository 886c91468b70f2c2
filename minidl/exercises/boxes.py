"""Exercises: boxes, and how well they are found."""

import math

import numpy as np

from .exercise import FunctionExercise, Mistake


def boxes(*sizes, seed=0):
    """Random boxes (x0, y0, x1, y1), crowded enough to overlap."""
    rng = np.random.default_rng(seed)
    corners, extents = rng.uniform(0, 10, (*sizes, 2)), rng.uniform(2, 9, (*sizes, 2))
    return np.concatenate([corners, corners + extents], axis=-1)


def box_iou(a, b, more=0.0, touch=True):
    """Of two boxes; `more` is added to each width, and without `touch` negative widths are kept."""
    widths = [min(a[i + 2], b[i + 2]) - max(a[i], b[i]) + more for i in (0, 1)]
    shared = math.prod(max(width, 0) for width in widths) if touch else math.prod(widths)
    areas = [(box[2] - box[0] + more) * (box[3] - box[1] + more) for box in (a, b)]
    return shared / (sum(areas) - shared)


def iou(a, b, **change):
    return np.array([[box_iou(one, other, **change) for other in b] for one in a]).reshape(len(a), len(b))


def areas(x):
    return (x[:, 2] - x[:, 0]) * (x[:, 3] - x[:, 1])


def shared(r):
    """The area of the intersections, found from the IoU."""
    return r.y * (areas(r.a)[:, None] + areas(r.b)) / (1 + r.y)


IOU = FunctionExercise(
    name="iou",
    summary="intersection over union of boxes",
    task="""\
The intersection over union of every box in a with every box in b: the area that both cover, divided by the area that
at least one of them covers. A box is (x0, y0, x1, y1) with x0 < x1 and y0 < y1; its width is x1 - x0.
Shapes: a (N, 4), b (M, 4), the result (N, M).""",
    starter="""\
def iou(a, b):
    return ...
""",
    tip="a[:, None] and b[None] meet in an array (N, M, 4). When do two boxes not overlap at all?",
    inputs=("a", "b"),
    oracle=iou,
    cases=[
        dict(a=boxes(3), b=boxes(3, seed=1)),
        dict(a=boxes(4, seed=2), b=boxes(2, seed=3)),
        dict(a=[[0.0, 0.0, 2.0, 1.0]], b=[[0.0, 0.0, 2.0, 1.0], [2.0, 1.0, 3.0, 3.0], [5.0, 5.0, 6.0, 7.0]]),
        dict(a=[[0.0, 0.0, 8.0, 8.0]], b=[[1.0, 2.0, 3.0, 5.0]]),
    ],
    mistakes=[
        Mistake(
            "y",
            "boxes that do not overlap get a negative or a false area",
            lambda r: iou(r.a, r.b, touch=False),
            "What are the width and the height of the intersection of two boxes far apart?",
        ),
        Mistake("y", "one is added to widths and heights", lambda r: iou(r.a, r.b, more=1.0), "The width is x1 - x0."),
        Mistake("y", "y is the intersection alone", shared, "Divided by what?"),
        Mistake(
            "y",
            "the intersection is counted twice in the union",
            lambda r: shared(r) / (areas(r.a)[:, None] + areas(r.b)),
            "Both areas contain what they share.",
        ),
        Mistake(
            "y",
            "it is divided by the area of a, not of the union",
            lambda r: shared(r) / areas(r.a)[:, None],
            "The measure should not depend on which box comes first.",
        ),
        Mistake(
            "y", "it is divided by the area of b, not of the union", lambda r: shared(r) / areas(r.b), "The union?"
        ),
        Mistake(
            "y",
            "it is divided by the smaller box, not by the union",
            lambda r: shared(r) / np.minimum(areas(r.a)[:, None], areas(r.b)),
            "A small box inside a large one has a small IoU.",
        ),
        Mistake("y", "a is compared with b row by row", lambda r: np.diag(r.y), "Every box of a with every box of b."),
    ],
)


def nms(boxes, scores, threshold):
    kept = []
    for i in sorted(range(len(scores)), key=lambda i: -scores[i]):
        if all(box_iou(boxes[i], boxes[k]) <= threshold for k in kept):
            kept.append(i)
    return np.array(kept, int)


def with_all_better(r):
    """Compares with every box of a higher score, with those that are gone as well."""
    order = np.argsort(-r.scores)
    gone = [any(box_iou(r.boxes[i], r.boxes[j]) > r.threshold for j in order[:rank]) for rank, i in enumerate(order)]
    return order[~np.array(gone, bool)]


NMS = FunctionExercise(
    name="non_maximum_suppression",
    summary="of boxes that overlap, only the best stays",
    task="""\
Non-maximum suppression: take the box with the highest score, drop all boxes whose IoU with it is more than `threshold`,
go on with the best of the rest, until none is left. Returns the numbers of the boxes taken, the best first.
Shapes: boxes (N, 4), (x0, y0, x1, y1) each, scores (N,), the result (K,) of integers. N may be 1.""",
    starter="""\
def nms(boxes, scores, threshold):
    kept = []
    ...
    return np.array(kept)
""",
    tip="Write iou first: there is an exercise for it. Go through np.argsort(-scores).",
    inputs=("boxes", "scores"),
    oracle=nms,
    cases=[
        dict(boxes=boxes(12), scores=(12,), threshold=0.3),
        dict(boxes=boxes(15, seed=1), scores=(15,), threshold=0.1),
        dict(boxes=[[0.0, 0, 4, 4], [2.0, 0, 6, 4], [4.0, 0, 8, 4]], scores=[0.9, 0.8, 0.7], threshold=0.2),
        dict(boxes=boxes(1), scores=(1,), threshold=0.5),
        dict(boxes=boxes(9, seed=2), scores=(9,), threshold=0.6),
    ],
    mistakes=[
        Mistake("y", "the worst score comes first", lambda r: nms(r.boxes, -r.scores, r.threshold), "Which is best?"),
        Mistake(
            "y",
            "the boxes are taken in their own order, not by score",
            lambda r: nms(r.boxes, -np.arange(len(r.scores)), r.threshold),
            "Which box has the first say?",
        ),
        Mistake(
            "y",
            "boxes that were dropped still drop others",
            with_all_better,
            "A box that is gone no longer counts.",
        ),
        Mistake(
            "y", "the right boxes, but not the best first", lambda r: np.sort(r.y), "In which order are they taken?"
        ),
        Mistake("y", "the right boxes, but the worst first", lambda r: r.y[::-1], "In which order are they taken?"),
        Mistake("y", "nothing is dropped", lambda r: np.argsort(-r.scores), "Which overlap is too much?"),
        Mistake("y", "y holds the boxes, not their numbers", lambda r: r.boxes[r.y], "Return their places in boxes."),
        Mistake("y", "y is a mask", lambda r: np.isin(np.arange(len(r.scores)), r.y), "Return numbers, best first."),
        Mistake(
            "y",
            "y holds ranks in the sorted list",
            lambda r: np.argsort(np.argsort(-r.scores))[r.y],
            "The numbers count in boxes as they came in.",
        ),
    ],
)


def encode(boxes, anchors):
    codes = []
    for box, anchor in zip(boxes, anchors, strict=True):
        (w, h), (aw, ah) = ((x[2] - x[0], x[3] - x[1]) for x in (box, anchor))
        (cx, cy), (acx, acy) = (((x[0] + x[2]) / 2, (x[1] + x[3]) / 2) for x in (box, anchor))
        codes.append([(cx - acx) / aw, (cy - acy) / ah, math.log(w / aw), math.log(h / ah)])
    return np.array(codes)


def sizes(x):
    return x[:, 2:] - x[:, :2]


def coded(r, shift=None, scale=None):
    """The right code, with another first or second half."""
    return np.hstack([r.y[:, :2] if shift is None else shift, r.y[:, 2:] if scale is None else scale])


BOX_CODING = FunctionExercise(
    name="box_coding",
    summary="a box as offsets from an anchor",
    task="""\
The targets of a box regression (R-CNN, Girshick et al. 2014). For a box with centre (cx, cy), width w and height h, and
its anchor (ax, ay, aw, ah) likewise: dx = (cx - ax) / aw, dy = (cy - ay) / ah, dw = log(w / aw), dh = log(h / ah).
Shapes: boxes and anchors (N, 4), (x0, y0, x1, y1) each; the result (N, 4), (dx, dy, dw, dh) each.""",
    starter="""\
def encode(boxes, anchors):
    return ...
""",
    tip="Turn both into centres and sizes first. A box that is its anchor has the code (0, 0, 0, 0).",
    inputs=("boxes", "anchors"),
    oracle=encode,
    cases=[
        dict(boxes=boxes(4), anchors=boxes(4, seed=1)),
        dict(boxes=boxes(7, seed=2), anchors=boxes(7, seed=3)),
        dict(boxes=[[0.0, 0.0, 2.0, 1.0]], anchors=[[1.0, 1.0, 5.0, 2.0]]),
    ],
    mistakes=[
        Mistake("y", "box and anchor are swapped", lambda r: encode(r.anchors, r.boxes), "Which is measured by which?"),
        Mistake("y", "the logs are left out", lambda r: coded(r, scale=np.exp(r.y[:, 2:])), "Look at dw again."),
        Mistake(
            "y",
            "the log is taken of the difference in size, plus one",
            lambda r: coded(r, scale=np.exp(r.y[:, 2:]) - 1),
            "The size is coded as a ratio.",
        ),
        Mistake(
            "y",
            "corners are compared instead of centres",
            lambda r: coded(r, shift=(r.boxes[:, :2] - r.anchors[:, :2]) / sizes(r.anchors)),
            "Where is the centre of a box?",
        ),
        Mistake(
            "y",
            "the shift is not divided by the size of the anchor",
            lambda r: coded(r, shift=r.y[:, :2] * sizes(r.anchors)),
            "A code should not depend on the size of the image.",
        ),
        Mistake(
            "y",
            "the shift is divided by the size of the box, not of the anchor",
            lambda r: coded(r, shift=r.y[:, :2] * sizes(r.anchors) / sizes(r.boxes)),
            "When boxes are predicted, only the anchor is known.",
        ),
        Mistake(
            "y", "the shift has the wrong sign", lambda r: coded(r, shift=-r.y[:, :2]), "From the anchor to the box."
        ),
        Mistake(
            "y", "the size has the wrong sign", lambda r: coded(r, scale=-r.y[:, 2:]), "Which is divided by which?"
        ),
        Mistake("y", "x and y are swapped", lambda r: r.y[:, [1, 0, 3, 2]], "x comes first."),
    ],
)


def average_precision(precision, recall, voc07):
    if voc07:
        levels = [i / 10 for i in range(11)]
        best = [max((p for p, r in zip(precision, recall, strict=True) if r >= level), default=0) for level in levels]
        return sum(best) / 11
    total, before = 0.0, 0.0
    for i in range(len(recall)):
        total += (recall[i] - before) * max(precision[i:])
        before = recall[i]
    return total


def area(r, precision):
    return (np.diff(r.recall, prepend=0) * precision).sum()


def envelope(r):
    return np.maximum.accumulate(r.precision[::-1])[::-1]


def at_levels(r, choose, levels=None):
    """The 11 points with another choice at each; area as it should be."""
    if not r.voc07:
        return r.y
    levels = np.arange(11) / 10 if levels is None else levels
    return np.mean([choose(level) for level in levels])


def best_from(r, above):
    return lambda level: r.precision[above(r.recall, level)].max(initial=0)


AVERAGE_PRECISION = FunctionExercise(
    name="average_precision",
    summary="one number for a precision-recall curve, in two ways",
    task="""\
precision and recall (n,) hold the values after 1, 2, ... n detections; recall never falls. With voc07=True the result
is the mean, over the recalls 0, 0.1, ... 1, of the highest precision at that recall or more (0 if not reached). With
voc07=False it is the area below the curve, from recall 0 on, after each precision has been replaced by the highest one
at that place or later. The result is a number. For precision 0, 1/2, 1/3 and recall 0, 1/2, 1/2: .2727 and .25.""",
    starter="""\
def average_precision(precision, recall, voc07):
    if voc07:
        return ...
    return ...
""",
    tip="np.maximum.accumulate gives the highest so far, from the left: how do you get it from the right?",
    inputs=("precision", "recall"),
    oracle=average_precision,
    cases=[
        dict(precision=[1, 0.5, 2 / 3, 0.5, 0.6, 0.65], recall=[0.2, 0.3, 0.45, 0.45, 0.6, 0.85], voc07=True),
        dict(precision=[1, 0.5, 2 / 3, 0.5, 0.6, 0.65], recall=[0.2, 0.3, 0.45, 0.45, 0.6, 0.85], voc07=False),
        dict(precision=[0, 1 / 2, 1 / 3], recall=[0, 1 / 2, 1 / 2], voc07=True),
        dict(precision=[0, 1 / 2, 1 / 3], recall=[0, 1 / 2, 1 / 2], voc07=False),
        dict(precision=[1.0, 1.0], recall=[0.5, 1.0], voc07=True),
        dict(precision=[1.0, 1.0], recall=[0.5, 1.0], voc07=False),
    ],
    mistakes=[
        Mistake(
            "y",
            "recall 0 is left out: ten points instead of eleven",
            lambda r: at_levels(r, best_from(r, np.greater_equal), np.arange(1, 11) / 10),
            "How many numbers are 0, 0.1, ... 1?",
        ),
        Mistake(
            "y",
            "the sum of eleven points is divided by ten",
            lambda r: r.y * 1.1 if r.voc07 else r.y,
            "How many numbers are 0, 0.1, ... 1?",
        ),
        Mistake(
            "y",
            "the precision must be at a recall strictly above each point",
            lambda r: at_levels(r, best_from(r, np.greater)),
            "At that recall or more.",
        ),
        Mistake(
            "y",
            "at each point the first precision is taken, not the highest",
            lambda r: at_levels(r, lambda level: [*r.precision[r.recall >= level], 0][0]),
            "A later precision may be higher.",
        ),
        Mistake(
            "y",
            "the area is taken below the curve as it is",
            lambda r: r.y if r.voc07 else area(r, r.precision),
            "Each precision is replaced first.",
        ),
        Mistake(
            "y",
            "the highest precision so far is taken, not the highest from there on",
            lambda r: r.y if r.voc07 else area(r, np.maximum.accumulate(r.precision)),
            "From which end does the maximum run?",
        ),
        Mistake(
            "y",
            "the area begins at the first recall, not at 0",
            lambda r: r.y if r.voc07 else (np.diff(r.recall) * envelope(r)[1:]).sum(),
            "What lies to the left of the first detection?",
        ),
        Mistake(
            "y",
            "the area is made of trapezoids",
            lambda r: r.y if r.voc07 else np.trapezoid(envelope(r), r.recall),
            "Between two recalls the curve is a step.",
        ),
        Mistake("y", "y is the mean of the precisions", lambda r: r.precision.mean(), "Recall has a say."),
        Mistake(
            "y",
            "voc07 is taken the other way round",
            lambda r: average_precision(r.precision, r.recall, not r.voc07),
            "Which way has eleven points?",
        ),
    ],
)

EXERCISES = [IOU, NMS, BOX_CODING, AVERAGE_PRECISION]
