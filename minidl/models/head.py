"""The last layer of a classifier, and another one in its place: for other classes than it was trained for."""

from minidl import nn
from minidl.kernels.checks import is_whole
from minidl.nn.module import device_of


def head_of(model):
    """The name of a model's last layer with weights, in the order in which its layers were made.

    It must be linear or a convolution; where bias or normalization stands behind it, there is no head to replace.

    >>> from minidl import models
    >>> head_of(models.create("lenet5"))
    'fc3'
    """
    *_, (name, last) = [("", model)] + [item for item in model.named_modules() if item[1]._parameters]
    if not isinstance(last, nn.Linear | nn.Conv2d) or last is model:
        raise ValueError(
            f"{type(model).__name__} has no head: expected a linear layer or a convolution as its last layer with "
            f"weights, got {type(last).__name__} {name}".rstrip()
        )
    return name


def replace_head(model, num_classes):
    """Put a new last layer, for num_classes, in the place of a model's own; returns the model.

    All other weights stay: load trained ones first. A convolution is replaced by one of the same kernel. A class with
    auxiliary classifiers lists their last layers in `auxiliary_heads`, which are replaced too where a model has them.

    >>> from minidl import models
    >>> replace_head(models.create("squeezenet1_1", width=1 / 8), 3).classifier[1]
    Conv2d(64, 3, kernel_size=(1, 1))
    """
    if not (is_whole(num_classes) and num_classes > 0):
        raise ValueError(f"replace_head: num_classes must be a whole number from 1 on, got {num_classes!r}")
    layers = dict(model.named_modules())
    auxiliary = [name for name in getattr(model, "auxiliary_heads", ()) if name in layers]
    for name in (head_of(model), *auxiliary):
        parent, _, key = name.rpartition(".")
        new = _like(layers[name], num_classes).to(device_of(layers[name]))
        setattr(layers[parent], key, new)
    return model


def _like(layer, num_classes):
    """A new layer of the same kind with other outputs."""
    bias = layer.bias is not None
    if isinstance(layer, nn.Linear):
        return nn.Linear(layer.in_features, num_classes, bias)
    settings = layer.kernel_size, layer.stride, layer.padding, layer.dilation
    return nn.Conv2d(layer.in_channels, num_classes, *settings, bias=bias)
