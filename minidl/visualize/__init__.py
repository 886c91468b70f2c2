"""Pictures: learning curves, image grids, ROC curves. The only package that imports matplotlib."""

from minidl.visualize.curves import plot_curves
from minidl.visualize.images import show_images
from minidl.visualize.roc import plot_roc

__all__ = ["plot_curves", "plot_roc", "show_images"]
