"""What the commands' options have in common."""

import argparse
import math
import re
import textwrap
from difflib import get_close_matches


class UsageError(ValueError):
    """The command line itself is wrong."""


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Help as it is written where the terminal is wide enough; else its prose, which is not indented, is filled."""

    def add_argument(self, action):
        super().add_argument(action)
        if action.choices and action.nargs == argparse.PARSER:  # Python 3.11 forgets that commands are indented
            self._action_max_length = max(self._action_max_length, max(map(len, action.choices)) + 4)

    def _fill_text(self, text, width, indent):
        lines, prose = [], []
        for line in [*text.splitlines(), ""]:
            if line and not line.startswith(" "):
                prose.append(line)
                continue
            fits = max(map(len, prose), default=0) <= width + 2  # argparse would leave two columns free
            lines += prose if fits else textwrap.wrap(" ".join(prose), width)
            lines.append(line)
            prose = []
        return "\n".join(lines).rstrip()


class Parser(argparse.ArgumentParser):
    """Says in one sentence what is wrong, where argparse prints the usage first. Every command knows --debug."""

    def __init__(self, *args, **kwargs):
        kwargs.setdefault("formatter_class", HelpFormatter)
        super().__init__(*args, allow_abbrev=False, **kwargs)
        debug = "show Python's traceback with an error"
        self.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=debug)

    def error(self, message):
        wrong = re.search(r"(?:invalid choice: '|unrecognized arguments: )([\w-]+)", message)
        near = get_close_matches(wrong[1], self._words(), n=1) if wrong else []
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(f"{message}{hint} (see {self.prog} --help)")

    def _words(self):
        """All that could have been meant: options, commands and their options, choices."""
        for action in self._actions:
            yield from action.option_strings
            for choice in action.choices or ():
                yield str(choice)
                if isinstance(action.choices, dict):  # of commands
                    yield from action.choices[choice]._words()


def whole_number(least):
    """An argparse type: a whole number from `least` on."""

    def parse(text):
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or value < least:
            raise argparse.ArgumentTypeError(f"expected a whole number from {least} on, got {text!r}")
        return value

    return parse


def number(least, above=False, below=math.inf):
    """An argparse type: a finite number from `least` on, or above it, and below a limit."""
    limits = f"{'above' if above else 'from'} {least}" + (f" and below {below}" if below < math.inf else "")

    def parse(text):
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or value < least or (above and value == least) or value >= below:
            raise argparse.ArgumentTypeError(f"expected a number {limits}, got {text!r}")
        return value

    return parse


def add_device_options(parser):
    """--device and --threads: where and how fast, with no influence on what is computed."""
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda or cuda:1 (default: cpu); a GPU needs CuPy")
    threads = "processor threads (default: all that there are); results do not depend on it"
    parser.add_argument("--threads", type=whole_number(1), metavar="N", help=threads)


def use_device(device, threads):
    """Check that the device is there, and set the number of threads; returns the device's name."""
    from minidl import backend

    if threads:
        backend.set_num_threads(threads)
    return backend.check_device(device or "cpu")
