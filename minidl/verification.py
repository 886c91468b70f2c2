"""Verification: do two images show the same person, or thing? An embedding puts images of one identity together.

Images come from a data set of (image, label) whose labels are identities. For training they are drawn in pairs
(Hadsell, Chopra and LeCun, 2006) or triplets (Schroff, Kalenichenko and Philbin, FaceNet, 2015).
"""

import numpy as np

from minidl.data import Dataset


class _Drawn(Dataset):
    """What pairs and triplets share: which samples have which label."""

    random = True

    def __init__(self, dataset):
        self.dataset = dataset
        self.labels = getattr(dataset, "labels", None)
        if self.labels is None:  # then every sample must be read, with any random numbers: labels depend on none
            rng = np.random.default_rng(0)
            self.labels = np.array([int(self.read(i, rng)[1]) for i in range(len(dataset))])
        self.members = {label: np.flatnonzero(self.labels == label) for label in np.unique(self.labels).tolist()}
        single = [label for label, members in self.members.items() if len(members) < 2]
        if single or len(self.members) < 2:
            raise ValueError(
                f"{type(self).__name__}: expected two identities or more, with two samples or more each; got "
                + (f"one sample of {single[0]}" if single else f"{len(self.members)} in {len(self.labels)} samples")
            )

    def __len__(self):
        return len(self.labels)

    def read(self, index, rng):
        """Sample number `index` of the data set; where it draws random numbers itself, they come from `rng` too."""
        random = getattr(self.dataset, "random", False)
        return self.dataset.sample(int(index), rng) if random else self.dataset[int(index)]

    def same(self, index, rng):
        """Another image of the same identity."""
        members = self.members[self.labels[index]]
        others = members[members != index % len(self)]
        return self.read(others[rng.integers(len(others))], rng)[0]

    def other(self, index, rng):
        """An image of another identity, each of which is as likely."""
        identities = [label for label in self.members if label != self.labels[index]]
        members = self.members[identities[rng.integers(len(identities))]]
        return self.read(members[rng.integers(len(members))], rng)[0]


class Pairs(_Drawn):
    """(image, another image, same): sample i begins with image i; every second pair, by chance, is of one identity.

    >>> images = np.arange(4, dtype=np.float32)
    >>> pairs = Pairs([(images[i], i // 2) for i in range(4)])
    >>> pairs.sample(0, np.random.default_rng(2))
    (np.float32(0.0), np.float32(1.0), True)
    """

    def sample(self, index, rng):
        same = bool(rng.random() < 0.5)
        return self.read(index, rng)[0], (self.same if same else self.other)(index, rng), same


class Triplets(_Drawn):
    """(anchor, positive, negative): sample i is image i, another of the same identity, and one of another.

    >>> images = np.arange(4, dtype=np.float32)
    >>> triplets = Triplets([(images[i], i // 2) for i in range(4)])
    >>> triplets.sample(3, np.random.default_rng(0))
    (np.float32(3.0), np.float32(2.0), np.float32(1.0))
    """

    def sample(self, index, rng):
        return self.read(index, rng)[0], self.same(index, rng), self.other(index, rng)


def all_pairs(embeddings, labels):
    """Every pair of different samples, once: (same, scores), for minidl.metrics.roc_curve.

    embeddings (N, D), labels (N,); N (N - 1) / 2 pairs. scores are the negative Euclidean distances, so that a larger
    score means more alike.

    >>> all_pairs(np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]), np.array([7, 8, 7]))
    (array([False,  True, False]), array([-5.        , -1.        , -4.24264069]))
    """
    if embeddings.ndim != 2 or labels.shape != embeddings.shape[:1]:
        raise ValueError(f"expected embeddings (N, D) and labels (N,), got {embeddings.shape} and {labels.shape}")
    i, j = np.triu_indices(len(embeddings), 1)
    embeddings = embeddings.astype(np.float64)  # near neighbours come out of a difference of large numbers
    square = (embeddings * embeddings).sum(1)
    squares = square[:, None] + square - 2 * embeddings @ embeddings.T
    return labels[i] == labels[j], -np.sqrt(np.maximum(squares[i, j], 0))
