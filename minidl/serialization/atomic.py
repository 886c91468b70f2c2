"""Files written all or not at all.

Every file is written beside its final place under another name and moved there in one step: whatever happens, a
full disk or Ctrl-C among them, either the old file or the new one is there, whole.
"""

import errno
import os
import secrets
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def write_atomically(path):
    """Open a binary file that takes the place of `path` only when it has been written to the end.

    On any failure, a full disk or Ctrl-C among them, the half-written file is removed and `path` is as it was.
    """
    path = Path(path)
    path = path.resolve() if path.is_symlink() else path  # a link stays a link
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, f"could not write {path}: it is no ordinary file")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        reason = error.strerror or error
        kept = "the file that was there before is whole" if path.is_file() else "nothing was left behind"
        raise type(error)(error.errno, f"could not write {path}: {reason}; {kept}") from error
    finally:
        with suppress(OSError):
            temporary.unlink()
