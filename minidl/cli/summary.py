"""minidl summary"""

import argparse
import shutil

from minidl.cli.options import whole_number

DESCRIPTION = """\
What a network is made of: for one image, every layer with the size of its
output, its parameters, its multiply-adds and the memory of its output.
"""


def add_parser(commands):
    epilog = "examples:\n  minidl summary lenet5\n  minidl summary resnet20 --input 3,64,64"
    help = "layers, sizes and costs of a network"
    parser = commands.add_parser("summary", help=help, description=DESCRIPTION, epilog=epilog)
    parser.set_defaults(run=run)
    parser.add_argument("model", metavar="MODEL", help="lenet5, mlp, resnet20, 32, 44, 56 or 110")
    sizes = "channels, height and width of the image (default: the usual of the model)"
    parser.add_argument("--input", type=_shape, metavar="C,H,W", help=sizes)
    classes = "classes that it tells apart (default: the usual of the model)"
    parser.add_argument("--classes", type=whole_number(1), metavar="N", help=classes)


def run(args):
    from minidl import models
    from minidl.summary import format_summary, summarize

    shape = args.input or models.input_shape(args.model)
    model = models.create(args.model, args.classes, shape)
    print(format_summary(summarize(model, shape), shape, shutil.get_terminal_size().columns))


def _shape(text):
    try:
        shape = tuple(int(part) for part in text.split(","))
    except ValueError:
        shape = ()
    if len(shape) != 3 or min(shape) < 1:
        raise argparse.ArgumentTypeError(f"expected channels, height and width such as 3,32,32, got {text!r}")
    return shape
