"""minidl summary"""

import argparse
import shutil
import textwrap

from minidl.cli.options import UsageError, whole_number

DESCRIPTION = """\
What a network is made of: for one image, every layer with the size of its
output, its receptive field, its parameters, its multiply-adds, and its memory
forward and for training. Without a name: all models, one a line.
"""

EPILOG = """\
columns, as far as the terminal is wide enough:
  values      numbers in the output; memory: their bytes
  field       how many pixels of the image one of them sees
  mult-adds   multiplications of convolutions and linear layers
  training    what forward keeps for the backward pass, and the gradient of the
              parameters; each array counts with the layer that made it

examples:
  minidl summary
  minidl summary lenet5
  minidl summary resnet20 --input 3,64,64
  minidl summary vgg16 --depth 1
"""


def add_parser(commands):
    help = "layers, sizes and costs of a network"
    parser = commands.add_parser("summary", help=help, description=DESCRIPTION, epilog=EPILOG)
    parser.set_defaults(run=run)
    parser.add_argument("model", nargs="?", metavar="MODEL", help="its name; without it, all names are listed")
    sizes = "channels, height and width of the image (default: the usual of the model)"
    parser.add_argument("--input", type=_shape, metavar="C,H,W", help=sizes)
    classes = "classes that it tells apart (default: the usual of the model)"
    parser.add_argument("--classes", type=whole_number(1), metavar="N", help=classes)
    depth = "sum up blocks at this level of names, 1 for the outermost (default: as deep as fits a page)"
    parser.add_argument("--depth", type=whole_number(1), metavar="N", help=depth)


def run(args):
    from minidl import models, random

    columns = shutil.get_terminal_size().columns
    with random.undrawn():  # to be counted, a network needs no weights
        if args.model:
            print(_table(args, models, columns))
        elif args.input or args.classes or args.depth:
            raise UsageError("--input, --classes and --depth need a model: minidl summary NAME")
        else:
            print("\n".join(_listing(models, columns)))


def _table(args, models, columns):
    from minidl.summary import format_summary, summarize

    shape = args.input or models.input_shape(args.model)
    model = models.create(args.model, args.classes, shape)
    rows = summarize(model, shape, args.depth or "page")
    table = format_summary(rows, shape, columns)
    idle = _parameters(model) - sum(row.parameters for row in rows)
    return table + f"\nnot counted: {idle:,} parameters that only training uses" * (idle > 0)


def _listing(models, columns):
    """By the images they take, a line for each model: its name, its parameters, its summary."""
    groups = {}
    for name in models.names():
        groups.setdefault((models.input_shape(name)[0], models.num_classes(name)), []).append(name)
    wide = max(map(len, models.names()))
    for (channels, classes), names in groups.items():
        sizes = sorted({models.input_shape(name)[1:] for name in names})
        between = " to ".join("x".join(map(str, size)) for size in dict.fromkeys([sizes[0], sizes[-1]]))
        yield f"{between}, {channels} channel{'s' * (channels > 1)}" + (f", {classes} classes" if classes else "")
        for name in names:
            start = f"  {name:{wide}}  {_parameters(models.create(name)):>11,}  "
            yield start + textwrap.shorten(models.describe(name), max(columns - len(start), 20), placeholder=" ...")


def _parameters(model):
    return sum(parameter.size for parameter in model.parameters())


def _shape(text):
    try:
        shape = tuple(int(part) for part in text.split(","))
    except ValueError:
        shape = ()
    if len(shape) != 3 or min(shape) < 1:
        raise argparse.ArgumentTypeError(f"expected channels, height and width such as 3,32,32, got {text!r}")
    return shape
