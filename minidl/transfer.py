"""What a trained network has learned, used for another task: its features as arrays, and a linear layer on them."""

from math import sqrt

import numpy as np

from minidl import functional as F
from minidl import nn, optim, random
from minidl.autograd import Tensor, no_grad
from minidl.models import head_of
from minidl.nn.module import device_of, evaluation_mode


@no_grad()
def extract_features(model, batches, layer=None):
    """What a layer gives for every sample, in evaluation mode: (features, labels), arrays (N, ...) and (N,).

    batches: a DataLoader, or any pairs of images and labels. layer: a name of model.named_modules(); without it the
    features are what goes into the head, see models.head_of, for most networks rows (N, D).

    >>> from minidl import data, models
    >>> to_network = data.Compose([data.ToArray()])
    >>> clothes = data.Subset(data.FashionMini(transform=to_network), range(100))
    >>> features, labels = extract_features(models.create("lenet5"), data.DataLoader(clothes, batch_size=50))
    >>> features.shape, labels.shape
    ((100, 84), (100,))
    """
    layers, name = dict(model.named_modules()), head_of(model) if layer is None else layer
    if name not in layers:
        raise ValueError(f"{type(model).__name__} has no layer {name!r}; it has {', '.join(filter(None, layers))}")
    seen, features, targets, device = [], [], [], device_of(model)

    def hook(module, inputs, output):
        seen[:] = [inputs[0] if layer is None else output]

    handle = layers[name].register_forward_hook(hook)
    try:
        with evaluation_mode(model):
            for images, labels in batches:
                seen.clear()
                model(Tensor(images).to(device))
                if not seen:
                    raise ValueError(f"{type(model).__name__} does not call {name} in evaluation mode")
                features.append(np.ascontiguousarray(seen[0].numpy()))
                targets.append(Tensor(labels).numpy())
    finally:
        handle.remove()
    if not features:
        raise ValueError("extract_features: there is no batch; is the data set empty?")
    return np.concatenate(features), np.concatenate(targets)


def linear_classifier(features, labels, num_classes=None, steps=500, batch_size=256, lr=1.0, weight_decay=1e-4):
    """Train a linear layer with softmax on features (N, ...), flattened, and labels (N,); returns the nn.Linear.

    SGD with momentum and a cosine schedule on random batches. Features are standardized and divided by the root of
    their number, so that one learning rate suits all; this is then worked into the weights, and the layer takes
    features as they are. num_classes: without it as many as the labels show.
    """
    if not features.size or labels.shape != features.shape[:1]:
        raise ValueError(
            f"linear_classifier: expected features (N, ...) and labels (N,), got {features.shape} and {labels.shape}"
        )
    x = features.reshape(len(features), -1)
    if not np.isfinite(x).all():
        raise ValueError("linear_classifier: some features are NaN or infinite, and every weight would become so")
    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale[scale < 1e-6] = 1  # a feature that is the same everywhere
    scale *= sqrt(x.shape[1])
    layer = nn.Linear(x.shape[1], num_classes or int(labels.max()) + 1)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    optimizer = optim.SGD(layer.parameters(), lr, momentum=0.9, weight_decay=weight_decay)
    schedule = optim.CosineAnnealingLR(optimizer, T_max=steps)
    for _ in range(steps):
        rows = random.generator().permutation(len(x))[:batch_size]
        loss = F.cross_entropy(layer(Tensor((x[rows] - mean) / scale)), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    layer.weight.data /= scale
    layer.bias.data -= layer.weight.data @ mean
    return layer
