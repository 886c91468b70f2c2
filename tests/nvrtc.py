"""NVIDIA's compiler for CUDA kernels, NVRTC, which needs no GPU: from the package nvidia-cuda-nvrtc-cu12."""

import ctypes
import importlib.util
from pathlib import Path


def library():
    """NVRTC, or None where it is not installed."""
    spec = importlib.util.find_spec("nvidia")
    for folder in spec.submodule_search_locations if spec else ():
        for path in Path(folder).glob("cuda_nvrtc/lib/libnvrtc.so.*"):
            if "builtins" not in path.name:
                return ctypes.CDLL(str(path))
    return None


def compile(source, architecture):
    """(whether a source compiles, what the compiler says: errors and warnings)"""
    nvrtc, program = library(), ctypes.c_void_p()
    options = [f"--gpu-architecture={architecture}".encode(), b"--std=c++14"]
    assert nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernels.cu", 0, None, None) == 0
    try:
        status = nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
        size = ctypes.c_size_t()
        nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        nvrtc.nvrtcGetProgramLog(program, log)
        return status == 0, log.value.decode()
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
