"""From small images to larger ones."""

from minidl import ops

from .arrays import as_array


def max_unpool2d(x, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Put each x where max_pool2d(..., return_indices=True) found its maximum, and 0 elsewhere; see ops.MaxUnpool2d."""
    return ops.MaxUnpool2d(as_array(indices, "indices"), kernel_size, stride, padding, output_size)(x)


def unpool_nearest(x, factor):
    """Each pixel becomes a block of factor x factor equal ones; see ops.UnpoolNearest."""
    return ops.UnpoolNearest(factor)(x)


def unpool_bed_of_nails(x, factor):
    """Each pixel goes to the upper left corner of a block of factor x factor zeros; see ops.UnpoolNails."""
    return ops.UnpoolNails(factor)(x)


def interpolate(x, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """Images in another size, by the nearest pixel or ("bilinear") the four around; see ops.Interpolate.

    >>> import minidl
    >>> interpolate(minidl.zeros(1, 3, 8, 6), scale_factor=2, mode="bilinear").shape
    (1, 3, 16, 12)
    """
    return ops.Interpolate(size, scale_factor, mode, align_corners)(x)


def pixel_shuffle(x, upscale_factor):
    """Channels become pixels: (N, C r^2, H, W) to (N, C, H r, W r); see ops.PixelShuffle."""
    return ops.PixelShuffle(upscale_factor)(x)


def pixel_unshuffle(x, downscale_factor):
    """Pixels become channels, (N, C, H r, W r) to (N, C r^2, H, W): the inverse of pixel_shuffle."""
    return ops.PixelUnshuffle(downscale_factor)(x)
