"""The ground under everything: array modules, devices, threads and memory.

Which array module computes (NumPy or CuPy) follows from the arrays themselves; there is no global switch.
On the CPU large work is shared out over a pool of threads in few large calls. NumPy lets go of Python's
interpreter lock inside them, so two threads do run at once, while its matrix product is held to one thread
for each call: sharing out rows of an image keeps both busy without two pools fighting for the same cores.
"""

import contextlib
import ctypes
import itertools
import os
import sys
import threading
from queue import SimpleQueue

import numpy as np
import threadpoolctl

# Below this many bytes two threads are not worth it: handing over costs 20 microseconds, or 200 on a busy machine.
SHARE_BYTES = 2 << 20


# ---- Array modules and devices --------------------------------------------------------------------------------


def get_array_module(*arrays):
    """The module that the arrays belong to: NumPy, or CuPy when they lie on a GPU.

    Anything that is no array (None, a Python number) is passed over. Arrays on different devices raise a TypeError.

    >>> get_array_module(np.zeros(3), None, 2.0).__name__
    'numpy'
    """
    on_gpu = [a for a in arrays if hasattr(a, "__cuda_array_interface__")]
    if not on_gpu:
        return np
    devices = {device_of(a) for a in arrays if isinstance(a, np.ndarray) or hasattr(a, "__cuda_array_interface__")}
    if len(devices) > 1:
        raise TypeError(f"arrays lie on different devices: {' and '.join(sorted(devices))}; use .to(device)")
    return sys.modules[type(on_gpu[0]).__module__.partition(".")[0]]


def device_of(array):
    """The name of the device an array lies on: "cpu", "cuda:0", "cuda:1" ..."""
    return "cpu" if isinstance(array, (np.ndarray, np.generic)) else f"cuda:{array.device.id}"


def to_device(array, device):
    """The array on the named device; the array itself when it is there already."""
    kind, index = _parse_device(device)
    if kind == "cpu":
        return array if isinstance(array, np.ndarray) else array.get()
    cupy = _import_cupy(device, index)
    with cupy.cuda.Device(index):
        return cupy.asarray(array)


def check_device(device):
    """Raise a RuntimeError that says what is missing unless the device can be used; returns its name."""
    kind, index = _parse_device(device)
    if kind == "cuda":
        _import_cupy(device, index)
    return device


def _parse_device(device):
    kind, _, index = str(device).partition(":")
    if kind not in ("cpu", "cuda") or (index and not (kind == "cuda" and index.isdigit())):
        raise ValueError(f"unknown device {str(device)!r}: expected 'cpu', 'cuda' or 'cuda:1'")
    return kind, int(index or 0)


def _import_cupy(device, index):
    try:
        import cupy
    except ImportError:
        raise RuntimeError(
            f"device {device!r} needs CuPy, which is not installed: pip install cupy-cuda12x "
            "(or cupy-cuda13x, as nvidia-smi says), or use device 'cpu'"
        ) from None
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise RuntimeError(f"device {device!r} needs a GPU, but CUDA finds none ({error}); use device 'cpu'") from None
    if index >= count:
        raise RuntimeError(f"device {device!r} does not exist: this machine has {count} GPU(s), numbered from 0")
    return cupy


# ---- Threads --------------------------------------------------------------------------------------------------


class _Threads:
    """The number of threads, and the queue that all but the calling one take their work from."""

    def __init__(self):
        setting = os.environ.get("MINIDL_NUM_THREADS", "")
        if setting and not (setting.isdigit() and int(setting)):
            raise ValueError(f"MINIDL_NUM_THREADS must be a whole number from 1, got {setting!r}")
        # In a container, a process may use fewer processors than the machine has.
        usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self.started = 0
        self.resize(int(setting) if setting else usable)

    def resize(self, count):
        for _ in range(self.started):
            self.inbox.put(None)  # the present ones go home
        self.inbox, self.started, self.count = SimpleQueue(), 0, count

    def start(self):
        """Start what is missing at the first use, so that an import starts none; returns the number of threads."""
        try:
            while self.started < self.count - 1:
                threading.Thread(target=_work, args=(self.inbox,), name="minidl", daemon=True).start()
                self.started += 1
        except RuntimeError:  # no thread can be started here (a browser's Python): do without
            self.count = self.started + 1
        return self.count


def _work(inbox):
    for function, start, stop, results in iter(inbox.get, None):
        try:
            function(start, stop)
            results.put(None)
        except BaseException as error:  # raised again by the thread that asked
            results.put(error)
        del function, results  # or they keep their arrays alive until the next call


_threads = _Threads()
if hasattr(os, "register_at_fork"):  # threads do not survive a fork: the child starts its own
    os.register_at_fork(after_in_child=lambda: _threads.resize(_threads.count))

# Set once for the process: asking threadpoolctl around every product would cost more than many products do.
threadpoolctl.threadpool_limits(limits=1, user_api="blas")


def set_num_threads(count):
    """Share work out over this many threads (default: $MINIDL_NUM_THREADS, or every processor the process may use).

    Results do not depend on the number, to the last bit.
    """
    if not isinstance(count, int) or count < 1:
        raise ValueError(f"set_num_threads: expected a whole number from 1, got {count!r}")
    _threads.resize(count)


def get_num_threads():
    """The number of threads that work is shared out over."""
    return _threads.count


def cuts(length, parts):
    """Where to cut range(length) into parts as equal as can be, the larger ones first.

    >>> cuts(10, 4)
    [0, 3, 5, 8, 10]
    """
    return [-(-length * i // max(parts, 1)) for i in range(parts + 1)]


def parallel(function, length, alone=False):
    """Call `function(start, stop)` on consecutive parts of range(length), one part a thread, and wait for all.

    Each index must be worked on by itself: results must not depend on where parts are cut. alone: on this thread only.
    """
    workers = 1 if alone else min(_threads.start(), length)
    if workers <= 1:
        if length:
            function(0, length)
        return
    parts = cuts(length, workers)  # the first, and largest, for this thread, which starts at once
    results = SimpleQueue()
    for start, stop in itertools.pairwise(parts[1:]):
        _threads.inbox.put((function, start, stop, results))
    try:
        function(parts[0], parts[1])
    finally:
        others = [results.get() for _ in parts[2:]]
    for error in others:
        if error is not None:
            raise error


def elementwise(function, *arrays, out=None):
    """`function(*arrays, out=out)` for a function that works element by element, by all threads when arrays are large.

    The function is a ufunc or any that writes to `out`; arrays broadcast, and Python numbers are allowed. Without
    `out` a new array is made in the memory order of the (last) largest input, of the type that the inputs promote to.

    >>> elementwise(np.add, np.ones(3), 1)
    array([2., 2., 2.])
    """
    xp = get_array_module(*arrays)
    if out is None:
        shape = xp.broadcast_shapes(*(a.shape for a in arrays if hasattr(a, "shape")))
        largest = max((a for a in reversed(arrays) if hasattr(a, "shape")), key=lambda a: a.size)
        dtype = xp.result_type(*arrays)
        out = xp.empty_like(largest, dtype) if largest.shape == shape else xp.empty(shape, dtype)
    if xp is not np or out.nbytes < SHARE_BYTES or _threads.count == 1:
        function(*arrays, out=out)
        return out
    axis = int(np.argmax(out.strides)) - out.ndim  # outermost in memory: parts along it are long runs

    def part(start, stop):
        function(*(_cut(a, axis, start, stop) for a in arrays), out=_cut(out, axis, start, stop))

    parallel(part, out.shape[axis])
    return out


def _cut(array, axis, start, stop):
    """array[..., start:stop, ...] along a negative axis; the whole array where it is broadcast along it."""
    if not isinstance(array, np.ndarray) or array.ndim < -axis or array.shape[axis] == 1:
        return array
    return array[(..., slice(start, stop), *[slice(None)] * (-axis - 1))]


@contextlib.contextmanager
def long_runs():
    """Within, NumPy reads a row that meets many others where it lies, if it has 512 numbers.

    It else copies rows of less than 8192 numbers to a buffer, over and over, in which it lines up as many as fit.
    """
    size = np.setbufsize(512)
    try:
        yield
    finally:
        np.setbufsize(size)


# ---- Memory ---------------------------------------------------------------------------------------------------


def _keep_freed_memory():
    """Ask glibc to keep freed memory for the next array instead of giving it back to the system.

    A training step frees and takes the same megabytes over and over. Given back, each page of them must be
    cleared and mapped again by the system: 1.6 ms for a fresh array of 4 MB, 0.4 ms for one whose memory is
    kept. Other systems' allocators keep it anyway; where there is no glibc nothing is done.
    """
    trim_threshold, mmap_threshold, arena_max = -1, -3, -8  # names and numbers from malloc.h
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(mmap_threshold, 1 << 30)
        libc.mallopt(trim_threshold, 1 << 30)
        libc.mallopt(arena_max, 1)  # one heap for all threads, or what one thread frees no other can use
    except (OSError, AttributeError):
        pass


_keep_freed_memory()
