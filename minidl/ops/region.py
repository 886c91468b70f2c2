"""Regions of interest: the part of the images in each box, pooled or resampled to one size.

Boxes are [x1, y1, x2, y2], either one array (K, 5) of rows [image, x1, y1, x2, y2] or a list with an array (L, 4) for
each image. They are settings: the gradient goes to the images only. Pixel centres lie at whole numbers unless
an op says otherwise, and `spatial_scale` takes boxes from the image to the feature map (1/16 for a stride of 16).
"""

import numpy as np

from minidl import backend
from minidl.autograd import Op
from minidl.kernels import region as kernels
from minidl.kernels.checks import is_whole
from minidl.kernels.layout import pair

from .checks import check_images

LARGEST = 1e5  # pixels, of the feature map too: boxes beyond have diverged, and would take minutes to sample


class Region(Op):
    """What all share: the boxes, the size (PH, PW) of the output, and a check of both against the images."""

    name = None

    def __init__(self, boxes, output_size, spatial_scale=1.0):
        self.output_size = pair(output_size)
        if min(self.output_size) < 1:
            raise ValueError(f"{self.name}: the output size must be at least 1, got {output_size}")
        if not 0 < spatial_scale < np.inf:
            raise ValueError(f"{self.name}: spatial_scale must be positive (1/16 for stride 16), got {spatial_scale}")
        self.count = len(boxes) if isinstance(boxes, (list, tuple)) else None
        rows = self._rows(boxes)
        self._check_boxes(rows, spatial_scale)
        self.images, self.boxes = rows[:, 0].astype(int), rows[:, 1:] * spatial_scale

    def _rows(self, boxes):
        """The boxes as one array (K, 5) of float64 on the CPU."""
        if self.count is None:
            if boxes.ndim != 2 or boxes.shape[1] != 5:
                raise ValueError(
                    f"{self.name}: boxes must be an array (K, 5) of [image, x1, y1, x2, y2], or a list with an "
                    f"array (L, 4) for each image; got shape {boxes.shape}"
                )
            return self._numbers(boxes)
        rows = [np.empty((0, 5))]
        for image, own in enumerate(boxes):
            if own.ndim != 2 or own.shape[1] != 4:
                raise ValueError(
                    f"{self.name}: a list of boxes has an array (L, 4) of [x1, y1, x2, y2] for each image, element "
                    f"{image} has shape {own.shape}; rows [image, x1, y1, x2, y2] go into one array (K, 5)"
                )
            rows.append(np.insert(self._numbers(own), 0, image, axis=1))
        return np.concatenate(rows)

    def _numbers(self, boxes):
        if boxes.dtype.kind not in "fiu":
            raise TypeError(f"{self.name}: boxes must be numbers, got {boxes.dtype}")
        return backend.to_device(boxes, "cpu").astype(np.float64)

    def _check_boxes(self, rows, scale):
        image, x1, y1, x2, y2 = rows.T
        for wrong, expected in (
            (
                ~(abs(rows) * max(scale, 1) < LARGEST).all(axis=1),
                f"finite numbers below {LARGEST:.0e}, also times spatial_scale ({scale:g}); did the network diverge?",
            ),
            ((x2 < x1) | (y2 < y1), "x1 <= x2 and y1 <= y2; is it (x, y, width, height)?"),
            ((image < 0) | (image != np.trunc(image)), "a whole number from 0, the image, first"),
        ):
            if wrong.any():
                k = wrong.argmax()
                raise ValueError(
                    f"{self.name}: box {k}, as [image, x1, y1, x2, y2], is {rows[k].tolist()}; expected {expected}"
                )

    def check(self, x):
        """Raise unless x is a batch of images and has those that the boxes lie in."""
        check_images(self.name, x)
        if self.count not in (None, len(x)):
            raise ValueError(f"{self.name}: the list has boxes for {self.count} images, but x has {len(x)}")
        if self.images.max(initial=-1) >= len(x):
            raise ValueError(
                f"{self.name}: box {self.images.argmax()} lies in image {self.images.max()}, but x has {len(x)}, "
                "numbered from 0"
            )

    def axes(self, shape):
        """The arguments of what weighs or cuts one axis, first for the rows, then for the columns."""
        x1, y1, x2, y2 = self.boxes.T
        return zip((y1, x1), (y2, x2), self.output_size, shape[2:], strict=True)


class WeightedRegion(Region):
    """y[k] = A x B^T for each channel, with weights A (PH, H), B (PW, W) of each box; gx = A^T gy B, summed over k."""

    weigh, weigh_gradient = staticmethod(kernels.weigh), staticmethod(kernels.weigh_gradient)

    def weights(self, start, stop, count, size):
        """(K, count, size) for one axis: boxes from start to stop (K,), an image of `size` pixels."""
        raise NotImplementedError(f"{type(self).__name__} must define weights(self, start, stop, count, size)")

    def forward(self, x):
        self.check(x)
        down, across = (self.weights(*axis) for axis in self.axes(x.shape))
        self.saved = x.shape, down, across
        return self.weigh(x, self.images, down, across)

    def backward(self, gy):
        shape, down, across = self.saved
        return (self.weigh_gradient(gy, shape, self.images, down, across),)


class RoIAlign(WeightedRegion):
    """The mean of bilinear samples in each bin of a box; no coordinate is rounded. x (N, C, H, W), y (K, C, PH, PW).

    The box, times spatial_scale, is cut into PH x PW equal bins; each averages sampling_ratio^2 points spread evenly
    inside it (sampling_ratio <= 0: ceil(bin size) a side). A point takes from the four pixels around it,

        y = mean over points (v, u) of sum over (h, w) of max(0, 1 - |v - h|) max(0, 1 - |u - w|) x[h, w]

    with v and u moved to the border if they are up to one pixel outside, and 0 beyond. gy goes back by the same
    weights. aligned: the box has pixel centres at 0.5, 1.5 ..., so half a pixel is subtracted; without, it counts as
    at least 1 x 1. As torchvision's roi_align; but a NaN or infinity can reach every bin of its channel.

    He, Gkioxari, Dollar, Girshick: Mask R-CNN (2017), section 3.

    >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> RoIAlign(np.array([[0, 0, 0, 4, 4]]), 2, aligned=True).forward(x)[0, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """

    name = "roi_align"

    def __init__(self, boxes, output_size, spatial_scale=1.0, sampling_ratio=-1, aligned=False):
        super().__init__(boxes, output_size, spatial_scale)
        self.sampling_ratio, self.aligned = sampling_ratio, aligned
        if not is_whole(sampling_ratio):
            raise ValueError(f"{self.name}: sampling_ratio must be a whole number (-1: by size), got {sampling_ratio}")

    def weights(self, start, stop, count, size):
        if self.aligned:
            start, stop = start - 0.5, stop - 0.5
        else:
            stop = np.maximum(stop, start + 1)
        return kernels.align_weights(start, stop, count, size, self.sampling_ratio)


class CropAndResize(WeightedRegion):
    """Each box resampled to crop_size by one bilinear sample a pixel. x (N, C, H, W), y (K, C, PH, PW).

    The corners of the crop are the corners of the box: sample i of PH lies at y1 + i (y2 - y1) / (PH - 1) (a single
    one in the middle), and [0, 0, W - 1, H - 1] is the whole image. Outside the image x is 0. gy goes back by the same
    weights: gx[h, w] = sum over samples (v, u) of max(0, 1 - |v - h|) max(0, 1 - |u - w|) gy.

    TensorFlow's crop_and_resize, in pixels and [x1, y1, x2, y2]; used by Huang et al. (2017) for pooling regions.

    >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> CropAndResize(np.array([[0, 1, 1, 2, 3]]), (3, 2)).forward(x)[0, 0]
    array([[ 5.,  6.],
           [ 9., 10.],
           [13., 14.]])
    """

    name = "crop_and_resize"

    def __init__(self, boxes, crop_size):
        super().__init__(boxes, crop_size)

    def weights(self, start, stop, count, size):
        points = np.linspace(start, stop, count, axis=1) if count > 1 else (start + stop)[:, None] / 2
        return kernels.linear_weights(points, size, margin=0)


class PSRoIPool(WeightedRegion):
    """Position-sensitive average pooling: bins have channels of their own. x (N, C PH PW, H, W), y (K, C, PH, PW).

        y[k, c, i, j] = mean of x[image, (c PH + i) PW + j] over bin (i, j);   gy is spread evenly over the bin

    Box corners, times spatial_scale, are rounded (0.5 away from zero) and the box counts as at least 1 x 1; bin i of
    a box of height h goes from floor(i h / PH) to ceil((i + 1) h / PH), cut off at the image. An empty bin gives 0.
    As torchvision's ps_roi_pool, whose forward (not its backward) never uses the last row and column of the image.

    Dai, Li, He, Sun: R-FCN (2016), section 2.

    >>> x = np.arange(4.0).reshape(1, 4, 1, 1) * np.ones((6, 6))
    >>> PSRoIPool(np.array([[0, 1, 1, 5, 5]]), 2).forward(x)[0, 0]
    array([[0., 1.],
           [2., 3.]])
    """

    name = "ps_roi_pool"
    weigh, weigh_gradient = staticmethod(kernels.weigh_by_bin), staticmethod(kernels.weigh_by_bin_gradient)

    def weights(self, start, stop, count, size):
        start, stop = kernels.round_half_away(start), kernels.round_half_away(stop)
        return kernels.mean_weights(*kernels.whole_bins(start, np.maximum(stop - start, 1), count, size), size)

    def check(self, x):
        super().check(x)
        if x.shape[1] % (self.output_size[0] * self.output_size[1]):
            raise ValueError(
                f"{self.name}: the {x.shape[1]} channels of x {x.shape} do not divide into one for each bin of "
                f"{self.output_size}"
            )


class RoIPool(Region):
    """The largest value in each bin of a box; gy goes to its place, the first of equals.

    x (N, C, H, W), y (K, C, PH, PW). Box corners, times spatial_scale, are rounded (0.5 away from zero) and belong to
    the box, so that it has h = y2 - y1 + 1 rows, at least one. Bin i goes from floor(i h / PH) to
    ceil((i + 1) h / PH), cut off at the image; bins may overlap. A bin with no pixel gives 0 and has no gradient.
    As torchvision's roi_pool, but bins are found in whole numbers, where rounding errors may give it a pixel more.

    Girshick: Fast R-CNN (2015), section 2.1.

    >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> RoIPool(np.array([[0, 0, 0, 2, 3]]), 2).forward(x)[0, 0]
    array([[ 5.,  6.],
           [13., 14.]])
    """

    name = "roi_pool"

    def forward(self, x):
        self.check(x)
        rows, columns = (self._bins(*axis) for axis in self.axes(x.shape))
        y, places = kernels.largest(x, self.images, rows, columns)
        self.saved = places, x.shape, self.images, rows, columns
        return y

    def backward(self, gy):
        return (kernels.largest_gradient(gy, *self.saved),)

    @staticmethod
    def _bins(start, stop, count, size):
        start, stop = kernels.round_half_away(start), kernels.round_half_away(stop)
        return kernels.whole_bins(start, stop - start + 1, count, size)
