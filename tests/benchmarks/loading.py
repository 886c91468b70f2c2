"""Images a second from a folder of JPEG files, by threads and by processes: python tests/benchmarks/loading.py

Without an argument, of 512 files of 400 x 300 pixels that are made for it; or of the folder that is named.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from minidl import data

ROUNDS = 8
WORKERS = [("thread", 0), ("thread", 1), ("thread", 2), ("process", 1), ("process", 2)]
CHAINS = {
    "Resize, RandomCrop, flip": [data.Resize(256), data.RandomCrop(224, 0), data.RandomHorizontalFlip()],
    "RandomResizedCrop, flip": [data.RandomResizedCrop(224), data.RandomHorizontalFlip()],
    "the same and RandomHSV": [data.RandomResizedCrop(224), data.RandomHorizontalFlip(), data.RandomHSV()],
}


def make_photos(folder, count=512):
    """Smooth shapes with some noise: files of 30 kB, as photos of this size have."""
    rng = np.random.default_rng(0)
    for k in range(count):
        shapes = Image.fromarray(rng.integers(0, 256, (9, 12, 3), np.uint8)).resize(
            (400, 300), Image.Resampling.BICUBIC
        )
        pixels = np.asarray(shapes) + rng.normal(0, 6, (300, 400, 1))
        path = Path(folder, f"class{k % 2}", f"{k:03}.jpg")
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=85)


def one_pass(dataset, worker, num_workers):
    """(seconds to the first batch of 32, images a second from then on)."""
    batches = iter(data.DataLoader(dataset, 32, shuffle=True, num_workers=num_workers, worker=worker))
    start = time.perf_counter()
    next(batches)
    first = time.perf_counter()
    count = sum(len(labels.data) for _, labels in batches)
    return first - start, count / (time.perf_counter() - first)


def main(folder):
    normalize = data.Normalize(data.IMAGENET_MEAN, data.IMAGENET_STD)
    for name, steps in CHAINS.items():
        dataset = data.ImageFolder(folder, data.Compose([*steps, data.ToArray(), normalize]))
        passes = {workers: [] for workers in WORKERS}
        for _ in range(ROUNDS):  # in turn, so that what else the machine does hits all alike
            for workers in WORKERS:
                passes[workers].append(one_pass(dataset, *workers))
        for (worker, count), results in passes.items():
            firsts, speeds = zip(*results, strict=True)
            print(
                f"{name:26} {count} {worker:8} {max(speeds):5.0f} images/s, first batch {min(firsts):.2f} s", flush=True
            )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(sys.argv[1])
    else:
        with tempfile.TemporaryDirectory() as folder:
            make_photos(folder)
            main(folder)
