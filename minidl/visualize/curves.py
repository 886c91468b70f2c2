"""Learning curves: how loss and accuracy went, epoch by epoch."""

from matplotlib.ticker import MaxNLocator

from minidl.visualize.figure import Picture

# Told apart by line, marker and lightness as well as by colour, for print in grey and for colour-blind readers.
TRAIN = {"color": "#6baed6", "linestyle": "--", "marker": "o", "markerfacecolor": "white"}
TEST = {"color": "#a63603", "linestyle": "-", "marker": "s"}
TEXT = 13


def plot_curves(history, path=None):
    """Draw the loss and the accuracy of training and test data side by side.

    `history` is what `fit` returns: one dict an epoch, with `epoch`, `train_loss`, `test_loss`, `train_accuracy`
    and `test_accuracy`. With a `path` the picture is written there as a PNG. Returns the figure.
    """
    if not history:
        raise ValueError("plot_curves: the history is empty; there is nothing to draw before the first epoch has ended")
    figure = Picture(11, 4.5)
    loss, accuracy = figure.subplots(1, 2)
    _plot_pair(loss, history, "loss")
    _plot_pair(accuracy, history, "accuracy")
    best = max(history, key=lambda row: row["test_accuracy"])
    accuracy.set_title(f"best test accuracy {best['test_accuracy']:.4f} (epoch {best['epoch']})", fontsize=TEXT)
    if path is not None:
        figure.save(path)
    return figure


def _plot_pair(axes, history, quantity):
    epochs = [row["epoch"] for row in history]
    markers = {"linewidth": 2.2, "markersize": 6, "markevery": max(1, len(epochs) // 20)}
    for name, look in (("train", TRAIN), ("test", TEST)):
        axes.plot(epochs, [row[f"{name}_{quantity}"] for row in history], label=name, **look, **markers)
    axes.set_xlabel("epoch", fontsize=TEXT)
    axes.set_ylabel(quantity, fontsize=TEXT)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.tick_params(labelsize=TEXT - 1)
    axes.grid(color="0.88")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=TEXT, frameon=False)
