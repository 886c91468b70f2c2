"""Grids of images with their labels."""

import math

from minidl.visualize.figure import Picture


def show_images(images, labels, classes, path=None, columns=10):
    """Draw images in a grid, each under the name of its class.

    `images` are uint8, (N, H, W) for grey or (N, H, W, 3) for colour; `labels` (N,) index the list `classes`.
    With a `path` the picture is written there as a PNG. Returns the figure.
    """
    if len(images) == 0 or len(images) != len(labels):
        raise ValueError(f"show_images: expected images and as many labels, got {len(images)} and {len(labels)}")
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    figure = Picture(1.15 * columns, 1.35 * rows, layout=None)  # all alike: laying them out by measuring takes seconds
    for place, (image, label) in enumerate(zip(images, labels, strict=True)):
        row, column = divmod(place, columns)
        axes = figure.add_axes(((column + 0.03) / columns, (rows - row - 0.97) / rows, 0.94 / columns, 0.8 / rows))
        axes.set_axis_off()
        axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set_title(classes[int(label)], fontsize=9)
    if path is not None:
        figure.save(path)
    return figure
