"""What belongs to ImageNet's classification task of 1000 classes: their names, the pixels' mean and deviation.

Russakovsky et al., ImageNet Large Scale Visual Recognition Challenge, 2015.
"""

from functools import cache
from pathlib import Path

import numpy as np

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@cache
def imagenet_classes():
    """The short names of the 1000 classes, in the order of every published network's outputs.

    >>> imagenet_classes()[:3], len(imagenet_classes())
    (('tench', 'goldfish', 'great white shark'), 1000)
    """
    return tuple(name for _, name in _table())


@cache
def imagenet_wnids():
    """WordNet's numbers of the 1000 classes, as ImageNet's folders are called, in the same order.

    >>> imagenet_wnids()[0]
    'n01440764'
    """
    return tuple(wnid for wnid, _ in _table())


def _table():
    text = (Path(__file__).parent / "imagenet_classes.txt").read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines()]


def top_k(scores, k=5, classes=None):
    """The k largest of scores (K,) as pairs (class, score), the largest first; equal ones in their order.

    classes: K names; without them a class is its number.

    >>> top_k(np.array([0.1, 0.7, 0.2]), 2, ["cat", "dog", "eel"])
    [('dog', 0.7), ('eel', 0.2)]
    """
    scores = np.asarray(scores)
    if scores.ndim != 1 or (classes is not None and len(classes) != len(scores)):
        names = "" if classes is None else f" and {len(classes)} names of classes"
        raise ValueError(f"top_k: expected scores (K,), one a class, got shape {scores.shape}{names}")
    best = np.argsort(-scores.astype(np.float64), kind="stable")[:k]  # counts may be unsigned, and have no negative
    return [(int(i) if classes is None else classes[i], float(scores[i])) for i in best]
