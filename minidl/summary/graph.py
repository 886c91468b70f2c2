"""The ops of a forward pass: what they keep for the backward pass, and how far across the image they see."""

from math import inf

from minidl import ops
from minidl.autograd import Op

ALL = (inf, inf)  # the receptive field of what sees the whole image
ENLARGING = ops.ConvTranspose2d | ops.Interpolate | ops.UnpoolNearest | ops.UnpoolNails | ops.MaxUnpool2d


class Graph:
    """The graph that leads back to an image, followed as it grows."""

    def __init__(self, model, image):
        self.fields = {image: ((1, 1), (1, 1))}  # of each op, see _field
        self.counted = {id(_owner(array)) for array in [image.data, *model.state_dict().values()]}

    def follow(self, tensor, rows):
        """The receptive field of a tensor; what the new ops on the way to it keep counts with the last row, if any."""
        for op in self._new_ops(tensor.creator):
            inputs = [self.fields[parent] for parent in op.parents if parent in self.fields]
            self.fields[op] = _field(op, inputs)
            for array in _arrays(op.saved):
                if rows and id(array) not in self.counted:
                    rows[-1].training += array.nbytes
                self.counted.add(id(array))
        size, _ = self.fields.get(tensor.creator or tensor, (ALL, None))
        return size if tensor.ndim == 4 else ALL

    def _new_ops(self, last):
        """The ops that lead to `last` and have not been met, each after the ops whose outputs it uses."""
        order, seen, stack = [], set(), [(last, False)]
        while stack:
            op, done = stack.pop()
            if done:
                order.append(op)
            elif isinstance(op, Op) and op not in self.fields and op not in seen:
                seen.add(op)
                stack.append((op, True))
                stack.extend((parent, False) for parent in op.parents)
        return order


def _field(op, inputs):
    """(size, jump), both (height, width): size = r + (k - 1) jump of the input, jump = stride times that of the input.

    Of branches that meet the larger counts. Behind a pooling to 1x1, and where images become rows, each value sees
    the whole image; so it is said of layers that enlarge an image, too, which are not followed.
    """
    images = all(len(shape) == 4 for shape in op.shapes[:1])
    if not inputs or not images or isinstance(op, ENLARGING):
        return ALL, (1, 1)
    sizes, jumps = (tuple(map(max, zip(*pairs, strict=True))) for pairs in zip(*inputs, strict=True))
    kernel, stride = _window(op)
    size = tuple(r + (k - 1) * jump for r, k, jump in zip(sizes, kernel, jumps, strict=True))
    return size, tuple(jump * s for jump, s in zip(jumps, stride, strict=True))


def _window(op):
    """The kernel and the stride of an op; of most it is one value at a time."""
    if isinstance(op, ops.Conv2d):
        return [d * (k - 1) + 1 for k, d in zip(op.shapes[1][2:], op.dilation, strict=True)], op.stride
    if isinstance(op, ops.MaxPool2d | ops.AvgPool2d):
        return op.window.kernel, op.window.stride
    if isinstance(op, ops.AdaptiveAvgPool2d | ops.AdaptiveMaxPool2d):
        sizes = list(zip(op.shapes[0][2:], op.output_size, strict=True))
        return [-(-n // bins) if bins > 1 else inf for n, bins in sizes], [max(1, n // bins) for n, bins in sizes]
    return (1, 1), (1, 1)


def _arrays(saved):
    """The arrays in what an op has saved, each as the whole piece of memory that it lies in."""
    if isinstance(saved, tuple | list):
        for part in saved:
            yield from _arrays(part)
    elif hasattr(saved, "nbytes"):
        yield _owner(saved)


def _owner(array):
    while isinstance(getattr(array, "base", None), type(array)):
        array = array.base
    return array
