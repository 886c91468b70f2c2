"""Where data sets lie, and fetching them: mirrors, progress, resuming, digests, atomic landing."""

import hashlib
import os
import tarfile
import tempfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

TIMEOUT = 30  # seconds without a byte
BLOCK = 1 << 16


class DownloadError(OSError):
    """A file could not be fetched; the message says from where, why, and what to do."""


@dataclass(frozen=True)
class RemoteFile:
    """A file to fetch: `digest` is "md5:..." or "sha256:..." as its publisher gives it, or how that begins.

    size: in bytes, or a bound above it; no more are fetched.
    """

    name: str
    urls: tuple
    digest: str
    size: int


@dataclass(frozen=True)
class Info:
    """What is known of a data set before it is there.

    members: the official files in its folder. remote: what is fetched; where `archive` is true that is one .tar.gz
    which holds the folder, otherwise the members themselves. A built-in data set has neither.
    """

    name: str
    folder: str
    description: str
    licence: str
    members: tuple = ()
    remote: tuple = ()
    archive: bool = False

    @property
    def urls(self):
        return {file.name: file.urls for file in self.remote}

    @property
    def digests(self):
        return {file.name: file.digest for file in self.remote}

    @property
    def sizes(self):
        return {file.name: file.size for file in self.remote}


# ---- Where ----------------------------------------------------------------------------------------------------


def data_root():
    """The folder that holds the data sets: $MINIDL_DATA, or ~/.cache/minidl."""
    return Path(os.environ.get("MINIDL_DATA") or "~/.cache/minidl").expanduser()


def find(folder, member):
    """The path of a member of a data set, packed as published or unpacked (without .gz), or None."""
    for path in (folder / member, folder / member.removesuffix(".gz")):
        if path.is_file():
            return path
    return None


def locate(info, root=None, download=False):
    """The folder of a data set whose official files are all there; they are taken as they are, however compressed.

    An archive beside the folder is unpacked; with download=True what is missing is fetched first.
    """
    root = data_root() if root is None else Path(root).expanduser()
    folder = root / info.folder
    missing = [member for member in info.members if find(folder, member) is None]
    if missing and download:
        return fetch_files(info, root)
    if missing and info.archive and (archive := root / info.remote[0].name).is_file():
        unpack(info, archive, root)
    elif missing:
        beside = f" (nor {info.remote[0].name} in {root})" if info.archive else ""
        raise FileNotFoundError(
            f"{info.name}: {', '.join(missing)} not found in {folder}{beside}; `minidl data fetch {info.name}` "
            "or download=True fetches them, and MINIDL_DATA names the folder that data sets lie in"
        )
    return folder


# ---- Fetching -------------------------------------------------------------------------------------------------


def fetch_files(info, root=None, progress=True):
    """Fetch what is missing of a data set; returns its folder. What is there already is not looked at."""
    root = data_root() if root is None else Path(root).expanduser()
    folder = root / info.folder
    if all(find(folder, member) for member in info.members):
        return folder
    where = root if info.archive else folder
    for file in info.remote:
        if find(where, file.name) is None:
            _fetch_file(file, where, progress)
    if info.archive:
        unpack(info, root / info.remote[0].name, root)
    return folder


def _fetch_file(file, folder, progress):
    """Fetch one file into the folder: from the first mirror that has it whole, by way of a .part file beside it."""
    path, part = folder / file.name, folder / f"{file.name}.part"
    tried = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for url in file.urls:
            failure = _fetch_from(url, file, part, progress)
            if failure is None:
                os.replace(part, path)
                return
            tried.append(f"{url} ({failure})")
        kept = part.stat().st_size if part.exists() else 0
    except OSError as error:  # of this machine's disk: the network's are told apart in _transfer
        with suppress(OSError):
            part.unlink()
        raise DownloadError(
            f"{file.name} ({file.size / 1e6:.1f} MB) could not be written to {folder}: {error.strerror or error}; "
            "nothing was left there. Make room or set MINIDL_DATA to another folder"
        ) from error
    rest = f"; the {kept / 1e6:.1f} MB that came are kept, and another fetch goes on from there" if kept else ""
    raise DownloadError(
        f"{file.name} could not be fetched; tried {', '.join(tried)}{rest}. "
        f"Try again later, or put the file into {folder} by hand"
    )


def _fetch_from(url, file, part, progress):
    """Complete the .part file from one mirror and check its digest; returns what went wrong, or None."""
    resumed = part.exists() and part.stat().st_size > 0
    try:
        _transfer(url, file, part, progress)
        failure = _check_digest(file, part)
        if failure and resumed:  # perhaps only the beginning, which lay there before, was bad
            _transfer(url, file, part, progress)
            failure = _check_digest(file, part)
    except _NetworkError as error:
        failure = str(error)
    return failure


class _NetworkError(Exception):
    """The mirror or the way to it failed, as opposed to the disk here."""


def _transfer(url, file, part, progress):
    """Append to the .part file what it lacks; a server that cannot start in the middle sends it all again."""
    import http.client  # these take longer to import than the rest of the package, and few need them
    import urllib.error
    import urllib.request

    start = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "minidl"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and start:  # nothing beyond what is there: the digest tells whether that is all
            return
        raise _NetworkError(f"HTTP {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise _NetworkError(_reason(error)) from error
    with response:
        if not (response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {start}-")):
            start = 0
            if response.status != 200:
                raise _NetworkError(f"HTTP {response.status} where 200 was expected")
        total = file.size if response.length is None else start + response.length
        bar = tqdm(desc=file.name, total=total, initial=start, unit="B", unit_scale=True, disable=not progress)
        with bar, open(part, "ab" if start else "wb") as output:
            received = start
            while received <= file.size:  # a server that never stops is stopped here
                try:
                    block = response.read(BLOCK)
                except (OSError, http.client.HTTPException) as error:
                    output.flush()
                    raise _NetworkError(f"{_reason(error)} after {received} of {total} bytes") from error
                if not block:
                    break
                output.write(block)
                received += len(block)
                bar.update(len(block))
            output.flush()
            os.fsync(output.fileno())
    if received < min(total, file.size):
        raise _NetworkError(f"the connection ended after {received} of {total} bytes")


def _reason(error):
    error = getattr(error, "reason", error)
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _check_digest(file, part):
    """What is wrong with the digest of a .part file, which is then deleted, or None."""
    algorithm, _, expected = file.digest.partition(":")
    with open(part, "rb") as stream:
        found = hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
    if found.startswith(expected):
        return None
    size = part.stat().st_size
    part.unlink()
    return f"wrong file, deleted: {algorithm} {found} of {size} bytes, expected {expected} of {file.size}"


# ---- Unpacking ------------------------------------------------------------------------------------------------


def unpack(info, archive, root):
    """Unpack the folder of a data set from its .tar.gz: into a temporary folder beside, then moved in one step."""
    folder = Path(root) / info.folder
    with tempfile.TemporaryDirectory(dir=root, prefix=f".{info.folder}-") as temporary:
        try:
            with tarfile.open(archive, "r:gz") as tar:
                tar.extractall(temporary, filter="data")
        except (tarfile.TarError, EOFError, zlib.error) as error:
            raise _damaged(archive, str(error) or type(error).__name__) from error
        except OSError as error:
            if error.errno is None:  # gzip's own complaint, not the disk's
                raise _damaged(archive, error) from error
            raise OSError(error.errno, f"{archive} could not be unpacked: {error.strerror}") from error
        unpacked = Path(temporary) / info.folder
        absent = [member for member in info.members if not (unpacked / member).is_file()]
        if absent:
            raise _damaged(archive, f"it lacks {', '.join(f'{info.folder}/{member}' for member in absent)}")
        if not folder.exists():
            os.replace(unpacked, folder)
        for member in info.members:  # the folder was there, but not all of its files
            if not (folder / member).exists():
                os.replace(unpacked / member, folder / member)


def _damaged(archive, reason):
    return ValueError(f"{archive} is not the official archive, or damaged: {reason}. Delete it and fetch it again")
