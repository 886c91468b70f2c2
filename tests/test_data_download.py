"""Downloads against servers on the loopback address: good ones, and all the ways of being bad."""

import dataclasses
import errno
import gzip
import hashlib
import io
import os
import struct
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from local_server import BODY, closed_port

from minidl import data
from minidl.data import CIFAR10, MNIST, DownloadError
from minidl.data.download import Info, RemoteFile, fetch_files


def dataset_info(*urls, body=BODY, digest=None, name="file.bin"):
    digest = digest or "md5:" + hashlib.md5(body).hexdigest()
    return Info("toy", "toy", "", "", members=(name,), remote=(RemoteFile(name, urls, digest, len(body)),))


def landed(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("how", ["ok", "no-range", "no-length"])
@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_fetch(server, tmp_path, how, algorithm, capsys):
    info = dataset_info(server.url(how), digest=f"{algorithm}:{hashlib.new(algorithm, BODY).hexdigest()}")
    assert fetch_files(info, tmp_path) == tmp_path / "toy"
    assert landed(tmp_path) == {"toy/file.bin": BODY}
    shown = capsys.readouterr().err
    assert "file.bin" in shown and "512k" in shown
    fetch_files(info, tmp_path)
    assert len(server.requests) == 1  # there already


def test_no_progress_when_not_wanted(server, tmp_path, capsys):
    fetch_files(dataset_info(server.url("ok")), tmp_path, progress=False)
    assert capsys.readouterr().err == ""


def test_files_already_there_are_taken_as_they_are(server, tmp_path):
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "file.bin").write_bytes(b"compressed by somebody else")
    fetch_files(dataset_info(server.url("ok")), tmp_path)
    assert server.requests == [] and landed(tmp_path) == {"toy/file.bin": b"compressed by somebody else"}


@pytest.mark.parametrize("how, status", [("ok", "resumed"), ("no-range", "started over")])
@pytest.mark.parametrize("already", [1, 1000, len(BODY) - 1])
def test_resume(server, tmp_path, how, status, already, capsys):
    part = tmp_path / "toy" / "file.bin.part"
    part.parent.mkdir()
    part.write_bytes(BODY[:already])
    fetch_files(dataset_info(server.url(how)), tmp_path)
    assert server.requests == [(how, "file.bin", f"bytes={already}-")], status
    assert landed(tmp_path) == {"toy/file.bin": BODY}


@pytest.mark.parametrize("beginning", [b"x" * 1000, b"x" * len(BODY), b"x" * (len(BODY) + 5)])
def test_resume_of_a_bad_beginning_starts_over(server, tmp_path, beginning):
    part = tmp_path / "toy" / "file.bin.part"
    part.parent.mkdir()
    part.write_bytes(beginning)
    fetch_files(dataset_info(server.url("ok")), tmp_path)
    assert [asked for *_, asked in server.requests] == [f"bytes={len(beginning)}-", None]
    assert landed(tmp_path) == {"toy/file.bin": BODY}


def test_whole_part_is_landed_without_fetching_again(server, tmp_path):
    part = tmp_path / "toy" / "file.bin.part"
    part.parent.mkdir()
    part.write_bytes(BODY)
    fetch_files(dataset_info(server.url("ok")), tmp_path)
    assert len(server.requests) == 1 and landed(tmp_path) == {"toy/file.bin": BODY}


def test_cut_connection_is_resumed_from_the_next_mirror(server, tmp_path):
    fetch_files(dataset_info(server.url("cut"), server.url("ok")), tmp_path)
    assert server.requests == [("cut", "file.bin", None), ("ok", "file.bin", f"bytes={len(BODY) // 2}-")]
    assert landed(tmp_path) == {"toy/file.bin": BODY}


def test_mirrors_are_tried_in_order(server, tmp_path):
    urls = closed_port(), server.url("ok", "missing"), server.url("wrong"), server.url("ok")
    fetch_files(dataset_info(*urls), tmp_path)
    assert [how for how, *_ in server.requests] == ["ok", "wrong", "ok"]
    assert landed(tmp_path) == {"toy/file.bin": BODY}


@pytest.mark.parametrize(
    "how, message, kept",
    [
        ("missing", "HTTP 404 Not Found", 0),
        ("closed", "refused", 0),
        ("no-length-cut", "the connection ended after 256000 of 512000 bytes.*are kept", 256000),
        ("wrong", r"wrong file, deleted: md5 \w{32} of 512000 bytes, expected \w{32} of 512000", 0),
        (
            "cut",
            "the connection ended after 256000 of 512000 bytes.*the 0.3 MB that came are kept",
            256000,
        ),
    ],
)
def test_when_all_mirrors_fail(server, tmp_path, how, message, kept):
    url = {"missing": server.url("ok", "missing"), "closed": closed_port()}.get(how) or server.url(how)
    with pytest.raises(DownloadError, match=message) as error:
        fetch_files(dataset_info(url), tmp_path)
    text = str(error.value)
    assert url in text and "file.bin" in text and str(tmp_path) in text and "\n" not in text
    assert landed(tmp_path) == ({"toy/file.bin.part": BODY[:kept]} if kept else {})
    assert ("are kept" in text) == bool(kept)


def test_all_mirrors_are_named(server, tmp_path):
    urls = closed_port(), server.url("ok", "missing"), server.url("wrong")
    with pytest.raises(DownloadError) as error:
        fetch_files(dataset_info(*urls), tmp_path)
    assert all(url in str(error.value) for url in urls)


def test_interrupted_fetch_goes_on_next_time(server, tmp_path):
    info = dataset_info(server.url("cut"))
    for _ in range(30):  # each gets half of the rest
        try:
            fetch_files(info, tmp_path, progress=False)
        except DownloadError:
            assert not (tmp_path / "toy" / "file.bin").exists()
        else:
            break
    sizes = [int(asked[6:-1]) for *_, asked in server.requests[1:]]
    assert sizes == sorted(sizes) and sizes[:2] == [256000, 384000]


def test_answer_for_another_range_is_not_used(server, tmp_path):
    part = tmp_path / "toy" / "file.bin.part"
    part.parent.mkdir()
    part.write_bytes(BODY[:1000])
    with pytest.raises(DownloadError, match="HTTP 206 where 200 was expected"):
        fetch_files(dataset_info(server.url("bad-range")), tmp_path)
    assert landed(tmp_path) == {"toy/file.bin.part": BODY[:1000]}


def test_body_without_end_is_stopped(server, tmp_path):
    server.files["file.bin"] = BODY + bytes(10_000_000)
    with pytest.raises(DownloadError, match="wrong file, deleted: md5 .* of 5[0-9]{5} bytes, expected"):
        fetch_files(dataset_info(server.url("no-length")), tmp_path)
    assert landed(tmp_path) == {}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk(server, tmp_path):
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "file.bin.part").symlink_to("/dev/full")
    with pytest.raises(DownloadError, match="could not be written .*No space left on device.*Make room") as error:
        fetch_files(dataset_info(server.url("ok"), server.url("ok")), tmp_path)
    assert "\n" not in str(error.value)
    assert len(server.requests) == 1  # another mirror would not help
    assert not list((tmp_path / "toy").iterdir())


def test_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "toy").write_text("a file is in the way")
    with pytest.raises(DownloadError, match="could not be written"):
        fetch_files(dataset_info(server.url("ok")), tmp_path)
    assert server.requests == []


# ---- Archives -------------------------------------------------------------------------------------------------


def archive_bytes(files):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, body in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
    return stream.getvalue()


WHOLE = {"toy/train": b"1" * 1000, "toy/test": b"2", "toy/readme.html": b"3"}


def serve_archive(server, files, cut=None):
    server.files["toy.tar.gz"] = body = archive_bytes(files)[:cut]
    info = dataset_info(server.url("ok", "toy.tar.gz"), body=body, name="toy.tar.gz")
    return dataclasses.replace(info, archive=True, members=("train", "test"))


def test_archive_is_fetched_and_unpacked(server, tmp_path):
    info = serve_archive(server, WHOLE)
    fetch_files(info, tmp_path)
    files = landed(tmp_path)
    del files["toy.tar.gz"]
    assert files == WHOLE
    (tmp_path / "toy" / "test").unlink()
    (tmp_path / "toy" / "train").write_bytes(b"mine")
    fetch_files(info, tmp_path)  # puts back what is missing, leaves what is there, fetches nothing
    assert (tmp_path / "toy" / "test").read_bytes() == b"2" and (tmp_path / "toy" / "train").read_bytes() == b"mine"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "files, cut, message",
    [
        ({"toy/train": b"1"}, None, "lacks toy/test"),
        ({**WHOLE, "../evil": b"x"}, None, "outside"),
        ({**WHOLE, "/tmp/minidl-evil": b"x"}, None, None),
        (WHOLE, -20, "toy.tar.gz is not the official archive, or damaged"),
        (WHOLE, 5, "toy.tar.gz is not the official archive, or damaged"),
    ],
)
def test_bad_archive_lands_nothing(server, tmp_path, files, cut, message):
    root = tmp_path / "root"
    info = serve_archive(server, files, cut)
    if message is None:  # an absolute path is taken as one below the temporary folder
        fetch_files(info, root)
        assert (root / "toy" / "train").exists()
    else:
        with pytest.raises(ValueError, match=message) as error:
            fetch_files(info, root)
        assert "\n" not in str(error.value)
        assert [path.name for path in root.iterdir()] == ["toy.tar.gz"]
    assert not (tmp_path / "evil").exists() and not Path("/tmp/minidl-evil").exists()
    assert not list(root.glob(".toy-*"))


def test_full_disk_while_unpacking(server, tmp_path, monkeypatch):
    def full(*arguments, **settings):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    info = serve_archive(server, WHOLE)
    monkeypatch.setattr(tarfile.TarFile, "extractall", full)
    with pytest.raises(OSError, match="toy.tar.gz could not be unpacked: No space left"):
        fetch_files(info, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["toy.tar.gz"]


# ---- Through the readers --------------------------------------------------------------------------------------


def test_reader_downloads_what_is_missing(server, tmp_path, monkeypatch):
    def idx(*shape):
        raw = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape) + bytes(shape[0] * (784 if shape[1:] else 1))
        return gzip.compress(raw, mtime=0)

    bodies = [idx(*shape) for shape in ((6, 28, 28), (6,), (2, 28, 28), (2,))]
    remote = []
    for name, body in zip(MNIST.info.members, bodies, strict=True):
        server.files[name] = body
        remote += dataset_info(server.url("ok", name), body=body, name=name).remote
    monkeypatch.setattr(MNIST, "info", dataclasses.replace(MNIST.info, remote=tuple(remote)))
    monkeypatch.setenv("MINIDL_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError):
        MNIST()
    assert len(MNIST(download=True)) == 6 and len(MNIST(train=False)) == 2
    assert data.fetch("mnist") == tmp_path / "mnist"
    assert len(server.requests) == 4


def test_the_published_digests_and_mirrors():
    for name, count in (("mnist", 4), ("fashion-mnist", 4), ("cifar10", 1), ("cifar100", 1)):
        info = data.info(name)
        assert len(info.urls) == len(info.digests) == len(info.sizes) == count
        assert all(url.startswith("http") and url.endswith(file) for file in info.urls for url in info.urls[file])
        assert all(len(digest) == len("md5:") + 32 for digest in info.digests.values())


def test_importing_the_package_does_not_load_the_network(tmp_path):
    code = "import sys, minidl.data; sys.exit('urllib.request' in sys.modules or 'http.client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_missing_archive_is_named_too(tmp_path):
    with pytest.raises(FileNotFoundError, match="nor cifar-10-python.tar.gz in"):
        CIFAR10(tmp_path)
