"""CUDA kernels compiled for the processor by g++, so that their results can be tested without a GPU.

Blocks run one after the other, and so do the threads of a block: each until it ends or waits at __syncthreads(), where
it makes way for the next. So an atomic operation is an ordinary one.
"""

import ctypes
import functools
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

SHIM = """\
#include <algorithm>
#include <cmath>
#include <functional>
#include <ucontext.h>
#include <utility>
#include <vector>
using std::max, std::min, std::sqrt;
static struct { unsigned x; } threadIdx, blockIdx, blockDim;
#define __global__
#define __device__ static
#define __shared__ static
static ucontext_t scheduler, *running;
static void __syncthreads() { swapcontext(running, &scheduler); }
static void atomicMax(int* place, int value) { *place = max(*place, value); }
"""
DRIVER = """\
struct Thread {
    ucontext_t context;
    std::vector<char> stack = std::vector<char>(1 << 15);
    bool ended;
};
static std::function<void()> body;
static Thread* current;
static void begin() {
    body();
    current->ended = true;
}
static void run_block(std::vector<Thread>& threads) {
    for (Thread& t : threads) {
        getcontext(&t.context);
        t.context.uc_stack.ss_sp = t.stack.data();
        t.context.uc_stack.ss_size = t.stack.size();
        t.context.uc_link = &scheduler;
        t.ended = false;
        makecontext(&t.context, begin, 0);
    }
    for (bool some = true; some;) {
        some = false;
        for (unsigned i = 0; i < threads.size(); i++) {
            if (threads[i].ended) continue;
            threadIdx.x = i, current = &threads[i], running = &threads[i].context, some = true;
            swapcontext(&scheduler, running);
        }
    }
}
template <class... A, size_t... I>
static void run(void (*kernel)(A...), unsigned blocks, unsigned threads, void** args, std::index_sequence<I...>) {
    blockDim.x = threads;
    body = [=] { kernel(*(A*)args[I]...); };
    std::vector<Thread> block(WAITS ? threads : 0);
    for (blockIdx.x = 0; blockIdx.x < blocks; blockIdx.x++) {
        if (WAITS)
            run_block(block);
        else
            for (threadIdx.x = 0; threadIdx.x < threads; threadIdx.x++) body();
    }
}
template <class... A>
static void run(void (*kernel)(A...), unsigned blocks, unsigned threads, void** args) {
    run(kernel, blocks, threads, args, std::index_sequence_for<A...>());
}
"""
STARTER = 'extern "C" void run_{0}(unsigned blocks, unsigned threads, void** a) {{ run({0}, blocks, threads, a); }}'


def compiler():
    """The path of g++, or None."""
    return shutil.which("g++")


@functools.cache
def compiled(source):
    """A library with a function run_NAME for every kernel NAME of the source."""
    names = re.findall(r"^KERNEL (\w+)\(", source, re.M)
    waits = f"#define WAITS {int('__syncthreads();' in source)}"
    text = "\n".join([SHIM, source, waits, DRIVER, *map(STARTER.format, names)])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kernels.so"
        command = [compiler(), "-std=c++17", "-O1", "-w", "-shared", "-fPIC", "-x", "c++", "-", "-o", path]
        result = subprocess.run(command, input=text, text=True, capture_output=True)
        assert result.returncode == 0, result.stderr
        return ctypes.CDLL(str(path))


def launch(source, name, blocks, threads, arguments):
    """Run a kernel. Arguments: arrays of the host and NumPy numbers; each must be of the kernel's own type."""
    values = [np.uintp(a.ctypes.data) if isinstance(a, np.ndarray) else a for a in arguments]
    cells = [np.array(value) for value in values]
    pointers = (ctypes.c_void_p * len(cells))(*(cell.ctypes.data for cell in cells))
    getattr(compiled(source), f"run_{name}")(blocks, threads, pointers)
