"""Time training steps, and PyTorch's beside them.

    python tests/benchmarks/train_step.py [--against torch] [--cases networks|layers|large|inference|all]
                                          [--only TEXT] [--threads 2] [--seconds 6] [--device cuda]

Each framework runs in a process of its own, and the two take turns of a few steps, so that both see the same machine
and neither's threads disturb the other's. Printed are the median time of a step, the median over the turns of the ratio
(each turn of one beside the turn of the other that follows it, so that a machine which slows down for a while does not
tilt it), and the peak of memory that the steps added to what the process held after its imports; with --device cuda,
the memory that the framework took from the GPU.
"""

import argparse
import multiprocessing
import os
import resource
import statistics
import sys
import time

import cases

TURN_SECONDS, TURN_STEPS = 0.25, 3  # one framework makes at least so many steps before it is the other's turn


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", choices=["torch"], help="time this framework in alternation")
    groups = ["networks", "layers", "large", "inference", "all"]
    parser.add_argument("--cases", choices=groups, default="all", help="what to time")
    parser.add_argument("--only", default="", metavar="TEXT", help="of these, the cases whose name has this in it")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seconds", type=float, default=6, help="how long each framework steps in one case")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="where both compute")
    options = parser.parse_args()
    frameworks = ["minidl", *([options.against] if options.against else [])]
    where = f"{options.threads} threads" if options.device == "cpu" else gpu_name()
    print(f"{where}; median time of a step, peak memory that the steps added")
    print(f"{'':38}{''.join(f'{f:>20}' for f in frameworks)}{'ratio':>8}{'memory':>8}" if len(frameworks) > 1 else "")
    for name in (name for name in cases.names(options.cases) if options.only in name):
        turns, memory = race(frameworks, name, options)
        line = "".join(f"{1e3 * statistics.median(turns[f]):9.2f} ms {memory[f]:5.0f} MB" for f in frameworks)
        if len(frameworks) > 1:
            ratio = statistics.median(a / b for a, b in zip(*turns.values(), strict=True))
            line += f"{ratio:8.2f}{memory['minidl'] / memory[options.against]:8.2f}"
        print(f"{name:38}{line}", flush=True)


def race(frameworks, name, options):
    """For each framework the median time of a step in each of its turns, in seconds, and its peak memory in MB."""
    context = multiprocessing.get_context("spawn")
    workers = {}
    for framework in frameworks:
        here, there = context.Pipe()
        process = context.Process(target=work, args=(there, framework, name, options), daemon=True)
        process.start()
        there.close()  # so that recv() ends if the process does
        workers[framework] = process, here
        here.recv()  # built and warm
    turns = {framework: [] for framework in frameworks}
    end = time.perf_counter() + options.seconds * len(frameworks)
    while time.perf_counter() < end or len(turns["minidl"]) < 5:
        for framework, (_, pipe) in workers.items():
            pipe.send("step")
            turns[framework].append(pipe.recv())
    memory = {}
    for framework, (process, pipe) in workers.items():
        pipe.send("memory")
        memory[framework] = pipe.recv()
        process.join()
    return turns, memory


def work(pipe, framework, name, options):
    """One framework's process: builds the case, then steps when told to."""
    __import__({"minidl": "minidl.models", "torch": "torch.nn"}[framework])
    imported = peak_memory()
    step = cases.make(framework, name, options.threads, options.device)
    for _ in range(3):
        step()
    pipe.send("ready")
    while pipe.recv() == "step":
        step()  # finds the caches cold: not timed
        times = []
        while sum(times) < TURN_SECONDS or len(times) < TURN_STEPS:
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
        pipe.send(statistics.median(times))
    pipe.send(peak_memory() - imported if options.device == "cpu" else gpu_memory(framework))


def peak_memory():
    """The most memory this process has held so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def gpu_memory(framework):
    """The memory that a framework took from the GPU, in MB."""
    if framework == "torch":
        import torch

        return torch.cuda.max_memory_reserved() / 2**20
    import cupy

    return cupy.get_default_memory_pool().total_bytes() / 2**20


def gpu_name():
    import cupy

    return cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()


if __name__ == "__main__":
    main()
