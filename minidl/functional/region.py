"""Regions of interest."""

from minidl import ops

from .arrays import as_array


def roi_pool(x, boxes, output_size, spatial_scale=1.0):
    """The largest value in each bin of each box, with rounded coordinates; see ops.RoIPool and roi_align."""
    return ops.RoIPool(_boxes(boxes), output_size, spatial_scale)(x)


def roi_align(x, boxes, output_size, spatial_scale=1.0, sampling_ratio=-1, aligned=False):
    """The mean of bilinear samples in each bin of each box, nothing rounded; see ops.RoIAlign.

    boxes: (K, 5), rows [image, x1, y1, x2, y2], or a list with an array (L, 4) for each image. They get no gradient.

    >>> import minidl
    >>> roi_align(minidl.randn(1, 256, 50, 50), [[[64.0, 32, 320, 160], [0, 0, 800, 800]]], 7, 1 / 16).shape
    (2, 256, 7, 7)
    """
    return ops.RoIAlign(_boxes(boxes), output_size, spatial_scale, sampling_ratio, aligned)(x)


def ps_roi_pool(x, boxes, output_size, spatial_scale=1.0):
    """The mean over each bin of each box, every bin from channels of its own; see ops.PSRoIPool and roi_align."""
    return ops.PSRoIPool(_boxes(boxes), output_size, spatial_scale)(x)


def crop_and_resize(x, boxes, crop_size):
    """Each box resampled bilinearly, corner to corner; boxes in pixels of x; see ops.CropAndResize and roi_align."""
    return ops.CropAndResize(_boxes(boxes), crop_size)(x)


def _boxes(boxes):
    """An array of boxes, or, from a list, an array for each image."""
    if not isinstance(boxes, (list, tuple)):
        return as_array(boxes, "boxes")
    arrays = [as_array(own, "boxes") for own in boxes]
    return [own.reshape(-1, 4) if own.size == 0 else own for own in arrays]  # [] is an image without boxes
