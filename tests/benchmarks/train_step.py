"""Time training steps, and PyTorch's beside them.

    python tests/benchmarks/train_step.py [--against torch] [--cases networks|layers|all] [--threads 2] [--seconds 6]

Each framework runs in a process of its own, and the two take turns of a few steps, so that both see the same machine
and neither's threads disturb the other's. Printed are the median time of a step, the ratio of the medians, and the
peak of memory that the steps added to what the process held after its imports.
"""

import argparse
import multiprocessing
import resource
import statistics
import sys
import time

import cases

ROUND_SECONDS = 0.25  # how long one framework steps before it is the other's turn


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", choices=["torch"], help="time this framework in alternation")
    parser.add_argument("--cases", choices=["networks", "layers", "all"], default="all", help="what to time")
    parser.add_argument("--threads", type=int, default=len(__import__("os").sched_getaffinity(0)))
    parser.add_argument("--seconds", type=float, default=6, help="how long each framework steps in one case")
    options = parser.parse_args()
    frameworks = ["minidl", *([options.against] if options.against else [])]
    print(f"{options.threads} threads; median time of a step, peak memory that the steps added")
    print(f"{'':38}{''.join(f'{f:>20}' for f in frameworks)}{'ratio':>8}{'memory':>8}" if len(frameworks) > 1 else "")
    for name in cases.names(options.cases):
        times, memory = race(frameworks, name, options.threads, options.seconds)
        line = "".join(f"{1e3 * times[f]:9.2f} ms {memory[f]:5.0f} MB" for f in frameworks)
        if len(frameworks) > 1:
            line += f"{times['minidl'] / times[options.against]:8.2f}{memory['minidl'] / memory[options.against]:8.2f}"
        print(f"{name:38}{line}", flush=True)


def race(frameworks, name, threads, seconds):
    """The median time of a step in seconds, and the peak memory in MB, of each framework."""
    context = multiprocessing.get_context("spawn")
    workers = {}
    for framework in frameworks:
        here, there = context.Pipe()
        process = context.Process(target=work, args=(there, framework, name, threads), daemon=True)
        process.start()
        workers[framework] = process, here
        here.recv()  # built and warm
    times = {framework: [] for framework in frameworks}
    for _ in range(max(4, round(seconds / ROUND_SECONDS))):
        for framework, (_, pipe) in workers.items():
            pipe.send("step")
            times[framework] += pipe.recv()
    memory = {}
    for framework, (process, pipe) in workers.items():
        pipe.send("memory")
        memory[framework] = pipe.recv()
        process.join()
    return {framework: statistics.median(ts) for framework, ts in times.items()}, memory


def work(pipe, framework, name, threads):
    """One framework's process: builds the case, then steps when told to."""
    __import__({"minidl": "minidl.models", "torch": "torch.nn"}[framework])
    imported = peak_memory()
    step = cases.make(framework, name, threads)
    for _ in range(3):
        step()
    pipe.send("ready")
    while pipe.recv() == "step":
        times = []
        while sum(times) < ROUND_SECONDS:
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
        pipe.send(times[1:] or times)  # the first step finds the caches cold
    pipe.send(peak_memory() - imported)


def peak_memory():
    """The most memory this process has held so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    main()
