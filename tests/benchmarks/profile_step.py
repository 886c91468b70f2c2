"""Where the time of a training step goes: matrix product, lowering, normalization, activation, pooling, Python ...

    python tests/benchmarks/profile_step.py [--case "ResNet-20, batch 64"] [--steps 20] [--threads 1]

Functions are timed from outside; time spent in a timed function inside another counts for the inner one only. With more
than one thread, the time of a part that runs in other threads beside is counted in the calling thread alone.
"""

import argparse
import functools
import threading
import time
from collections import Counter

import cases

from minidl import ops, optim
from minidl.autograd import Op, arithmetic, shape
from minidl.autograd import tensor as engine
from minidl.kernels import convolution, lowering, winograd
from minidl.models import resnet_cifar
from minidl.ops import linear

spent, running = Counter(), []


def timed(function, category):
    """The function, with the time it takes booked to a category and taken off the one around it."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        if threading.current_thread() is not threading.main_thread():
            return function(*args, **kwargs)
        start = time.perf_counter()
        running.append(0.0)
        try:
            return function(*args, **kwargs)
        finally:
            elapsed = time.perf_counter() - start
            spent[category] += elapsed - running.pop()
            if running:
                running[-1] += elapsed

    return wrapper


def instrument():
    """Put clocks around the functions of the kernels, around the ops, and around the engine."""
    products = {
        convolution: ["multiply", "sum_of_products", "product"], winograd: ["multiply", "sum_of_products"],
        linear: ["product"],
    }  # fmt: skip
    for module, names in products.items():
        for name in names:
            setattr(module, name, timed(getattr(module, name), "matrix product"))
    winograd._mix = timed(winograd._mix, "mixing rows")
    winograd._tiles = timed(winograd._tiles, "lowering")
    lowering.lower = timed(lowering.lower, "lowering")
    categories = {
        "convolution, other": [ops.Conv2d], "linear, other": [ops.Linear], "normalization": [ops.BatchNorm],
        "activation": [ops.ReLU], "pooling": [ops.MaxPool2d], "loss": [ops.CrossEntropy],
        "addition": [arithmetic.Add], "shortcut": [resnet_cifar.SubsampleAndPad], "reshape": [shape.Reshape],
    }  # fmt: skip
    for category, classes in categories.items():
        for op in classes:
            op.forward, op.backward = timed(op.forward, category), timed(op.backward, category)
    # What a step spends beside: building the graph, walking it back, adding gradients that meet.
    Op.__call__ = timed(Op.__call__, "engine")
    engine.Tensor.backward = timed(engine.Tensor.backward, "engine")
    optim.Optimizer.step = timed(optim.Optimizer.step, "optimizer")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=cases.NETWORKS, help="the network (default: each of them)")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    instrument()
    for name in [options.case] if options.case else cases.NETWORKS:
        step = timed(cases.make("minidl", name, options.threads), "Python in the model, other")
        for _ in range(3):
            step()
        spent.clear()
        for _ in range(options.steps):
            step()
        total = sum(spent.values())
        print(f"\n{name}, {options.threads} thread(s): {1e3 * total / options.steps:.1f} ms a step")
        for category, seconds in spent.most_common():
            print(f"  {category:28}{1e3 * seconds / options.steps:9.2f} ms {seconds / total:6.1%}")


if __name__ == "__main__":
    main()
