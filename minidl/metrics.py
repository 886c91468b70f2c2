"""How well scores tell two kinds apart, whatever the threshold: the ROC curve, its area, the equal error rate.

A score says "positive" where it reaches a threshold. Arrays of NumPy in, arrays and numbers out.
"""

import numpy as np


def roc_curve(labels, scores):
    """The false and the true positive rate at every threshold: (fpr, tpr, thresholds), from (0, 0) to (1, 1).

    fpr is the part of the negatives, tpr that of the positives, whose score is at least the threshold. labels (N,)
    are booleans, or 0 and 1; scores (N,), larger for what is rather positive. Equal scores cross the threshold
    together and make one point; the first threshold is infinite. Fawcett, An Introduction to ROC Analysis, 2006.

    >>> roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    (array([0. , 0. , 0.5, 0.5, 1. ]), array([0. , 0.5, 0.5, 1. , 1. ]), array([ inf, 0.8 , 0.4 , 0.35, 0.1 ]))
    """
    labels, scores = _checked(labels, scores)
    order = np.argsort(scores)[::-1]  # of unsigned numbers -scores would be large ones
    labels, scores = labels[order], scores[order]
    last = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)  # of each run of equal scores
    true = labels.cumsum()[last]
    false = last + 1 - true
    fpr, tpr = (np.append(0, count) / count[-1] for count in (false, true))
    return fpr, tpr, np.append(np.inf, scores[last])


def roc_auc(labels, scores):
    """The area under the ROC curve: how often a positive has a larger score than a negative, ties counting half.

    >>> roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    fpr, tpr, _ = roc_curve(labels, scores)
    return float((np.diff(fpr) * (tpr[1:] + tpr[:-1])).sum() / 2)


def equal_error_rate(labels, scores):
    """The error rate where as many negatives are accepted as positives refused: fpr = 1 - tpr, between points of
    the ROC curve on a straight line.

    >>> equal_error_rate([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.5
    """
    fpr, tpr, _ = roc_curve(labels, scores)
    excess = fpr + tpr - 1  # grows from -1 to 1
    i = int(np.argmax(excess >= 0))
    part = excess[i] / (excess[i] - excess[i - 1])
    return float(fpr[i] - part * (fpr[i] - fpr[i - 1]))


def _checked(labels, scores):
    labels, scores = np.asarray(labels), np.asarray(scores)
    if labels.ndim != 1 or labels.shape != scores.shape:
        raise ValueError(
            f"expected labels and scores of shape (N,), one of each, got {labels.shape} and {scores.shape}"
        )
    if labels.size and (labels.dtype.kind not in "biu" or not np.isin(labels, (0, 1)).all()):
        raise ValueError("labels must be booleans, or 0 and 1: which class is the positive one? Compare: labels == 3")
    if not np.isfinite(scores).all():
        raise ValueError("some scores are NaN or infinite, and have no place in an order")
    labels = labels.astype(bool)
    if labels.all() or not labels.any():
        raise ValueError(f"a ROC curve needs positives and negatives, got {labels.sum()} and {(~labels).sum()}")
    return labels, scores
