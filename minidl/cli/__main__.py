"""`python -m minidl.cli` is the same as `minidl`."""

import sys

from minidl.cli import main

sys.exit(main())
