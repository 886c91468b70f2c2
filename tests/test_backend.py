"""Array modules, devices, threads and random numbers."""

import os
import subprocess
import sys
import threading
import types

import numpy as np
import pytest

import minidl
from minidl import Tensor, backend, nn

LARGE = (160, 66, 50)  # 2,112,000 bytes in float32: enough to be shared out


class DeviceArray:
    """Stands in for an array on a GPU."""

    __cuda_array_interface__ = {}
    dtype = np.dtype(np.float32)

    def __init__(self, index=0):
        self.device = types.SimpleNamespace(id=index)


@pytest.fixture
def device_module(monkeypatch):
    """The module that DeviceArray seems to come from."""
    module = types.ModuleType("standin")
    monkeypatch.setattr(DeviceArray, "__module__", "standin.core")
    monkeypatch.setitem(sys.modules, "standin", module)
    return module


@pytest.fixture
def no_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)


# ---- Devices ----


def test_the_array_module_follows_from_the_arrays(device_module):
    assert backend.get_array_module(np.ones(2), None, 3.0) is np
    assert backend.get_array_module() is np
    assert backend.get_array_module(None, DeviceArray(), 2) is device_module


def test_arrays_on_different_devices_raise_and_are_named(device_module):
    with pytest.raises(TypeError, match=r"different devices: cpu and cuda:1; use \.to\(device\)"):
        backend.get_array_module(np.ones(2), DeviceArray(1))
    with pytest.raises(TypeError, match="cuda:0 and cuda:1"):
        backend.get_array_module(DeviceArray(0), DeviceArray(1))


@pytest.mark.parametrize("device", ["gpu", "cpu:1", "cuda:x", "cuda:-1", "", None], ids=repr)
def test_unknown_devices(device):
    with pytest.raises(ValueError, match="expected 'cpu', 'cuda' or 'cuda:1'"):
        backend.check_device(device)


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_cuda_without_cupy_is_one_sentence(no_cupy, device):
    for call in (
        lambda: backend.check_device(device),
        lambda: Tensor([1.0]).to(device),
        lambda: nn.Linear(2, 2).to(device),
        lambda: minidl.zeros(2, device=device),
    ):
        with pytest.raises(RuntimeError, match=f"device '{device}' needs CuPy, .*pip install") as error:
            call()
        assert "\n" not in str(error.value)


def fake_cupy(monkeypatch, count):
    class CUDARuntimeError(Exception):
        pass

    def get_count():
        if count is None:
            raise CUDARuntimeError("no device")
        return count

    cupy = types.ModuleType("cupy")
    runtime = types.SimpleNamespace(getDeviceCount=get_count, CUDARuntimeError=CUDARuntimeError)
    cupy.cuda = types.SimpleNamespace(runtime=runtime)
    monkeypatch.setitem(sys.modules, "cupy", cupy)


def test_cuda_without_a_gpu(monkeypatch):
    fake_cupy(monkeypatch, None)
    with pytest.raises(RuntimeError, match="needs a GPU, but CUDA finds none"):
        backend.check_device("cuda")


def test_a_gpu_that_is_not_there(monkeypatch):
    fake_cupy(monkeypatch, 2)
    assert backend.check_device("cuda:1") == "cuda:1"
    with pytest.raises(RuntimeError, match="'cuda:2' does not exist: this machine has 2"):
        backend.check_device("cuda:2")


def test_moving_to_the_cpu_moves_nothing():
    x = Tensor([1.0])
    assert x.to("cpu") is x
    assert backend.to_device(x.data, "cpu") is x.data
    layer = nn.Linear(2, 2)
    weight = layer.weight.data
    assert layer.to("cpu") is layer and layer.weight.data is weight


def test_a_module_with_a_single_number_moves_after_backward():
    layer = nn.Module()
    layer.scale = nn.Parameter(np.array(2.0))
    for _ in range(2):
        layer.scale.exp().backward()
    layer.to("cpu")
    assert layer.scale.grad == 2 * np.exp(2.0)


# ---- Threads ----


def run_python(code, **environment):
    """Run code in a new process; what it printed. Variables given as None are taken away."""
    settings = {**os.environ, **environment}
    settings = {name: value for name, value in settings.items() if value is not None}
    return subprocess.run([sys.executable, "-c", code], env=settings, capture_output=True, text=True)


def test_the_number_of_threads_comes_from_the_environment():
    code = "import minidl; print(minidl.get_num_threads())"
    assert run_python(code, MINIDL_NUM_THREADS="3").stdout.strip() == "3"
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert run_python(code, MINIDL_NUM_THREADS=None).stdout.strip() == str(processors)


@pytest.mark.parametrize("setting", ["0", "two", "-1", "1.5"])
def test_a_wrong_number_of_threads_in_the_environment(setting):
    result = run_python("import minidl", MINIDL_NUM_THREADS=setting)
    assert result.returncode and f"MINIDL_NUM_THREADS must be a whole number from 1, got '{setting}'" in result.stderr


@pytest.mark.parametrize("count", [0, -1, 1.5, "2", None], ids=repr)
def test_a_wrong_number_of_threads(threads, count):
    with pytest.raises(ValueError, match="whole number from 1"):
        minidl.set_num_threads(count)


def test_setting_the_number_of_threads(threads):
    for count in (3, 1, 2):
        threads(count)
        assert minidl.get_num_threads() == count


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("length", [0, 1, 2, 3, 7, 100])
def test_parallel_works_on_every_index_once(threads, count, length):
    threads(count)
    done = np.zeros(length, int)

    def part(start, stop):
        assert start < stop
        done[start:stop] += 1

    backend.parallel(part, length)
    assert np.all(done == 1)


def test_parallel_uses_other_threads(threads):
    threads(3)
    together = threading.Barrier(3, timeout=10)
    backend.parallel(lambda start, stop: together.wait(), 3)


@pytest.mark.parametrize("where", range(3))
def test_errors_in_any_part_come_through_after_all_parts_have_ended(threads, where):
    threads(3)
    ended = []

    def part(start, stop):
        if start == where:
            raise KeyError("planted")
        threading.Event().wait(0.05 * (start + 1))
        ended.append(start)

    with pytest.raises(KeyError, match="planted"):
        backend.parallel(part, 3)
    assert sorted(ended) == [i for i in range(3) if i != where]


def test_calls_from_several_threads_do_not_wait_for_each_other_forever(threads):
    threads(2)
    x = np.ones(LARGE, np.float32)
    results = [None] * 4

    def run(i):
        for _ in range(10):
            results[i] = backend.elementwise(np.add, x, i).sum()

    callers = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(20)
    assert results == [x.size * (i + 1) for i in range(4)]


def test_where_threads_cannot_be_started_one_does_the_work(threads, monkeypatch):
    def failing(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", failing)
        threads(4)
        done = np.zeros(100, int)

        def part(start, stop):
            done[start:stop] += 1

        backend.parallel(part, 100)
        assert np.all(done == 1)
        assert minidl.get_num_threads() == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_threads_work_in_a_forked_process():
    code = """
import os, numpy as np, minidl
from minidl import backend
minidl.set_num_threads(3)
x = np.ones((512, 512), np.float32)
backend.elementwise(np.add, x, x)
child = os.fork()
result = backend.elementwise(np.add, x, x)
assert minidl.get_num_threads() == 3 and (result == 2).all()
if child == 0:
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print("both")
"""
    assert run_python(code).stdout.strip() == "both"


# ---- Element by element ----


def variants():
    """Arrays that give a large result together: plain, transposed, strided, reversed, broadcast."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(LARGE).astype(np.float32)
    transposed = rng.standard_normal(LARGE[::-1]).astype(np.float32).T
    yield "plain", (x, x[::-1])
    yield "transposed", (transposed, transposed)
    yield "mixed orders", (x, transposed)
    yield "a number", (x, 2.5)
    yield "a number first", (2.5, x)
    yield "a 0-d array", (x, np.array(2.0, np.float32))
    yield "last axis", (x, rng.standard_normal(LARGE[-1]).astype(np.float32))
    yield "first axis", (rng.standard_normal((LARGE[0], 1, 1)).astype(np.float32), x)
    yield "both stretched", (x[:, :1], x[:1])
    yield "strided", (x[::2, ::3], x[1::2, ::3])
    yield "images", (x.reshape(160, 66, 10, 5).transpose(3, 1, 0, 2),) * 2
    yield "one long row", (x.reshape(1, -1), x.reshape(1, -1))
    yield "types that differ", (x, x.astype(np.float64))
    yield "integers", ((x * 100).astype(np.int64), 3)
    yield "empty", (x[:0], x[:0])
    yield "stretched views", (np.broadcast_to(x[:1], LARGE), np.broadcast_to(x[:, :1], LARGE))


@pytest.mark.parametrize("arrays", [pytest.param(a, id=name) for name, a in variants()])
@pytest.mark.parametrize("ufunc", [np.add, np.multiply])
def test_elementwise_gives_the_bits_of_the_ufunc(threads, ufunc, arrays):
    threads(3)
    expected = ufunc(*arrays)
    result = backend.elementwise(ufunc, *arrays)
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result, expected)
    out = np.full_like(expected, -1)
    assert backend.elementwise(ufunc, *arrays, out=out) is out
    np.testing.assert_array_equal(out, expected)


def test_elementwise_of_one_array_and_in_place(threads):
    threads(3)
    x = np.random.default_rng(1).standard_normal(LARGE)
    np.testing.assert_array_equal(backend.elementwise(np.tanh, x), np.tanh(x))
    expected = x * 3
    backend.elementwise(np.multiply, x, 3, out=x)
    np.testing.assert_array_equal(x, expected)


def test_elementwise_keeps_the_memory_order(threads):
    threads(2)
    x = np.ones((8, 16, 24, 24), np.float32).transpose(3, 1, 2, 0)
    assert backend.elementwise(np.add, x, 1).strides == x.strides


def test_elementwise_is_shared_out_when_large(threads):
    threads(2)
    seen = set()

    def function(x, out):
        seen.add(out.shape)
        np.add(x, 1, out=out)

    backend.elementwise(function, np.ones(LARGE, np.float32))
    assert seen == {(80, 66, 50)}
    seen.clear()
    backend.elementwise(function, np.ones((10, 10), np.float32))
    assert seen == {(10, 10)}


def test_errors_of_elementwise_come_through(threads):
    threads(2)
    with pytest.raises(ValueError, match="broadcast"):
        backend.elementwise(np.add, np.ones(LARGE), np.ones((7, 7)))


# ---- Random numbers ----


def test_a_seed_means_the_same_numbers():
    drawn = []
    for seed in (1, 1, np.int64(1), 2):
        minidl.manual_seed(seed)
        drawn.append(minidl.random.generator().random(5).tolist())
    assert drawn[0] == drawn[1] == drawn[2] != drawn[3]
    assert minidl.manual_seed(3) is minidl.random.generator()


@pytest.mark.parametrize("seed", [-1, 1.5, "1", None], ids=repr)
def test_wrong_seeds(seed):
    with pytest.raises(ValueError, match="whole number from 0"):
        minidl.manual_seed(seed)
