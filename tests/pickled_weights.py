"""Files in PyTorch's two forms, put together by hand: also those that PyTorch itself would never write."""

import io
import pickle
import struct
import zipfile

import numpy as np

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C


def push(value):
    """The instructions that put a value of Python's on the stack."""
    return pickle.dumps(value, 2)[2:-1]


def together(*parts):
    """A tuple of what each part puts on the stack."""
    return b"(" + b"".join(parts) + b"t"


def name(text):
    module, _, last = text.rpartition(".")
    return f"c{module}\n{last}\n".encode()


def call(function, *parts):
    return name(function) + together(*parts) + b"R"


def storage(key="0", count=6, dtype="FloatStorage", view=None, kind="storage"):
    parts = [push(kind), name(f"torch.{dtype}"), push(key), push("cpu"), push(count)]
    return together(*parts, push(view)) + b"Q"


def tensor(values=None, offset=0, shape=(2, 3), strides=(3, 1)):
    values = storage() if values is None else values
    rest = push(offset), push(shape), push(strides), push(False), call("collections.OrderedDict")
    return call("torch._utils._rebuild_tensor_v2", values, *rest)


def named(**parts):
    """A dict of what the parts put on the stack."""
    return b"}(" + b"".join(push(key) + part for key, part in parts.items()) + b"u"


def program(body):
    return b"\x80\x02" + body + b"."


def zipped(body, storages, byteorder="little", prefix="archive", **settings):
    """The bytes of a zipped file; storages {key: array}."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", **settings) as archive:
        archive.writestr(f"{prefix}/data.pkl", program(body))
        archive.writestr(f"{prefix}/byteorder", byteorder)
        for key, values in storages.items():
            order = ">" if byteorder == "big" else "<"
            archive.writestr(f"{prefix}/data/{key}", values.astype(values.dtype.newbyteorder(order)).tobytes())
    return stream.getvalue()


def old(body, storages, magic=MAGIC_NUMBER, keys=None):
    """The bytes of a file in the form before PyTorch 1.6."""
    machine = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    parts = [pickle.dumps(value, 2) for value in (magic, 1001, machine)]
    parts += [program(body), pickle.dumps(list(storages) if keys is None else keys, 2)]
    parts += [struct.pack("<q", len(values)) + values.tobytes() for values in storages.values()]
    return b"".join(parts)


SIX = {"0": np.arange(6, dtype=np.float32)}
FORMS = {"zipped": zipped, "old": old}
