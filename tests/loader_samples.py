"""Data sets for the tests of the loader. Worker processes import this module, so it is quick to import."""

import os
import signal
import time

import numpy as np

from minidl.data import Dataset


class Numbers(Dataset):
    """Sample i is (an array full of i, i)."""

    def __init__(self, count, shape=(2,)):
        self.count, self.shape = count, shape

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if not 0 <= index < self.count:
            raise IndexError(index)
        return np.full(self.shape, index, np.float32), index


class Failing(Numbers):
    """Sample 5 raises error(*arguments)."""

    def __init__(self, count, error, *arguments):
        super().__init__(count)
        self.error, self.arguments = error, arguments

    def __getitem__(self, index):
        if index == 5:
            raise self.error(*self.arguments)
        return index


class OwnError(Exception):
    """An error that cannot be pickled."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


class Dying(Numbers):
    """Sample 5 kills the process."""

    def __getitem__(self, index):
        if index == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return index


class Slow(Numbers):
    """From sample 4 on it takes half a minute."""

    def __getitem__(self, index):
        if index > 3:
            time.sleep(30)
        return index


class Marking(Numbers):
    """Leaves a file in `folder` for each sample that was asked for."""

    def __init__(self, count, folder):
        super().__init__(count)
        self.folder = folder

    def __getitem__(self, index):
        (self.folder / str(index)).touch()
        return index


class CannotBeRead(Numbers):
    """Like a class that was defined in a notebook."""

    def __setstate__(self, state):
        raise AttributeError("Can't get attribute 'Disks' on <module '__main__'>")
