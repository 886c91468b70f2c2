"""DataLoader: batches of a data set, in order or shuffled, prepared ahead by threads or processes when asked."""

import operator
from functools import partial

import numpy as np

from minidl.autograd import Tensor

from .collate import read_samples
from .workers import prepared_by_processes, prepared_by_threads

WORKERS = {"thread": prepared_by_threads, "process": prepared_by_processes}


class DataLoader:
    """Iterating gives the batches of one epoch: (images Tensor (N, C, H, W), labels Tensor (N,)).

    dataset: a Dataset, or anything with a length and numbered samples.
    shuffle: a new order in every epoch. drop_last: leave out a last batch that is not full.
    num_workers: threads that prepare batches ahead; with 0 each is made when it is asked for.
    seed: the order depends on (seed, epoch) alone and the random transforms of a sample on (seed, epoch, its number),
    so every number of workers gives the same batches, bit for bit.
    worker: "thread", or "process" for processes, which take half a second to start in each epoch and need a data set
    that can be pickled, but work side by side in Python code too.

    `epoch` counts the full passes. `batches(start=b)` begins an epoch in the middle, at its batch number b.

    >>> loader = DataLoader([(np.float32([i]), i) for i in range(5)], batch_size=2)
    >>> [labels.numpy().tolist() for images, labels in loader]
    [[0, 1], [2, 3], [4]]
    >>> len(loader), loader.epoch
    (3, 1)
    """

    def __init__(self, dataset, batch_size=1, shuffle=False, num_workers=0, drop_last=False, seed=0, worker="thread"):
        self.dataset = dataset
        self.batch_size = _whole_number("batch_size", batch_size, 1)
        self.num_workers = _whole_number("num_workers", num_workers, 0)
        self.seed = _whole_number("seed", seed, 0)
        if worker not in WORKERS:
            raise ValueError(f"DataLoader: worker must be 'thread' or 'process', got {worker!r}")
        self.worker = worker
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.epoch = 0

    def __repr__(self):
        names = ("batch_size", "shuffle", "num_workers", "drop_last", "seed", "worker")
        return f"DataLoader({len(self.dataset)} samples, {', '.join(f'{n}={getattr(self, n)!r}' for n in names)})"

    def set_epoch(self, epoch):
        """Make the next pass the one of this epoch."""
        self.epoch = _whole_number("epoch", epoch, 0)

    def __len__(self):
        full, rest = divmod(len(self.dataset), self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self):
        return self.batches()

    def batches(self, start=0):
        """The batches of the current epoch from number `start` on, the same as in a pass from its beginning."""
        count = len(self)
        if not 0 <= operator.index(start) <= count:
            raise ValueError(f"batches: start must lie between 0 and the {count} batches of an epoch, got {start}")
        order = self._order()
        size = self.batch_size
        return self._run([order[i * size : (i + 1) * size] for i in range(start, count)], self.epoch)

    def _order(self):
        count = len(self.dataset)
        if not self.shuffle:
            return np.arange(count)
        return next(_generators(self.seed, self.epoch, [0], stream=1)).permutation(count)

    def _run(self, chunks, epoch):
        prepare = partial(_prepare, self.dataset, self.seed, epoch)
        ahead = WORKERS[self.worker](prepare, chunks, self.num_workers) if self.num_workers else map(prepare, chunks)
        for arrays in ahead:
            yield _to_tensors(arrays)
        self.epoch = epoch + 1


def _prepare(dataset, seed, epoch, indices):
    """The batch of these indices, as arrays."""
    rngs = _generators(seed, epoch, indices) if getattr(dataset, "random", False) else None
    if hasattr(dataset, "batch"):
        return dataset.batch(indices, rngs)
    return read_samples(lambda i, _: dataset[i], indices)


def _generators(seed, epoch, indices, stream=0):
    """A generator for each index that depends on nothing but (seed, epoch, stream, index), to be used before the next.

    Philox computes its n-th random number from a key and the counter n, so it can be set to any place at once:
    key (seed, epoch), counter (..., stream, index). Setting one generator costs 2 microseconds, a new one 17.
    """
    key, counter = np.array([seed, epoch], np.uint64), np.array([0, 0, stream, 0], np.uint64)
    philox = np.random.Philox(key=key)
    generator = np.random.Generator(philox)
    state = philox.state | {"state": {"counter": counter, "key": key}}
    for index in indices:
        counter[3] = index
        philox.state = state
        yield generator


def _to_tensors(arrays):
    return tuple(map(_to_tensors, arrays)) if isinstance(arrays, tuple) else Tensor(arrays)


def _whole_number(name, value, least):
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"DataLoader: {name} must be a whole number, got {value!r}") from None
    if not least <= number < 2**63:
        raise ValueError(f"DataLoader: {name} must be {least} or more, got {number}")
    return number
