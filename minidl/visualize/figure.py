"""A figure of its own: drawn without a display, and without touching pyplot's global state."""

import io

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from minidl.serialization import write_atomically


class Picture(Figure):
    """A matplotlib figure that a notebook shows when it is the last value of a cell, pyplot or not."""

    def __init__(self, width, height, layout="constrained"):
        super().__init__(figsize=(width, height), dpi=120, layout=layout, facecolor="white")
        FigureCanvasAgg(self)

    def save(self, path):
        """Write a PNG, whole or not at all."""
        with write_atomically(path) as file:
            file.write(self._repr_png_())

    def _repr_png_(self):
        content = io.BytesIO()
        self.savefig(content, format="png")
        return content.getvalue()
