"""What the benchmarks time: the same work in minidl and in PyTorch, each as a function that does one step."""

import numpy as np

NETWORKS = {"LeNet-5, batch 128": ("lenet5", (128, 1, 28, 28)), "ResNet-20, batch 64": ("resnet20", (64, 3, 32, 32))}

# One image of 224x224, without gradients.
INFERENCE = {
    "AlexNet": "alexnet", "VGG16": "vgg16", "ResNet-18": "resnet18", "ResNet-50": "resnet50", "GoogLeNet": "googlenet",
    "MobileNet v2": "mobilenet_v2",
}  # fmt: skip

# name: (function, its settings, shape of x, shapes of the weights); forward and backward with every gradient
LAYERS = {
    "conv 5x5, 6 to 16, 14x14, batch 128": ("conv2d", {}, (128, 6, 14, 14), [(16, 6, 5, 5), (16,)]),
    "conv 3x3, 16, 32x32, batch 64": ("conv2d", {"padding": 1}, (64, 16, 32, 32), [(16, 16, 3, 3), (16,)]),
    "conv 3x3, 32, 16x16, batch 64": ("conv2d", {"padding": 1}, (64, 32, 16, 16), [(32, 32, 3, 3), (32,)]),
    "conv 3x3, 64, 8x8, batch 64": ("conv2d", {"padding": 1}, (64, 64, 8, 8), [(64, 64, 3, 3), (64,)]),
    "conv 3x3 stride 2, 16 to 32, 32x32": (
        "conv2d", {"padding": 1, "stride": 2}, (64, 16, 32, 32), [(32, 16, 3, 3), (32,)]),
    "conv 3x3, 64 channels alone, 16x16, batch 64": (
        "conv2d", {"padding": 1, "groups": 64}, (64, 64, 16, 16), [(64, 1, 3, 3), (64,)]),
    "conv 3x3, 64, 56x56, batch 4": ("conv2d", {"padding": 1}, (4, 64, 56, 56), [(64, 64, 3, 3), (64,)]),
    "batch norm, 16, 32x32, batch 64": ("batch_norm", {}, (64, 16, 32, 32), [(16,), (16,)]),
    "relu, 16, 32x32, batch 64": ("relu", {}, (64, 16, 32, 32), []),
    "max pool 2x2, 6, 28x28, batch 128": ("max_pool2d", {"kernel_size": 2}, (128, 6, 28, 28), []),
    "linear 400 to 120, batch 128": ("linear", {}, (128, 400), [(120, 400), (120,)]),
}  # fmt: skip

# Like LAYERS, on arrays of about 10 MB, as the larger images of segmentation and detection are.
LARGE = {
    "batch norm, 64, 100x100, batch 4": ("batch_norm", {}, (4, 64, 100, 100), [(64,), (64,)]),
    "max pool 2x2, 64, 100x100, batch 4": ("max_pool2d", {"kernel_size": 2}, (4, 64, 100, 100), []),
    "max pool 3x3 stride 2": ("max_pool2d", {"kernel_size": 3, "stride": 2, "padding": 1}, (4, 64, 100, 100), []),
    "average pool 2x2": ("avg_pool2d", {"kernel_size": 2}, (4, 64, 100, 100), []),
    "bilinear, 50x50 to 100x100": (
        "interpolate", {"scale_factor": 2, "mode": "bilinear"}, (4, 64, 50, 50), []),
    "bilinear, 100x100 to 160x130": (
        "interpolate", {"size": (160, 130), "mode": "bilinear"}, (4, 64, 100, 100), []),
    "nearest, 50x50 to 100x100": ("interpolate", {"scale_factor": 2}, (4, 64, 50, 50), []),
    "max unpool 2x2, 64, 50x50 to 100x100": ("max_unpool2d", {"kernel_size": 2}, (4, 64, 50, 50), []),
    "conv transpose 2x2 stride 2, 64 to 32": ("conv_transpose2d", {"stride": 2}, (4, 64, 50, 50), [(64, 32, 2, 2)]),
    "conv transpose 4x4 stride 2, 64 to 32": (
        "conv_transpose2d", {"stride": 2, "padding": 1}, (4, 64, 50, 50), [(64, 32, 4, 4), (32,)]),
    "conv transpose 3x3, 64 to 64": ("conv_transpose2d", {"padding": 1}, (4, 64, 100, 100), [(64, 64, 3, 3), (64,)]),
    "conv transpose 16x16 stride 8, 21, batch 2": (
        "conv_transpose2d", {"stride": 8, "padding": 4}, (2, 21, 30, 40), [(21, 21, 16, 16)]),
}  # fmt: skip


def names(which):
    """The cases of a group: "networks", "layers", "large", "inference" or "all"."""
    groups = {"networks": NETWORKS, "layers": LAYERS, "large": LARGE, "inference": INFERENCE}
    return [name for group, cases in groups.items() if which in (group, "all") for name in cases]


def make(framework, name, threads, device="cpu"):
    """A function that does one step of the named case, and waits until it is done."""
    build = {"minidl": _minidl, "torch": _torch}[framework]
    return build(name, threads, device)


def _inputs(shape):
    rng = np.random.default_rng(0)
    return rng.standard_normal(shape, dtype=np.float32), rng.integers(0, 10, shape[0])


def _minidl(name, threads, device):
    import minidl
    from minidl import backend, functional, models, optim
    from minidl.kernels.layout import as_images, as_rows

    minidl.set_num_threads(threads)
    if device == "cuda":
        import cupy

        wait = cupy.cuda.Device().synchronize
    else:
        wait = _nothing
    if name in NETWORKS:
        model_name, shape = NETWORKS[name]
        x, targets = (minidl.Tensor(a).to(device) for a in _inputs(shape))
        model = models.create(model_name).to(device)
        optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)

        def step():
            optimizer.zero_grad()
            functional.cross_entropy(model(x), targets).backward()
            optimizer.step()
            wait()

        return step

    if name in INFERENCE:
        x, model = minidl.Tensor(_inputs((1, 3, 224, 224))[0]).to(device), models.create(INFERENCE[name]).to(device)
        model.eval()

        def infer():
            with minidl.no_grad():
                model(x)
            wait()

        return infer

    function, settings, shape, weights = {**LAYERS, **LARGE}[name]
    x = _inputs(shape)[0]
    x = as_images(as_rows(x)) if x.ndim == 4 and device == "cpu" else x  # as the layer before leaves it
    arrays = x, *(_inputs(s)[0] for s in weights)
    x, *weights = (minidl.Tensor(backend.to_device(a, device), requires_grad=True) for a in arrays)
    settings = _complete(functional, function, settings, shape, lambda a: minidl.Tensor(a).to(device))

    def ones(n):
        return backend.to_device(np.ones(n, np.float32), device)

    gy = _apply(functional, function, settings, x, weights, ones).data.copy(order="K")

    def layer_step():
        for tensor in (x, *weights):
            tensor.grad = None
        _apply(functional, function, settings, x, weights, ones).backward(gy)
        wait()

    return layer_step


def _nothing():
    pass


def _torch(name, threads, device):
    import sys
    from pathlib import Path

    import torch
    from torch.nn import functional

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import torch_models

    torch.set_num_threads(threads)
    wait = torch.cuda.synchronize if device == "cuda" else _nothing
    if name in NETWORKS:
        model_name, shape = NETWORKS[name]
        x, targets = (torch.tensor(a, device=device) for a in _inputs(shape))
        model = torch_models.create(model_name).to(device)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)

        def step():
            optimizer.zero_grad()
            functional.cross_entropy(model(x), targets).backward()
            optimizer.step()
            wait()

        return step

    if name in INFERENCE:
        x = torch.tensor(_inputs((1, 3, 224, 224))[0], device=device)
        model = _published(torch, INFERENCE[name]).to(device).eval()

        def infer():
            with torch.inference_mode():
                model(x)
            wait()

        return infer

    function, settings, shape, weights = {**LAYERS, **LARGE}[name]
    arrays = (_inputs(s)[0] for s in (shape, *weights))
    x, *weights = (torch.tensor(a, device=device, requires_grad=True) for a in arrays)
    settings = _complete(functional, function, settings, shape, lambda a: torch.tensor(a, device=device))

    def ones(n):
        return torch.ones(n, device=device)

    gy = _apply(functional, function, settings, x, weights, ones).detach()

    def layer_step():
        for tensor in (x, *weights):
            tensor.grad = None
        _apply(functional, function, settings, x, weights, ones).backward(gy)
        wait()

    return layer_step


def _published(torch, name):
    """The network of published size, of PyTorch's layers."""
    import torch_alexnet
    import torch_googlenet
    import torch_mobilenet
    import torch_resnet
    import torch_vgg

    if name == "googlenet":
        model = torch_googlenet.GoogLeNet(1000, 8, paper=False)
        model.aux1 = model.aux2 = torch.nn.Identity()  # ours computes them in training only
        return model
    return {
        "alexnet": torch_alexnet.alexnet,
        "vgg16": lambda: torch_vgg.vgg("D"),
        "resnet18": lambda: torch_resnet.ResNet(
            lambda i, *sizes: torch_resnet.Basic(*sizes), (2, 2, 2, 2), 64, (64, 128, 256, 512), 1000
        ),
        "resnet50": lambda: torch_resnet.ResNet(
            lambda i, *sizes: torch_resnet.Bottleneck(*sizes, 64 * 2**i), (3, 4, 6, 3), 64, (256, 512, 1024, 2048), 1000
        ),
        "mobilenet_v2": lambda: torch_mobilenet.MobileNetV2((32, 16, 24, 32, 64, 96, 160, 320, 1280), 1000),
    }[name]()


def _complete(functional, function, settings, shape, tensor):
    """The settings, with the positions that unpooling needs: those of a pooling to the given shape."""
    if function != "max_unpool2d":
        return settings
    n, c, h, w = shape
    images = tensor(_inputs((n, c, 2 * h, 2 * w))[0])
    return {**settings, "indices": functional.max_pool2d(images, 2, return_indices=True)[1]}


def _apply(functional, function, settings, x, weights, ones):
    if function == "batch_norm":
        return functional.batch_norm(x, 0 * ones(x.shape[1]), ones(x.shape[1]), *weights, training=True)
    return getattr(functional, function)(x, *weights, **settings)
