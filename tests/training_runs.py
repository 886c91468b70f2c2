"""A small net, small data and a short run, for the tests of training."""

import numpy as np

import minidl
from minidl import functional as F
from minidl import nn, optim, training
from minidl.data import Compose, DataLoader, Normalize, RandomCrop, ToArray
from minidl.data.dataset import ImageDataset

EPOCHS = 3


def make_data(count, seed, augment=False):
    """Bright top, bright bottom or noise: three classes that a small net learns in a few steps."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    images = rng.integers(0, 120, (count, 8, 8), dtype=np.uint8)
    images[labels == 0, :4] += 90
    images[labels == 1, 4:] += 90
    crop = [RandomCrop(8, padding=1)] if augment else []
    return ImageDataset(images, labels, ["top", "bottom", "none"], Compose([*crop, ToArray(), Normalize([0.3], [0.2])]))


class Net(nn.Module):
    """All that holds state: weights, batch statistics, and dropout, which draws random numbers."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.3)
        self.fc = nn.Linear(64, 3)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn(self.conv(x))), 2)
        return self.fc(self.drop(x.flatten(1)))


def make_run(workers=0, adam=False):
    """(model, train loader, test loader, optimizer, schedule), the same each time; the last batch is smaller."""
    minidl.manual_seed(3)
    model = Net()
    if adam:
        optimizer = optim.Adam(model.parameters(), 0.01)
    else:
        optimizer = optim.SGD(model.parameters(), 0.05, momentum=0.9, nesterov=True, weight_decay=1e-4)
    train = DataLoader(make_data(70, 0, augment=True), 16, shuffle=True, num_workers=workers, seed=1)
    test = DataLoader(make_data(50, 1), 16)
    return model, train, test, optimizer, optim.CosineAnnealingLR(optimizer, EPOCHS)


def fit(run, out=None, **options):
    return training.fit(*run, epochs=options.pop("epochs", EPOCHS), out=out, progress=False, **options)


def assert_same_weights(model, other):
    state = other.state_dict()
    for name, array in model.state_dict().items():
        assert array.tobytes() == state[name].tobytes(), name


class PressAt:
    """Presses Ctrl-C in the middle of the n-th call of a function."""

    def __init__(self, function, n, press, times=1):
        self.function, self.n, self.press, self.times = function, n, press, times
        self.calls = 0

    def __call__(self, *args, **kwargs):
        self.calls += 1
        if self.calls == self.n:
            for _ in range(self.times):
                self.press()
        return self.function(*args, **kwargs)
