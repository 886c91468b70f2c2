"""The loader: the same batches for any number of workers, resuming, errors, threads that end."""

import gc
import threading
import time

import numpy as np
import pytest
from loader_samples import Numbers

import minidl
from minidl.autograd import Tensor
from minidl.data import (
    Compose,
    DataLoader,
    Dataset,
    ImageDataset,
    Normalize,
    RandomCrop,
    RandomHorizontalFlip,
    Subset,
    ToArray,
    default_collate,
)


def photos(count=50, channels=3, transform=None):
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, (count, 8, 8, *([channels] if channels > 1 else [])), np.uint8)
    return ImageDataset(images, rng.integers(0, 4, count), list("abcd"), transform)


AUGMENT = Compose([RandomCrop(8, 2), RandomHorizontalFlip(), ToArray(), Normalize([0.5] * 3, [0.2] * 3)])


def labels_of(batches):
    return [labels.numpy().tolist() for _, labels in batches]


def flat(batches):
    return [(images.numpy().tobytes(), labels.numpy().tobytes()) for images, labels in batches]


@pytest.fixture(autouse=True)
def no_thread_is_left_behind():
    yield
    deadline = time.monotonic() + 5
    while loader_threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not loader_threads()


def loader_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("minidl-loader")]


# ---- Batches --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_workers", [0, 1, 4])
@pytest.mark.parametrize(
    "count, batch_size, drop_last, expected",
    [
        (7, 3, False, [[0, 1, 2], [3, 4, 5], [6]]),
        (7, 3, True, [[0, 1, 2], [3, 4, 5]]),
        (6, 3, False, [[0, 1, 2], [3, 4, 5]]),
        (2, 5, False, [[0, 1]]),
        (2, 5, True, []),
        (0, 5, False, []),
    ],
)
def test_batches_in_order(num_workers, count, batch_size, drop_last, expected):
    loader = DataLoader(Numbers(count), batch_size, num_workers=num_workers, drop_last=drop_last)
    assert len(loader) == len(expected)
    assert labels_of(loader) == expected
    assert loader.epoch == 1


@pytest.mark.parametrize("shuffle", [False, True])
def test_empty_subset_gives_no_batches(shuffle):
    loader = DataLoader(Subset(photos(), []), 4, shuffle=shuffle)
    assert len(loader) == 0 and list(loader) == []


def test_images_become_float_tensors_and_labels_integers():
    images, labels = next(iter(DataLoader(photos(transform=ToArray()), 4)))
    assert type(images) is Tensor and images.shape == (4, 3, 8, 8) and images.dtype == np.float32
    assert type(labels) is Tensor and labels.shape == (4,) and labels.dtype == np.int64


def test_shuffle_is_a_new_permutation_each_epoch_and_repeats_with_the_seed():
    loader = DataLoader(Numbers(40), 8, shuffle=True, seed=5)
    first, second = labels_of(loader), labels_of(loader)
    assert sorted(sum(first, [])) == sorted(sum(second, [])) == list(range(40))
    assert first != second and sum(first, []) != list(range(40))
    assert loader.epoch == 2
    loader.set_epoch(1)
    assert labels_of(loader) == second
    assert labels_of(DataLoader(Numbers(40), 8, shuffle=True, seed=5)) == first
    assert labels_of(DataLoader(Numbers(40), 8, shuffle=True, seed=6)) != first


@pytest.mark.parametrize("make", [photos, lambda **kw: Subset(photos(**kw), np.arange(49, 3, -2))])
def test_workers_do_not_change_a_bit(make):
    runs = []
    for num_workers in (0, 1, 4):
        loader = DataLoader(make(transform=AUGMENT), 7, shuffle=True, num_workers=num_workers, seed=1)
        runs.append(flat(loader) + flat(loader))
    assert runs[0] == runs[1] == runs[2]


def test_augmentation_depends_on_seed_epoch_and_index_alone():
    def epoch_by_index(seed, epoch, batch_size, shuffle):
        dataset = photos(transform=AUGMENT)
        dataset.labels = np.arange(50)
        loader = DataLoader(dataset, batch_size, shuffle=shuffle, seed=seed)
        loader.set_epoch(epoch)
        return {k: x.tobytes() for xs, ks in loader for x, k in zip(xs.numpy(), ks.numpy().tolist(), strict=True)}

    reference = epoch_by_index(0, 3, 50, False)
    assert epoch_by_index(0, 3, 8, True) == reference
    for other in (epoch_by_index(0, 4, 50, False), epoch_by_index(1, 3, 50, False)):
        assert sum(other[k] == reference[k] for k in range(50)) < 10


def test_the_global_generator_is_left_alone():
    minidl.manual_seed(0)
    before = minidl.random.generator().bit_generator.state
    flat(DataLoader(photos(transform=AUGMENT), 7, shuffle=True))
    assert minidl.random.generator().bit_generator.state == before


def test_asked_directly_a_sample_draws_from_the_global_generator():
    dataset = photos(transform=AUGMENT)
    minidl.manual_seed(4)
    first = [dataset[0][0].tobytes() for _ in range(8)]
    assert len(set(first)) > 1
    minidl.manual_seed(4)
    assert [Subset(dataset, [0])[0][0].tobytes() for _ in range(8)] == first


@pytest.mark.parametrize("num_workers", [0, 2])
def test_start_in_the_middle_of_an_epoch(num_workers):
    make = lambda: DataLoader(photos(transform=AUGMENT), 7, shuffle=True, num_workers=num_workers)  # noqa: E731
    loader = make()
    loader.set_epoch(2)
    whole = flat(loader)
    for start in (0, 3, len(whole)):
        loader = make()
        loader.set_epoch(2)
        assert flat(loader.batches(start)) == whole[start:]
        assert loader.epoch == 3
    with pytest.raises(ValueError, match="between 0 and the 8 batches.*got 9"):
        loader.batches(9)


def test_an_epoch_left_early_does_not_count():
    loader = DataLoader(Numbers(9), 3, shuffle=True)
    first = next(iter(loader))[1].numpy().tolist()
    assert loader.epoch == 0
    assert labels_of(loader)[0] == first


def test_anything_with_a_length_and_numbered_samples_serves():
    samples = [(np.zeros(2), (i, i / 2, bool(i % 2))) for i in range(4)]
    ((x, (whole, half, odd)),) = DataLoader(samples, 4)
    assert x.dtype == np.float64 and x.shape == (4, 2)
    assert whole.numpy().tolist() == [0, 1, 2, 3] and whole.dtype == np.int64
    assert half.numpy().tolist() == [0, 0.5, 1, 1.5] and half.dtype == np.float32
    assert odd.numpy().tolist() == [False, True, False, True]
    assert next(iter(DataLoader(Subset(samples, [2]))))[1][0].numpy().tolist() == [2]


def test_own_random_data_set_gets_the_generator():
    class Noise(Numbers):
        random = True
        __getitem__ = Dataset.__getitem__

        def sample(self, index, rng):
            return rng.random(), index

    runs = [flat(DataLoader(Noise(10), 3, num_workers=n)) for n in (0, 2)]
    assert runs[0] == runs[1]
    values = np.concatenate([x.numpy() for x, _ in DataLoader(Noise(100), 10)])
    assert len(np.unique(values)) == 100
    minidl.manual_seed(0)
    assert 0 <= Noise(3)[1][0] < 1


def test_nan_passes_through():
    values = next(iter(DataLoader([(0.0, 0), (float("nan"), 1), (2.0, 2)], 3)))[0].numpy()
    assert np.isnan(values).tolist() == [False, True, False]


# ---- Errors ---------------------------------------------------------------------------------------------------


class Failing(Numbers):
    def __init__(self, count, at, error):
        super().__init__(count)
        self.at, self.error = at, error

    def __getitem__(self, index):
        if index == self.at:
            raise self.error
        return super().__getitem__(index)


@pytest.mark.parametrize("num_workers", [0, 1, 4])
def test_an_error_names_the_sample_and_comes_in_its_turn(num_workers):
    loader = DataLoader(Failing(20, 13, ValueError("bad file")), 4, num_workers=num_workers)
    seen = []
    with pytest.raises(ValueError, match="sample 13: bad file"):
        for _, labels in loader:
            seen.append(labels.numpy().tolist())
    assert seen == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert loader.epoch == 0


def test_an_error_that_takes_more_than_a_string_is_told_all_the_same():
    error = UnicodeDecodeError("utf-8", b"x", 0, 1, "bad byte")
    with pytest.raises(RuntimeError, match="sample 2: UnicodeDecodeError: .*bad byte"):
        list(DataLoader(Failing(4, 2, error), 4, num_workers=1))


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_failing_transform_names_the_sample(num_workers):
    dataset = photos()

    def fails_on_dark(image):
        if (image == dataset.images[9]).all():
            raise RuntimeError("too dark")
        return image

    dataset.transform = Compose([fails_on_dark, ToArray()])
    with pytest.raises(RuntimeError, match="sample 9: too dark"):
        list(DataLoader(dataset, 5, num_workers=num_workers))


@pytest.mark.parametrize(
    "samples, error, message",
    [
        (
            [np.zeros((3, 32, 32))] * 4 + [np.zeros((3, 30, 32))],
            ValueError,
            r"samples 0 and 4 .*shape: \(3, 32, 32\) and \(3, 30, 32\)",
        ),
        ([(1, 2), (1, 2, 3)], ValueError, "samples 0 and 1 differ in number of fields: 2 and 3"),
        ([(1, 2), 3], ValueError, "samples 0 and 1 differ in number of fields"),
        ([np.zeros(2), 3], ValueError, r"samples 0 and 1 differ in shape: \(2,\) and \(\)"),
        ([1, "two"], TypeError, "sample 1 holds a str"),
        ([None], TypeError, "sample 0 holds a NoneType"),
        ([{"x": 1}], TypeError, "sample 0 holds a dict"),
    ],
)
@pytest.mark.parametrize("num_workers", [0, 2])
def test_samples_that_do_not_fit_together(samples, error, message, num_workers):
    with pytest.raises(error, match=message):
        list(DataLoader(samples, 8, num_workers=num_workers))


def test_collate_of_nothing():
    with pytest.raises(ValueError, match="at least one sample"):
        default_collate([])


@pytest.mark.parametrize(
    "settings, error, message",
    [
        ({"batch_size": 0}, ValueError, "batch_size must be 1 or more, got 0"),
        ({"batch_size": -3}, ValueError, "batch_size must be 1 or more, got -3"),
        ({"batch_size": 2.5}, TypeError, "batch_size must be a whole number, got 2.5"),
        ({"num_workers": -1}, ValueError, "num_workers must be 0 or more"),
        ({"seed": -1}, ValueError, "seed must be 0 or more"),
        ({"seed": None}, TypeError, "seed must be a whole number"),
    ],
)
def test_wrong_settings(settings, error, message):
    with pytest.raises(error, match=message):
        DataLoader(Numbers(4), **settings)
    loader = DataLoader(Numbers(4))
    with pytest.raises(ValueError, match="epoch must be 0 or more"):
        loader.set_epoch(-1)


# ---- Threads --------------------------------------------------------------------------------------------------


class Counting(Numbers):
    def __init__(self, count):
        super().__init__(count)
        self.asked = 0
        self.lock = threading.Lock()

    def __getitem__(self, index):
        with self.lock:
            self.asked += 1
        return super().__getitem__(index)


def test_prefetch_is_bounded():
    dataset = Counting(1000)
    batches = iter(DataLoader(dataset, 1, num_workers=2))
    for _ in range(3):
        next(batches)
    time.sleep(0.05)  # time enough to run ahead, if anything did
    assert 3 <= dataset.asked <= 3 + 2 * 2
    batches.close()


def test_workers_work_side_by_side():
    barrier = threading.Barrier(3, timeout=5)

    class Meeting(Numbers):
        def __getitem__(self, index):
            barrier.wait()  # passes only when three samples are being read at once
            return super().__getitem__(index)

    assert labels_of(DataLoader(Meeting(6), 1, num_workers=3)) == [[i] for i in range(6)]


@pytest.mark.parametrize("how", ["break", "error", "interrupt", "abandoned"])
def test_threads_end_when_the_consumer_leaves(how):
    loader = DataLoader(Counting(10_000), 1, num_workers=3)
    if how == "break":
        for _ in loader:
            break
    elif how == "abandoned":
        next(iter(loader))
    else:
        with pytest.raises(KeyboardInterrupt if how == "interrupt" else ZeroDivisionError):
            for _ in loader:
                if how == "interrupt":
                    raise KeyboardInterrupt
                1 / 0  # noqa: B018
    assert loader.dataset.asked < 100  # and that its threads end, the fixture sees


def test_interrupt_while_waiting_for_a_slow_worker():
    """Ctrl-C arrives inside next(): it comes through at once, and what had not begun is not done."""

    class Slow(Counting):
        def __getitem__(self, index):
            time.sleep(0.2)
            return super().__getitem__(index)

    dataset = Slow(1000)
    timer = ctrl_c_after(0.05)
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(DataLoader(dataset, 1, num_workers=2))
    timer.join()
    assert time.monotonic() - begun < 2 and dataset.asked <= 4


def test_interrupt_while_a_loop_is_left():
    """Leaving waits for no thread: inside the closing of a generator, Python would print Ctrl-C and go on."""

    class SlowAfterwards(Counting):
        def __getitem__(self, index):
            time.sleep(0.3 if index else 0)
            return super().__getitem__(index)

    timer = ctrl_c_after(0.1)
    with pytest.raises(KeyboardInterrupt):
        for _ in DataLoader(SlowAfterwards(1000), 1, num_workers=2):
            break
        time.sleep(2)
    timer.join()


def ctrl_c_after(seconds):
    import signal

    # Ctrl-C that arrives while a thread of an earlier test is collected is lost in Python: collect them now.
    gc.collect()
    main = threading.main_thread().ident
    timer = threading.Timer(seconds, lambda: signal.pthread_kill(main, signal.SIGINT))
    timer.start()
    return timer


def test_a_loader_shows_its_settings():
    expected = "3 samples, batch_size=2, shuffle=True, num_workers=0, drop_last=False, seed=0, worker='thread'"
    assert repr(DataLoader([1, 2, 3], batch_size=2, shuffle=True)) == f"DataLoader({expected})"
