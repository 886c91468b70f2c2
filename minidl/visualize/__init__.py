"""Pictures: learning curves and image grids. The only package that imports matplotlib."""

from minidl.visualize.curves import plot_curves
from minidl.visualize.images import show_images

__all__ = ["plot_curves", "show_images"]
