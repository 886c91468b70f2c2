"""What the benchmarks time: the same work in minidl and in PyTorch, each as a function that does one step."""

import numpy as np

NETWORKS = {"LeNet-5, batch 128": ("lenet5", (128, 1, 28, 28)), "ResNet-20, batch 64": ("resnet20", (64, 3, 32, 32))}

# name: (function, its settings, shape of x, shapes of the weights); forward and backward with every gradient
LAYERS = {
    "conv 5x5, 6 to 16, 14x14, batch 128": ("conv2d", {}, (128, 6, 14, 14), [(16, 6, 5, 5), (16,)]),
    "conv 3x3, 16, 32x32, batch 64": ("conv2d", {"padding": 1}, (64, 16, 32, 32), [(16, 16, 3, 3), (16,)]),
    "conv 3x3, 32, 16x16, batch 64": ("conv2d", {"padding": 1}, (64, 32, 16, 16), [(32, 32, 3, 3), (32,)]),
    "conv 3x3, 64, 8x8, batch 64": ("conv2d", {"padding": 1}, (64, 64, 8, 8), [(64, 64, 3, 3), (64,)]),
    "conv 3x3 stride 2, 16 to 32, 32x32": (
        "conv2d", {"padding": 1, "stride": 2}, (64, 16, 32, 32), [(32, 16, 3, 3), (32,)]),
    "conv 3x3, 64, 56x56, batch 4": ("conv2d", {"padding": 1}, (4, 64, 56, 56), [(64, 64, 3, 3), (64,)]),
    "batch norm, 16, 32x32, batch 64": ("batch_norm", {}, (64, 16, 32, 32), [(16,), (16,)]),
    "relu, 16, 32x32, batch 64": ("relu", {}, (64, 16, 32, 32), []),
    "max pool 2x2, 6, 28x28, batch 128": ("max_pool2d", {"kernel_size": 2}, (128, 6, 28, 28), []),
    "linear 400 to 120, batch 128": ("linear", {}, (128, 400), [(120, 400), (120,)]),
}  # fmt: skip


def names(which):
    """The cases of a group: "networks", "layers" or "all"."""
    return [*(NETWORKS if which != "layers" else ()), *(LAYERS if which != "networks" else ())]


def make(framework, name, threads):
    """A function that does one step of the named case."""
    build = {"minidl": _minidl, "torch": _torch}[framework]
    return build(name, threads)


def _inputs(shape):
    rng = np.random.default_rng(0)
    return rng.standard_normal(shape, dtype=np.float32), rng.integers(0, 10, shape[0])


def _minidl(name, threads):
    import minidl
    from minidl import functional, models, optim
    from minidl.kernels.layout import as_images, as_rows

    minidl.set_num_threads(threads)
    if name in NETWORKS:
        model_name, shape = NETWORKS[name]
        x, targets = _inputs(shape)
        model = models.create(model_name)
        optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)

        def step():
            optimizer.zero_grad()
            functional.cross_entropy(model(minidl.Tensor(x)), targets).backward()
            optimizer.step()

        return step

    function, settings, shape, weights = LAYERS[name]
    x = _inputs(shape)[0]
    x = as_images(as_rows(x)) if x.ndim == 4 else x  # as the layer before leaves it
    x, *weights = (minidl.Tensor(a, requires_grad=True) for a in (x, *(_inputs(s)[0] for s in weights)))
    y = _apply(functional, function, settings, x, weights, lambda n: np.ones(n, np.float32))
    gy = np.copy(y.data, order="K")
    return lambda: _apply(functional, function, settings, x, weights, lambda n: np.ones(n, np.float32)).backward(gy)


def _torch(name, threads):
    import sys
    from pathlib import Path

    import torch
    from torch.nn import functional

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import torch_models

    torch.set_num_threads(threads)
    if name in NETWORKS:
        model_name, shape = NETWORKS[name]
        x, targets = (torch.tensor(a) for a in _inputs(shape))
        model = torch_models.create(model_name)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)

        def step():
            optimizer.zero_grad()
            functional.cross_entropy(model(x), targets).backward()
            optimizer.step()

        return step

    function, settings, shape, weights = LAYERS[name]
    x, *weights = (torch.tensor(a, requires_grad=True) for a in (_inputs(s)[0] for s in (shape, *weights)))
    gy = _apply(functional, function, settings, x, weights, torch.ones).detach()
    return lambda: _apply(functional, function, settings, x, weights, torch.ones).backward(gy)


def _apply(functional, function, settings, x, weights, ones):
    if function == "batch_norm":
        return functional.batch_norm(x, 0 * ones(x.shape[1]), ones(x.shape[1]), *weights, training=True)
    return getattr(functional, function)(x, *weights, **settings)
