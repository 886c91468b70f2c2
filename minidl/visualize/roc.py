"""ROC curves: what a threshold lets through of the right and of the wrong."""

from minidl.metrics import equal_error_rate, roc_auc, roc_curve
from minidl.visualize.curves import TEXT
from minidl.visualize.figure import Picture

LINES = "-", "--", "-.", ":"


def plot_roc(results, path=None):
    """Draw ROC curves with their areas and equal error rates; `results` is a dict of name -> (labels, scores).

    See minidl.metrics.roc_curve. The grey diagonal is a guess; where a curve meets the other one, both errors are
    equal. With a `path` the picture is written there as a PNG. Returns the figure.
    """
    if not results:
        raise ValueError("plot_roc: expected at least one name with (labels, scores), got none")
    figure = Picture(6.5, 6)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    axes.plot([0, 1], [1, 0], color="0.7", linewidth=1, linestyle=":")
    for number, (name, (labels, scores)) in enumerate(results.items()):
        fpr, tpr, _ = roc_curve(labels, scores)
        area, error = roc_auc(labels, scores), equal_error_rate(labels, scores)
        label = f"{name}: area {area:.3f}, equal error {error:.3f}"
        axes.plot(fpr, tpr, linestyle=LINES[number % len(LINES)], linewidth=2.2, label=label)
    axes.set_xlabel("false positive rate", fontsize=TEXT)
    axes.set_ylabel("true positive rate", fontsize=TEXT)
    axes.set_aspect("equal")
    axes.tick_params(labelsize=TEXT - 1)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=TEXT - 2, loc="lower right", framealpha=1, edgecolor="none")
    if path is not None:
        figure.save(path)
    return figure
