"""What several tests share: PyTorch if it is there, and a number of threads that is put back afterwards."""

import signal
import sys

import cuda_on_the_host
import pytest
import standin_cupy
from local_server import serving

import minidl

# A shell starts what runs in its background deaf to Ctrl-C; the tests that interrupt programs need to be heard.
signal.signal(signal.SIGINT, signal.default_int_handler)

collect_ignore_glob = ["torch_*.py"]  # they import PyTorch, which need not be there


@pytest.fixture
def torch():
    """PyTorch, the oracle; a test that asks for it is skipped where it is not installed."""
    return pytest.importorskip("torch")


@pytest.fixture(params=["stand-in", pytest.param("gpu", marks=pytest.mark.gpu)])
def cupy(request, monkeypatch):
    """CuPy for arrays on a GPU: the stand-in that runs anywhere, and, where there is a GPU, the real one."""
    if request.param == "gpu":
        real = pytest.importorskip("cupy")
        if not real.is_available():
            pytest.skip("there is no GPU")
        return real
    if cuda_on_the_host.compiler() is None:
        pytest.skip("needs g++, which compiles the CUDA kernels for the processor")
    monkeypatch.setitem(sys.modules, "cupy", standin_cupy)
    monkeypatch.setattr(standin_cupy, "synchronizations", 0)
    return standin_cupy


@pytest.fixture
def threads():
    """The function set_num_threads, undone after the test."""
    before = minidl.get_num_threads()
    yield minidl.set_num_threads
    minidl.set_num_threads(before)


@pytest.fixture(autouse=True)
def seed():
    """Every test starts from the same random numbers, whichever ran before it."""
    minidl.manual_seed(0)


@pytest.fixture
def server(monkeypatch):
    """A server on the loopback address; see local_server.Handler for how well it serves."""
    monkeypatch.setenv("no_proxy", "*")
    with serving() as server:
        yield server
