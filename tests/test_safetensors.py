"""safetensors: against the reference package where it is installed, and every lie that a header can tell."""

import json

import numpy as np
import pytest

from minidl import nn, serialization
from minidl.serialization import load_weights
from minidl.serialization.safetensors import read_safetensors, save_safetensors


def entries():
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((4, 3, 2, 5)).astype(np.float32)
    return {
        "z.weight": weight,
        "permuted": weight.transpose(2, 0, 3, 1),
        "sliced": weight[::2, :, :, 1:4],
        "a.steps": np.int64(7),
        "double": rng.standard_normal(3),
        "half": weight[0].astype(np.float16),
        "empty": np.zeros((0, 3), np.float32),
        "bool": np.array([True, False]),
        "ü": np.arange(5, dtype=np.uint8),
        "big-endian": np.arange(3, dtype=">i4"),
        "nan": np.array([np.nan, -0.0, np.inf], np.float32),
    }


@pytest.mark.parametrize("copy", [True, False])
def test_round_trip_bit_for_bit(tmp_path, copy):
    written = entries()
    save_safetensors(tmp_path / "a.safetensors", written)
    read = read_safetensors(tmp_path / "a.safetensors", copy)
    assert read.keys() == written.keys()
    for name, array in written.items():
        expected = array.astype(np.float32) if array.dtype == np.float16 else array
        assert read[name].shape == array.shape and read[name].dtype == expected.dtype.newbyteorder("="), name
        assert read[name].tobytes() == expected.astype(read[name].dtype).tobytes(), name
    assert load_weights(tmp_path / "a.safetensors").keys() == written.keys()


def test_the_layout_is_the_references(tmp_path):
    """Its own test vector, but for the metadata; and widest types first, so that every array is aligned."""
    path = tmp_path / "a.safetensors"
    save_safetensors(path, entries())
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    assert length % 8 == 0 and content[8:9] == b"{"
    header = json.loads(content[8 : 8 + length])
    assert header.pop("__metadata__")["format"] == "pt"
    sizes = {"BOOL": 1, "U8": 1, "F16": 2, "I32": 4, "F32": 4, "F64": 8, "I64": 8}
    order = [sizes[entry["dtype"]] for entry in header.values()]
    assert order == sorted(order, reverse=True)
    for entry in header.values():
        assert entry["data_offsets"][0] % sizes[entry["dtype"]] == 0
    vector = b'@\0\0\0\0\0\0\0{"attn.0":{"dtype":"F32","shape":[1,2,3],"data_offsets":[0,24]}}'
    path.write_bytes(vector + np.arange(6, dtype="<f4").tobytes())
    assert read_safetensors(path)["attn.0"].tolist() == [[[0, 1, 2], [3, 4, 5]]]


def test_files_of_the_reference_package(tmp_path):
    reference = pytest.importorskip("safetensors.numpy")
    ours, theirs = tmp_path / "ours.safetensors", tmp_path / "theirs.safetensors"
    written = {name: np.ascontiguousarray(array) for name, array in entries().items() if array.dtype.isnative}
    reference.save_file(written, theirs, metadata={"format": "pt", "note": "made there"})
    read = read_safetensors(theirs)
    save_safetensors(ours, written)
    back = reference.load_file(ours)
    assert read.keys() == back.keys() == written.keys()
    for name, array in written.items():
        np.testing.assert_array_equal(read[name], array)
        assert back[name].tobytes() == array.tobytes() and back[name].dtype == array.dtype
    length = [int.from_bytes(path.read_bytes()[:8], "little") for path in (ours, theirs)]
    data = [path.read_bytes()[8 + n :] for path, n in zip((ours, theirs), length, strict=True)]
    assert data[0] == data[1]  # laid out in the same order


def test_bfloat16_from_pytorch(torch, tmp_path):
    reference = pytest.importorskip("safetensors.torch")
    weight = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)).bfloat16()
    reference.save_file({"w": weight}, tmp_path / "a")
    np.testing.assert_array_equal(load_weights(tmp_path / "a")["w"], weight.float().numpy())


def test_bfloat16_by_hand(tmp_path):
    values = np.float32([1, -2.5, 0, np.inf, 3.140625])
    halves = (values.view(np.uint32) >> 16).astype("<u2")
    write(tmp_path / "a", {"w": {"dtype": "BF16", "shape": [5], "data_offsets": [0, 10]}}, halves.tobytes())
    assert read_safetensors(tmp_path / "a")["w"].tolist() == values.tolist()


def write(path, header, data=b"\0" * 24, length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)


def entry(shape=(2, 3), first=0, last=24, dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [first, last]}


LIES = {
    "a hole": ({"a": entry((2,), 0, 8), "b": entry((3,), 12, 24)}, "b begins at byte 12 of the data, .* ends at 8"),
    "a hole at the front": ({"a": entry((5,), 4, 24)}, "a begins at byte 4"),
    "an overlap": ({"a": entry((4,), 0, 16), "b": entry((4,), 8, 24)}, "b begins at byte 8 .* ends at 16"),
    "the same bytes twice": ({"a": entry(), "b": entry()}, "begins at byte 0 .* ends at 24"),
    "backwards": ({"a": entry((2, 3), 24, 0)}, "a begins at byte 24"),
    "too few bytes": ({"a": entry((2, 2))}, r"a has 24 bytes, and F32 of shape \(2, 2\) takes 16"),
    "too many values": ({"a": entry((2**40, 2**40))}, "a has 24 bytes"),
    "beyond the end": ({"a": entry((7,), 0, 28)}, "take 28 bytes, and 24 follow"),
    "bytes left over": ({"a": entry((5,), 0, 20)}, "take 20 bytes, and 24 follow"),
    "terabytes": ({"a": entry((2**40,), 0, 2**42)}, "take 4398046511104 bytes, and 24 follow"),
    "negative shape": ({"a": entry((-2, -3))}, "lists of whole numbers"),
    "negative offset": ({"a": entry((2, 3), -24, 0)}, "lists of whole numbers"),
    "a float": ({"a": entry((2.0, 3))}, "lists of whole numbers"),
    "a truth value": ({"a": entry((True, 6))}, "lists of whole numbers"),
    "sizes that take minutes to multiply": ({"a": entry((10**4000,) * 100)}, "whole numbers, of 64 at most"),
    "three offsets": ({"a": {**entry(), "data_offsets": [0, 8, 24]}}, "two data_offsets, got 3"),
    "another type": ({"a": entry((24,), dtype="F8_E4M3")}, "of type 'F8_E4M3'; known are BOOL"),
    "a list as type": ({"a": entry(dtype=["F32"])}, "of type"),
    "a key too many": ({"a": {**entry(), "strides": [3, 1]}}, "a should have dtype, shape and data_offsets"),
    "a key too few": ({"a": {"dtype": "F32"}}, "a should have dtype, shape and data_offsets"),
    "no table": ({"a": 3}, "a should have dtype"),
    "metadata": ({"__metadata__": {"a": 1}, "a": entry()}, "__metadata__ is not a table of texts"),
    "a name twice": (b'{"a":{},"a":{}}', "gives a name twice"),
    "a field twice": (b'{"a":{"dtype":"F32","dtype":"F32"}}', "gives a name twice"),
    "a list": (b"{}[]", "Extra data"),
    "no JSON": (b"{what}", "Expecting property name"),
    "not a number": (b'{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,24]}}', "lists of whole numbers"),
    "no text": (b'{"\xff":1}', "can't decode"),
    "nested without end": (b'{"a":' * 100_000, "is not a whole"),
}


@pytest.mark.parametrize("case", LIES)
def test_what_a_header_says_is_checked(tmp_path, case):
    header, match = LIES[case]
    write(tmp_path / "a.safetensors", header)
    with pytest.raises(ValueError, match=match) as caught:
        load_weights(tmp_path / "a.safetensors")
    assert "a.safetensors is not a whole .safetensors file" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("length", [2**63, 100_000_001, 10_000])
def test_a_header_that_is_longer_than_the_file(tmp_path, length):
    write(tmp_path / "a.safetensors", {"a": entry()}, length=length)
    with pytest.raises(ValueError, match=f"its header should have {length} bytes, and the file has"):
        load_weights(tmp_path / "a.safetensors")


def test_a_file_cut_anywhere_is_named(tmp_path):
    save_safetensors(tmp_path / "a", entries())
    whole = (tmp_path / "a").read_bytes()
    for size in range(0, len(whole), 7):
        (tmp_path / "cut").write_bytes(whole[:size])
        with pytest.raises(ValueError, match="cut"):
            load_weights(tmp_path / "cut")
    (tmp_path / "cut").write_bytes(whole + b"\0")
    with pytest.raises(ValueError, match="follow the header"):
        load_weights(tmp_path / "cut")


@pytest.mark.parametrize("value", ["text", None, 3, np.array(["x"]), np.array([1j]), [1.0]])
def test_what_cannot_be_written_is_named_and_leaves_nothing(tmp_path, value):
    with pytest.raises(TypeError, match="entry 'x' must be an array of numbers, got"):
        save_safetensors(tmp_path / "a.safetensors", {"w": np.ones(2), "x": value})
    with pytest.raises(TypeError, match="'__metadata__'"):
        save_safetensors(tmp_path / "a.safetensors", {"__metadata__": np.ones(2)})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_a_model_to_a_file_and_back(tmp_path, suffix):
    one, other = (nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)) for _ in range(2))
    one[1].running_mean[:] = [1, 2, 3]
    one[0].weight.data = np.asfortranarray(one[0].weight.data)
    path = tmp_path / f"a{suffix}"
    serialization.save(one, path)
    serialization.load(other, path)
    for name, array in one.state_dict().items():
        assert array.tobytes() == other.state_dict()[name].tobytes(), name
    with pytest.raises(ValueError, match=rf"a\{suffix}: the weights do not fit Linear"):
        serialization.load(nn.Linear(1, 1), path)


def test_save_writes_two_kinds_of_files(tmp_path):
    with pytest.raises(ValueError, match=r"writes \.npz and \.safetensors, .* got .*a\.pth"):
        serialization.save(nn.Linear(1, 1), tmp_path / "a.pth")
    assert not list(tmp_path.iterdir())
