"""PyTorch's files: those that torch.save writes read back equal, and all others are refused by name, unexecuted."""

import os
import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest
from pickled_weights import FORMS, SIX, call, name, named, old, program, push, storage, tensor, together, zipped

from minidl.serialization import load_weights

every_form = pytest.mark.parametrize("form", FORMS)


def refused(path, content, match):
    """The sentence with which a file is refused: one line that names it."""
    path.write_bytes(content)
    with pytest.raises(ValueError, match=match) as caught:
        load_weights(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value) and len(str(caught.value)) < 600
    return str(caught.value)


# ---- What torch.save writes -----------------------------------------------------------------------------------


def examples(torch):
    rng = torch.Generator().manual_seed(0)
    weight = torch.randn(4, 5, 3, 3, generator=rng)
    return {
        "plain": weight,
        "permuted": weight.permute(2, 3, 1, 0),
        "channels_last": weight.contiguous(memory_format=torch.channels_last),
        "sliced": weight[1:3, ::2, 1:, ::2],
        "tied": weight,
        "parameter": torch.nn.Parameter(weight[0]),
        "expanded": torch.ones(3, 1).expand(3, 4),
        "scalar": torch.tensor(3),
        "empty": torch.zeros(0, 7),
        "half": weight.half().transpose(0, 1),
        "bfloat16": weight.bfloat16()[1:],
        "double": weight.double(),
        **{str(kind): torch.arange(-3, 9).reshape(3, 4).to(kind) for kind in (torch.int8, torch.int16, torch.int32)},
        "long": torch.tensor([2**62, -1]),
        "bytes": torch.arange(9, dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]),
    }


@pytest.mark.parametrize("copy", [True, False], ids=["copy", "view"])
@pytest.mark.parametrize("zipped_form", [True, False], ids=["zipped", "old"])
def test_what_pytorch_writes_reads_back_equal(torch, tmp_path, zipped_form, copy):
    written = examples(torch)
    path = tmp_path / "no suffix tells what it is"
    torch.save(written, path, _use_new_zipfile_serialization=zipped_form)
    read = load_weights(path, copy=copy)
    assert list(read) == list(written)
    for key, expected in written.items():
        expected = expected.detach()
        expected = (expected.float() if expected.dtype in (torch.half, torch.bfloat16) else expected).numpy()
        assert read[key].dtype == expected.dtype and read[key].shape == expected.shape, key
        np.testing.assert_array_equal(read[key], expected, err_msg=key)
    if copy:
        path.write_bytes(b"")  # nothing hangs on the file any more
        read["plain"][0, 0, 0, 0] = 5
        assert read["tied"][0, 0, 0, 0] == 5 and read["permuted"][0, 0, 0, 0] == 5  # one storage, as in PyTorch


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("zipped_form", [True, False], ids=["zipped", "old"])
def test_every_binary_pickle_protocol(torch, tmp_path, protocol, zipped_form):
    settings = {"pickle_protocol": protocol, "_use_new_zipfile_serialization": zipped_form}
    torch.save(torch.nn.Linear(3, 2).state_dict(), tmp_path / "a.pth", **settings)
    assert {key: value.shape for key, value in load_weights(tmp_path / "a.pth").items()} == {
        "weight": (2, 3),
        "bias": (2,),
    }


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model", "model_state_dict"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_the_wrapping_of_training_scripts_is_taken_off(torch, tmp_path, wrapper, prefix):
    net = torch.nn.Linear(3, 2)
    state = {prefix + key: value for key, value in net.state_dict().items()}
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9).state_dict()
    whole = {"epoch": 3, "best": 0.5, "arch": "lin", wrapper: state, "optimizer": optimizer, "none": None}
    torch.save(whole if wrapper else state, tmp_path / "a.pth")
    read = load_weights(tmp_path / "a.pth")
    assert list(read) == ["weight", "bias"]
    np.testing.assert_array_equal(read["weight"], net.weight.detach().numpy())


def test_a_whole_model_is_refused_by_the_name_of_its_class(torch, tmp_path):
    torch.save(torch.nn.Linear(2, 1), tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"torch\.nn\.modules\.linear\.Linear, .*model\.state_dict\(\)"):
        load_weights(tmp_path / "a.pth")


def test_a_program_of_torchscript_is_named(torch, tmp_path):
    content = zipped(named(w=tensor()), SIX)
    (tmp_path / "a.pt").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "a.pt", "a") as archive:
        archive.writestr("archive/constants.pkl", b"")
    refused(tmp_path / "a.pt", (tmp_path / "a.pt").read_bytes(), "program of TorchScript")


# ---- By hand: the same without PyTorch --------------------------------------------------------------------------


@every_form
def test_a_file_by_hand(tmp_path, form):
    (tmp_path / "a").write_bytes(FORMS[form](named(w=tensor(), t=tensor(shape=(3, 2), strides=(1, 3))), SIX))
    read = load_weights(tmp_path / "a")
    np.testing.assert_array_equal(read["w"], np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal(read["t"], np.arange(6).reshape(2, 3).T)


def test_the_oldest_spelling_of_tensors_and_ordered_dicts(tmp_path):
    """As PyTorch 0.3 on Python 2 wrote them: bytes for text, a list of pairs, _rebuild_tensor, a view of a storage."""
    text = b"U\x01w"  # SHORT_BINSTRING
    part = storage(view=("1", 2, 4))
    body = call("torch._utils._rebuild_tensor", part, push(1), push((3,)), push((1,)))
    body = call("collections.OrderedDict", b"](](" + text + body + b"ee") + push({"_metadata": 1}) + b"b"
    (tmp_path / "a").write_bytes(old(body, SIX))
    assert load_weights(tmp_path / "a")["w"].tolist() == [3, 4, 5]
    body = named(w=call("torch._utils._rebuild_tensor", part, push(2), push((3,)), push((1,))))
    refused(tmp_path / "a", old(body, SIX), "goes beyond the 4 values of its storage")


def test_both_byte_orders(tmp_path):
    for order in ("little", "big"):
        (tmp_path / "a").write_bytes(zipped(named(w=tensor()), SIX, byteorder=order))
        read = load_weights(tmp_path / "a")["w"]
        assert read.ravel().tolist() == [0, 1, 2, 3, 4, 5] and read.dtype.isnative


# ---- Refusals ---------------------------------------------------------------------------------------------------

PROGRAMS = {
    "os.system": (name("os.system") + together(push("touch pwned")) + b"R", "os.system"),
    "posix.system": (name("posix.system") + together(push("touch pwned")) + b"R", "posix.system"),
    "builtins.eval": (call("builtins.eval", push("open('pwned', 'w')")), "builtins.eval"),
    "__builtin__": (call("__builtin__.exec", push("open('pwned', 'w')")), "__builtin__.exec"),
    "getattr": (call("builtins.getattr", name("os.path"), push("join")), "builtins.getattr"),
    "a name beneath an admitted one": (name("torch._utils._rebuild_tensor_v2.__globals__"), "__globals__"),
    "stack global": (push("posix") + push("system") + b"\x93", "posix.system"),
    "inst": (b"(Vtouch pwned\niposix\nsystem\n", "instruction INST"),
    "obj": (b"(" + b"cposix\nsystem\n" + push("touch pwned") + b"o", "posix.system"),
    "newobj": (name("collections.OrderedDict") + b")\x81", "instruction NEWOBJ"),
    "extension": (b"\x82\x01", "instruction EXT1"),
    "text called": (push("posix.system") + together(push("touch pwned")) + b"R", "what is no function"),
    "the text of a function's name called": (push("collections.OrderedDict") + b")R", "what is no function"),
    "storage called": (name("torch.FloatStorage") + together(push(3)) + b"R", "it calls torch.FloatStorage"),
    "attributes of a function": (name("torch._utils._rebuild_tensor_v2") + push({"a": 1}) + b"b", "attributes to a"),
    "set": (b"\x8f", "instruction EMPTY_SET"),
    "numpy": (call("numpy.core.multiarray.scalar", push(1)), "numpy.core.multiarray.scalar"),
    "tuple as key": (b"}" + push((1, 2)) + push(1) + b"s", "dict with a tuple as a key"),
    "no mark": (b"t", "pop from empty list"),
    "nothing": (b"", "pop from empty list"),
    "what was never kept": (b"h\x07", "7"),
    "a module": (named(w=tensor(storage(kind="module"))), "no storage of a known type"),
    "a number as storage": (named(w=tensor(push(3))), "in a way that is not known"),
    "complex": (named(w=tensor(storage(dtype="ComplexFloatStorage"))), "torch.ComplexFloatStorage"),
    "a tensor alone": (tensor(), r"it holds a tensor \(2, 3\), expected tensors by name"),
    "a list": (b"]" + tensor() + b"a", "it holds a list"),
    "other things": (named(w=tensor(), epoch=push(3)), r"a dict of 2 entries, 1 of them tensors, 'epoch' \(int\)"),
    "numbers as names": (b"}" + push(1) + tensor() + b"s", "expected tensors by name"),
}


@every_form
@pytest.mark.parametrize("case", PROGRAMS)
def test_programs_are_refused_by_name_and_not_run(tmp_path, monkeypatch, form, case):
    monkeypatch.chdir(tmp_path)
    body, match = PROGRAMS[case]
    refused(tmp_path / "a.pth", FORMS[form](body, SIX), match)
    assert os.listdir(tmp_path) == ["a.pth"]


def test_a_plain_pickle_is_not_even_opened(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "pwned"),)

    refused(tmp_path / "a.pth", pickle.dumps(Evil()), "is a pickle, but not one of torch.save; nothing of it was run")
    refused(tmp_path / "a.pth", FORMS["old"](push(Evil()), SIX), "posix.mkdir|nt.mkdir")
    assert os.listdir(tmp_path) == ["a.pth"]


TENSORS = {
    "offset beyond": ({"offset": 1}, "goes beyond the 6 values"),
    "offset far beyond": ({"offset": 2**80}, "goes beyond the 6 values"),
    "negative offset": ({"offset": -1}, "is -1, expected a whole number from 0"),
    "negative stride": ({"offset": 5, "strides": (-3, -1)}, "is -3, expected"),
    "large stride": ({"strides": (4, 1)}, "goes beyond the 6 values"),
    "negative size": ({"shape": (2, -3)}, "is -3, expected"),
    "terabytes": ({"shape": (2**20, 2**20), "strides": (2**20, 1)}, "goes beyond"),
    "more than a machine word": ({"shape": (2**70,), "strides": (0,)}, "could not be read"),
    "empty, and yet too large": ({"shape": (2**40, 2**40, 0), "strides": (1, 1, 1)}, "could not be read"),
    "too few strides": ({"strides": (1,)}, "in a way that is not known"),
    "a float as size": ({"shape": (2, 3.0)}, "is a float, expected"),
    "a truth value as size": ({"shape": (True, 3)}, "is a bool, expected"),
    "a hundred axes": ({"shape": (1,) * 100, "strides": (1,) * 100}, "could not be read"),
    "a text as shape": ({"shape": "ab", "strides": "ab"}, "is a str, expected"),
}


@every_form
@pytest.mark.parametrize("case", TENSORS)
def test_tensors_that_reach_beyond_their_storage(tmp_path, form, case):
    settings, match = TENSORS[case]
    tracemalloc.start()
    refused(tmp_path / "a.pth", FORMS[form](named(w=tensor(**settings)), SIX), match)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


@every_form
@pytest.mark.parametrize(
    "part, match",
    [
        (storage(count=7), r"storage 0"),
        (storage(count=2**60), r"storage 0"),
        (storage(count=-1), "expected a whole number"),
        (storage(key="1"), "data/1|lacks 1 of its 1 storages|lists a storage that no tensor has"),
        (storage(key=3), "no storage of a known type"),
        (storage(view=("1", 4, 3)), "view of storage 0 goes beyond its 6 values"),
        (storage(view=("1", -1, 3)), "expected a whole number"),
        (storage(dtype="DoubleStorage"), "storage 0"),
    ],
)
def test_storages_that_are_not_as_described(tmp_path, form, part, match):
    refused(tmp_path / "a.pth", FORMS[form](named(w=tensor(part, shape=(1,), strides=(1,))), SIX), match)


def test_one_storage_of_two_types(tmp_path):
    body = named(w=tensor(), v=tensor(storage(dtype="IntStorage")))
    refused(tmp_path / "a.pth", zipped(body, SIX), "storage 0 is of two types or sizes")


@pytest.mark.parametrize("end", ["key", "size", "message"])
def test_tuples_of_tuples_of_tuples_take_no_time(tmp_path, end):
    """Sixty levels, each the one before twice: as a key, as a text or in a message they would take ages."""
    nested = push(()) + b"q\x01" + b"".join(b"h\x01h\x01\x86q\x01" for _ in range(60))
    body = {
        "key": b"}" + nested + push(1) + b"s",
        "size": named(w=tensor(shape=())).replace(b")", nested, 1),
        "message": together(nested) + b"Q",
    }[end]
    refused(tmp_path / "a.pth", zipped(body, SIX), "could not be read")


def test_a_dict_that_holds_itself(tmp_path):
    refused(tmp_path / "a.pth", zipped(b"}q\x01" + push("model") + b"h\x01s", SIX), "it holds a dict of 1 entries")


def test_archives_that_torch_never_writes(tmp_path):
    path = tmp_path / "a.pth"
    refused(path, zipped(named(w=tensor()), SIX, compression=zipfile.ZIP_DEFLATED), "compressed or encrypted")
    refused(path, zipped(named(w=tensor()), SIX, prefix="a/b"), "has 0 entries NAME/data.pkl")
    refused(path, zipped(named(w=tensor()), {}), "no entry archive/data/0")
    content = zipped(named(w=tensor()), SIX)
    at = content.index(SIX["0"].tobytes())
    refused(path, content[:at] + b"\1" + content[at + 1 :], "checksum of archive/data/0 is wrong")


def test_storages_laid_over_each_other_in_an_archive(tmp_path):
    """Entries that all point at the same bytes would make of a small file a large one in memory."""
    keys = [str(i) for i in range(1, 40)]
    body = named(**{f"w{key}": tensor(storage(key=key, count=2000)) for key in keys})
    content = zipped(body, {"1": np.zeros(2000, np.float32)})
    (tmp_path / "a.pth").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "a.pth", "a") as archive:
        info = archive.getinfo("archive/data/1")
        for key in keys[1:]:
            other = zipfile.ZipInfo(f"archive/data/{key}")
            for field in ("header_offset", "file_size", "compress_size", "CRC", "compress_type", "external_attr"):
                setattr(other, field, getattr(info, field))
            archive.filelist.append(other)
            archive.NameToInfo[other.filename] = other
        archive._didModify = True
    refused(tmp_path / "a.pth", (tmp_path / "a.pth").read_bytes(), "which cannot be 2000 values")


def test_the_other_ends_of_old_files(tmp_path):
    path, body = tmp_path / "a.pth", named(w=tensor())
    refused(path, old(body, SIX, keys=[]), "lacks 1 of its 1 storages")
    refused(path, old(body, SIX, keys=["x"]), "lists a storage that no tensor has")
    refused(path, old(body, SIX, keys=[[1]]), "lists a storage that no tensor has")
    refused(path, old(body, {"0": SIX["0"][:5]}), "is not 6 as its tensors say|before the end of storage 0")
    refused(path, old(body, SIX).replace(b"\xe9\x03", b"\xe9\xff")[:40] + b"\x80", "could not be read")


@pytest.mark.parametrize("zipped_form", [True, False], ids=["zipped", "old"])
def test_a_file_cut_anywhere_is_named(torch, tmp_path, zipped_form):
    state = torch.nn.Sequential(torch.nn.Linear(60, 50), torch.nn.Linear(50, 4)).state_dict()
    torch.save(state, tmp_path / "whole.pth", _use_new_zipfile_serialization=zipped_form)
    whole = (tmp_path / "whole.pth").read_bytes()
    for size in [*range(0, 1000, 37), *range(1000, len(whole), 1000), len(whole) - 1]:
        refused(tmp_path / "cut.pth", whole[:size], "cut.pth")


@pytest.mark.parametrize("zipped_form", [True, False], ids=["zipped", "old"])
def test_damaged_bytes_never_crash(torch, tmp_path, zipped_form):
    state = {"w": torch.arange(300.0), "b": torch.ones(2)}
    torch.save(state, tmp_path / "whole.pth", _use_new_zipfile_serialization=zipped_form)
    whole, path = (tmp_path / "whole.pth").read_bytes(), tmp_path / "bad.pth"
    refusals = 0
    for at in range(0, len(whole), 5):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        try:
            load_weights(path)
        except ValueError as error:
            refusals += "bad.pth" in str(error)
    assert refusals > 50  # the others change a name, or a value that has no checksum


def test_what_is_no_file_of_weights(tmp_path):
    path = tmp_path / "a.pth"
    refused(path, b"", "is empty")
    refused(path, b"version https://git-lfs.github.com/spec/v1", "begins with b'version http'; expected weights as")
    refused(path, b"\0" * 257 + b"ustar" + b"\0" * 500, "tar archive")
    refused(path, program(push(1)), "is a pickle")
    refused(path, b"PK\3\4" + b"x" * 500, "not a whole .npz file, nor one of PyTorch's")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        load_weights(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        load_weights(tmp_path)


def test_peak_memory_is_one_copy_of_the_weights(tmp_path):
    body = named(w=tensor(storage(count=2_000_000), shape=(2_000_000,), strides=(1,)))
    for form in FORMS.values():
        (tmp_path / "a.pth").write_bytes(form(body, {"0": np.zeros(2_000_000, np.float32)}))
        for copy, limit in ((True, 8.5e6), (False, 0.5e6)):
            tracemalloc.start()
            weights = load_weights(tmp_path / "a.pth", copy=copy)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert weights["w"].shape == (2_000_000,) and peak < limit
