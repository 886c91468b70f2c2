"""minidl predict"""

from minidl.cli.options import UsageError, add_device_options, use_device, whole_number

USAGE = """\
minidl predict [options] RUN IMAGE [IMAGE ...]
       minidl predict [options] --model NAME [--weights FILE] IMAGE [IMAGE ...]"""

DESCRIPTION = """\
Say what images show, with the network of a run, or with a published one.

RUN is the folder that `minidl train` made. An image of any size and format is
made like its training images: grey or colour, and squeezed to their size; of
photos from a folder the middle is taken. It should also look like them: MNIST
and Fashion-MNIST show light things on black.

With --model NAME there is no RUN: the network tells ImageNet's 1000 classes
apart. Its weights are those in the file of --weights, or the published ones:
they are looked for in $MINIDL_DATA/weights (default ~/.cache/minidl/weights)
and fetched if they are not there.
"""

EPILOG = """\
examples:
  minidl predict runs/lenet5-fashion-mini shoe.png shirt.jpg
  minidl predict --model efficientnet_lite0 photo.jpg
  minidl predict --model efficientnet_lite0 --weights FILE --top 3 photo.jpg
"""

NAME_WIDTH, BAR_WIDTH = 30, 16  # with rank and probability a line is 59 characters wide


def add_parser(commands):
    help = "classify image files"
    parser = commands.add_parser("predict", help=help, description=DESCRIPTION, epilog=EPILOG, usage=USAGE)
    parser.set_defaults(run=run)
    files = "image files of any format that Pillow reads; without --model the folder of a run comes first"
    parser.add_argument("files", nargs="+", metavar="IMAGE", help=files)
    last = "of a run, use the last weights (last.npz), not the best (best.npz)"
    parser.add_argument("--last", action="store_true", help=last)
    parser.add_argument("--model", metavar="NAME", help="a network for ImageNet, such as efficientnet_lite0")
    weights = "its weights: .pth, .safetensors or .npz (default: the published ones)"
    parser.add_argument("--weights", metavar="FILE", help=weights)
    top = "how many classes to list for each image (default: 5, of a run 3)"
    parser.add_argument("--top", type=whole_number(1), metavar="N", help=top)
    add_device_options(parser)


def run(args):
    if args.model:
        if args.last:
            raise UsageError("--last is for the weights of a run, and --model takes none")
        classify_with_published(args)
    elif args.weights:
        raise UsageError("--weights needs --model: which network are they for?")
    elif len(args.files) < 2:
        needs = "predict needs the folder of a run and an image, or --model NAME and an image"
        raise UsageError(f"{needs}; got {args.files[0]} alone (see minidl predict --help)")
    else:
        classify_with_run(args)


def classify_with_run(args):
    device = use_device(args.device, args.threads)

    from minidl import data
    from minidl.cli.evaluate import load_run
    from minidl.cli.setup import to_network

    folder, *files = args.files
    model, config = load_run(folder, args.last)
    images = config["images"]
    squeeze = [] if images.get("photos") else [data.Resize(tuple(images["size"]))]
    transform = data.Compose([*squeeze, to_network(images)])
    width = max(map(len, files))
    for path, row in zip(files, _probabilities(model, device, transform, files, images["channels"]), strict=True):
        guesses = ", ".join(f"{name} {p:.3f}" for name, p in data.top_k(row, args.top or 3, images["classes"]))
        print(f"{path:{width}}  {guesses}")


def classify_with_published(args):
    device = use_device(args.device, args.threads)

    from minidl import data, models

    if models.num_classes(args.model) != 1000:
        raise UsageError(f"--model is for networks that tell ImageNet's 1000 classes apart; {args.model} is none")
    weights = args.weights or models.fetch_weights(args.model)
    model = models.create(args.model, weights=weights)
    rows = _probabilities(model, device, models.preprocessing(args.model), args.files)
    for path, row in zip(args.files, rows, strict=True):
        print(path)
        for rank, (name, p) in enumerate(data.top_k(row, args.top or 5, data.imagenet_classes()), 1):
            print(f"{rank:3}  {name:{NAME_WIDTH}}  {p:.3f}  {'#' * round(p * BAR_WIDTH)}".rstrip())


def _probabilities(model, device, transform, files, channels=3):
    """An array (K,) for each file, one after the other; all files are read before the first is classified."""
    from minidl import Tensor, data, no_grad
    from minidl import functional as F

    inputs = [transform(data.read_image(path, channels)) for path in files]
    model.to(device).eval()
    with no_grad():
        for x in inputs:
            yield F.softmax(model(Tensor(x[None]).to(device)), dim=1).numpy()[0]
