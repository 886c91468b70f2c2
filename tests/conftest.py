"""What several tests share: PyTorch if it is there, and a number of threads that is put back afterwards."""

import pytest

import minidl

collect_ignore_glob = ["torch_*.py"]  # they import PyTorch, which need not be there


@pytest.fixture
def torch():
    """PyTorch, the oracle; a test that asks for it is skipped where it is not installed."""
    return pytest.importorskip("torch")


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
