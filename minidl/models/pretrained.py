"""Trained weights from a file into a model, by name."""

from minidl.serialization import load_weights


def load_pretrained(model, path):
    """Load weights from a file of PyTorch's (.pth), .safetensors or .npz into a model, by name; returns the model.

    Names are torchvision's. A class whose published files use others defines `published_key(key)`: the model's name
    for a name in the file, or None for what the model does without. Half precision becomes float32. The counters
    num_batches_tracked, which files older than PyTorch 0.4.1 lack, may be missing; nothing else may.

    Raises a ValueError that lists every missing, unexpected and mis-shaped name, and leaves the model as it was.

    >>> import os, tempfile
    >>> from minidl import nn, serialization
    >>> path = os.path.join(tempfile.mkdtemp(), "trained.safetensors")
    >>> serialization.save(nn.Linear(3, 2), path)
    >>> load_pretrained(nn.Linear(3, 2), path)
    Linear(in_features=3, out_features=2, bias=True)
    """
    weights = load_weights(path, copy=False)
    published_key = getattr(model, "published_key", lambda key: key)
    weights = {published_key(key): array for key, array in weights.items()}
    weights.pop(None, None)
    own = model.state_dict()
    for name in own.keys() - weights.keys():
        if name.endswith("num_batches_tracked"):
            weights[name] = own[name]
    _check_head(model, own, weights, path)
    try:
        model.load_state_dict(weights)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return model


def _check_head(model, own, weights, path):
    """Raise a ValueError that says what to do where nothing but the number of classes differs."""
    if own.keys() != weights.keys():
        return
    differ = [name for name in own if own[name].shape != weights[name].shape]
    if any(own[name].ndim != weights[name].ndim or own[name].shape[1:] != weights[name].shape[1:] for name in differ):
        return
    counts = {(weights[name].shape[:1], own[name].shape[:1]) for name in differ}
    heads = dict.fromkeys(name.rpartition(".")[0] for name in differ)
    if len(counts) != 1 or "" in heads:
        return
    (theirs,), (ours,) = counts.pop()
    layers = dict(model.named_modules())
    replaced = "; ".join(f"{_attribute(head)} = nn.{layers[head]!r}" for head in heads)
    raise ValueError(
        f"{path} tells {theirs} classes apart, this {type(model).__name__} {ours}: make the model with "
        f"num_classes={theirs}, load the weights, and replace the head then: {replaced}"
    )


def _attribute(name):
    """ "classifier.6" as it is written in Python: model.classifier[6]."""
    return "model" + "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in name.split("."))
