"""The command line: minidl train | eval | predict | summary | data | gradcheck | exercises.

Each command has a module of its own with `add_parser` and a function that does the work. What is slow to import
(matplotlib, Pillow, the models) is imported by the command that needs it, so that `minidl --help` is quick.
"""

import os
import sys
import traceback
import warnings

from minidl.cli import data, evaluate, exercises, gradcheck, predict, summary, train
from minidl.cli.options import Parser, UsageError
from minidl.cli.version import Version

# What a user can cause. Anything else is a fault of minidl's, and shows its traceback.
USER_ERRORS = (ValueError, TypeError, OSError, RuntimeError, ArithmeticError, MemoryError, ImportError)

EXAMPLES = """\
examples:
  minidl train                              LeNet-5 on the built-in data
  minidl train --resume                     go on with the latest run
  minidl eval runs/lenet5-fashion-mini      measure its best weights
  minidl predict runs/lenet5-fashion-mini shoe.png
  minidl summary                            all models
  minidl summary vgg16                      layers, sizes, parameters
  minidl data fetch cifar10                 download a data set
  minidl train --model resnet20 --data cifar10 --augment
  minidl gradcheck                          is every gradient right?
  minidl exercises                          ops to write yourself

`minidl COMMAND --help` explains a command and its options.
"""


def main(argv=None):
    """Run a command; returns the exit status: 0, 1 for what is wrong, 2 for a user's error, 130 after Ctrl-C."""
    debug = "--debug" in (sys.argv[1:] if argv is None else argv)
    try:
        arguments = build_parser().parse_args(argv)
        with warnings.catch_warnings():
            if not debug:  # a diverging run says so itself; NumPy's overflow warnings before it only confuse
                warnings.simplefilter("ignore", RuntimeWarning)
            arguments.run(arguments)
        sys.stdout.flush()
    except SystemExit as exit:  # --help, --version, a wrong answer to an exercise, a wrong gradient
        return exit.code or 0
    except BrokenPipeError:  # the reader has gone (| head): end quietly, and let nothing more be written there
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (KeyboardInterrupt, *USER_ERRORS) as error:
        if debug and not isinstance(error, UsageError):
            traceback.print_exc()
        print(f"minidl: {_sentence(error)}", file=sys.stderr)
        return 130 if isinstance(error, KeyboardInterrupt) else 2
    return 0


def build_parser():
    parser = Parser(
        prog="minidl",
        description="Train and use small networks for computer vision, on NumPy alone.",
        epilog=EXAMPLES,
    )
    parser.add_argument("--version", action=Version, help="show the versions of minidl, NumPy and Python, and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for module in (train, evaluate, predict, summary, data, gradcheck, exercises):
        module.add_parser(commands)
    return parser


def _sentence(error):
    """What went wrong in one line."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if not text:
        text = "interrupted" if isinstance(error, KeyboardInterrupt) else "out of memory"
    return " ".join("; ".join([text, *getattr(error, "__notes__", [])]).split())
