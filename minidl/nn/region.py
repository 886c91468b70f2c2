"""Pooling of regions as modules: called with the images and the boxes."""

from minidl import functional as F

from .module import Module


class RoIPool(Module):
    """The largest value in each bin of each box; see functional.roi_pool."""

    pool = staticmethod(F.roi_pool)

    def __init__(self, output_size, spatial_scale=1.0):
        super().__init__()
        self.output_size, self.spatial_scale = output_size, spatial_scale

    def forward(self, x, boxes):
        return self.pool(x, boxes, self.output_size, self.spatial_scale)

    def extra_repr(self):
        return f"output_size={self.output_size}, spatial_scale={self.spatial_scale}"


class PSRoIPool(RoIPool):
    """The mean over each bin of each box, every bin from channels of its own; see functional.ps_roi_pool."""

    pool = staticmethod(F.ps_roi_pool)


class RoIAlign(Module):
    """The mean of bilinear samples in each bin of each box; see functional.roi_align."""

    def __init__(self, output_size, spatial_scale=1.0, sampling_ratio=-1, aligned=False):
        super().__init__()
        self.output_size, self.spatial_scale = output_size, spatial_scale
        self.sampling_ratio, self.aligned = sampling_ratio, aligned

    def forward(self, x, boxes):
        return F.roi_align(x, boxes, self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned)

    def extra_repr(self):
        return (
            f"output_size={self.output_size}, spatial_scale={self.spatial_scale}, "
            f"sampling_ratio={self.sampling_ratio}, aligned={self.aligned}"
        )
