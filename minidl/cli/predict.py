"""minidl predict"""

from minidl.cli.evaluate import add_run_options, load_run
from minidl.cli.options import add_device_options, use_device

DESCRIPTION = """\
Say what images show: the three most probable classes of each.

An image of any size and format is made like the network's training images:
grey or colour, and squeezed to their size. It should also look like them:
MNIST and Fashion-MNIST show light things on black.
"""


def add_parser(commands):
    epilog = "example:\n  minidl predict runs/lenet5-fashion-mini shoe.png shirt.jpg"
    parser = commands.add_parser("predict", help="classify image files", description=DESCRIPTION, epilog=epilog)
    parser.set_defaults(run=run)
    add_run_options(parser)
    parser.add_argument("files", nargs="+", metavar="IMAGE", help="image files of any format that Pillow reads")
    add_device_options(parser)


def run(args):
    device = use_device(args.device, args.threads)

    import numpy as np

    from minidl import functional as F
    from minidl import no_grad
    from minidl.autograd import Tensor
    from minidl.cli.setup import to_network

    model, config = load_run(args.folder, args.last)
    images = config["images"]
    transform = to_network(images)
    batch = np.stack([transform(read_image(path, images["channels"], images["size"])) for path in args.files])
    model.to(device).eval()
    with no_grad():
        probabilities = F.softmax(model(Tensor(batch).to(device)), dim=1).numpy()
    width = max(map(len, args.files))
    for path, row in zip(args.files, probabilities, strict=True):
        best = np.argsort(-row, kind="stable")[:3]
        guesses = ", ".join(f"{images['classes'][i]} {row[i]:.3f}" for i in best)
        print(f"{path:{width}}  {guesses}")


def read_image(path, channels, size):
    """The pixels of an image file, uint8 (H, W) or (H, W, 3) of the size (height, width)."""
    import numpy as np
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            image = _on_black(_eight_bits(ImageOps.exif_transpose(image)))
            image = image.convert("L" if channels == 1 else "RGB")
            return np.array(image.resize((size[1], size[0]), Image.Resampling.BILINEAR))
    except UnidentifiedImageError:
        raise ValueError(f"{path} is not an image that Pillow can read") from None
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} could not be read as an image: {error}") from error


def _eight_bits(image):
    """16 bits a pixel become 8: Pillow would cut off what is above 255 instead."""
    import numpy as np
    from PIL import Image

    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError(f"its pixels are of mode {image.mode} (32 bits), expected 8 or 16 bits")
    return image


def _on_black(image):
    """What is transparent becomes black, as around the training images; Pillow would uncover what lies below."""
    from PIL import Image

    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "black"), image)
