"""minidl --version"""

import argparse


class Version(argparse.Action):
    """Prints the versions; they are looked up only when asked for."""

    def __init__(self, option_strings, dest, help):
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser, *_):
        from minidl.checkpoint import versions

        found = versions()
        print(f"minidl {found['minidl']} (numpy {found['numpy']}, python {found['python']})")
        parser.exit()
