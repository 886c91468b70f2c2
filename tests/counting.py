"""Models as they are published, counted without weights, and small ones with weights that let something through."""

from functools import cache

import minidl
from minidl import models, nn
from minidl.summary import summarize


def undrawn(name, **settings):
    with minidl.random.undrawn():
        return models.create(name, **settings)


@cache
def rows_of(name):
    """The summary of a model at its usual size."""
    return summarize(undrawn(name), models.input_shape(name))


def parameters(name):
    return sum(row.parameters for row in rows_of(name))


def giga(name):
    """Multiply-adds for one image in 10^9, to the three digits that torchvision prints."""
    return round(sum(row.multiply_adds for row in rows_of(name)) / 1e9, 3)


def sizes(name, *layers):
    """The output shapes (C, H, W) of all layers of these classes, in order."""
    return [row.output for row in rows_of(name) if row.layer in layers]


def fields(name, *layers):
    """Their receptive fields, which are squares."""
    assert all(row.field[0] == row.field[1] for row in rows_of(name))
    return [row.field[0] for row in rows_of(name) if row.layer in layers]


def lively(model):
    """The model with weights after which the outputs are of the size of the inputs, and biases that are not 0."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.he_normal_(module.weight)
            if module.bias is not None:
                nn.init.uniform_(module.bias, -0.5, 0.5)
    return model
