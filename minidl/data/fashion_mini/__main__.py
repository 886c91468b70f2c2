"""python -m minidl.data.fashion_mini SOURCE DEST: build the built-in data set from the official Fashion-MNIST files."""

import sys

from . import build

if len(sys.argv) != 3:
    sys.exit(__doc__)
build(*sys.argv[1:])
