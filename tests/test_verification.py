"""Verification: ROC curves against loops over thresholds and pairs, the drawing of pairs and triplets, the picture."""

import numpy as np
import pytest

import minidl
from minidl import data
from minidl.metrics import equal_error_rate, roc_auc, roc_curve
from minidl.verification import Pairs, Triplets, all_pairs
from minidl.visualize import plot_roc


def scored(count, ties, seed=0):
    """Labels and scores that go with them a little; with ties, of few different values."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=count).astype(bool)
    labels[:2] = True, False
    scores = rng.standard_normal(count) + labels
    return labels, (scores * 2).round() if ties else scores


every_kind = pytest.mark.parametrize("count, ties", [(2, False), (40, False), (40, True), (300, True)])


@every_kind
def test_the_curve_is_counted_at_every_threshold(count, ties):
    labels, scores = scored(count, ties)
    fpr, tpr, thresholds = roc_curve(labels, scores)
    assert thresholds[0] == np.inf and list(thresholds[1:]) == sorted(set(scores.tolist()), reverse=True)
    for f, t, threshold in zip(fpr, tpr, thresholds, strict=True):
        said = [score >= threshold for score in scores]
        assert f == sum(s and not y for s, y in zip(said, labels, strict=True)) / (~labels).sum()
        assert t == sum(s and y for s, y in zip(said, labels, strict=True)) / labels.sum()
    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)


@every_kind
def test_the_area_is_how_often_a_positive_wins(count, ties):
    labels, scores = scored(count, ties)
    wins = [1.0 if p > n else 0.5 if p == n else 0.0 for p in scores[labels] for n in scores[~labels]]
    assert roc_auc(labels, scores) == pytest.approx(np.mean(wins), abs=1e-12)
    assert roc_auc(labels, -scores) == pytest.approx(1 - np.mean(wins), abs=1e-12)
    shuffled = np.random.default_rng(1).permutation(count)
    assert roc_auc(labels[shuffled], np.exp(scores[shuffled])) == pytest.approx(np.mean(wins), abs=1e-12)


@every_kind
def test_at_the_equal_error_rate_both_errors_are_equal(count, ties):
    labels, scores = scored(count, ties)
    fpr, tpr, _ = roc_curve(labels, scores)
    grid = np.linspace(0, 1, 20001)  # the way along the curve, and the first place where the errors meet
    along = np.arange(len(fpr)) / (len(fpr) - 1)
    false, missed = np.interp(grid, along, fpr), 1 - np.interp(grid, along, tpr)
    meeting = np.argmax(false >= missed)
    assert equal_error_rate(labels, scores) == pytest.approx(false[meeting], abs=2e-2 if count == 2 else 1e-3)


def test_the_example_of_scikit_learn():
    """sklearn.metrics.roc_curve's documentation, every threshold kept; and its roc_auc_score."""
    fpr, tpr, thresholds = roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    assert fpr.tolist() == [0, 0, 0.5, 0.5, 1] and tpr.tolist() == [0, 0.5, 0.5, 1, 1]
    assert thresholds.tolist() == [np.inf, 0.8, 0.4, 0.35, 0.1]
    assert roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) == 0.75


@pytest.mark.parametrize(
    "labels, scores, area, error",
    [
        ([0, 0, 1], [1, 2, 3], 1, 0),  # told apart
        ([1, 1, 0], [1, 2, 3], 0, 1),  # the wrong way round
        ([0, 1, 0, 1, 1], [5, 5, 5, 5, 5], 0.5, 0.5),  # nothing is told
        ([0, 1], [np.float32(1), np.float32(1 + 1e-6)], 1, 0),
        ([0, 0, 1], np.array([0, 1, 2], np.uint8), 1, 0),  # whose negatives are large
        ([0, 0, 1], np.array([-128, 0, 1], np.int8), 1, 0),
        ([0, 0, 1], [False, False, True], 1, 0),
    ],
)
def test_extremes(labels, scores, area, error):
    assert roc_auc(labels, scores) == pytest.approx(area) and equal_error_rate(labels, scores) == pytest.approx(error)


@pytest.mark.parametrize(
    "labels, scores, message",
    [
        ([0, 1], [1.0], r"one of each, got \(2,\) and \(1,\)"),
        ([[0, 1]], [[1.0, 2.0]], r"got \(1, 2\) and"),
        ([], [], "positives and negatives, got 0 and 0"),
        ([0, 2], [1.0, 2.0], "which class is the positive one"),
        ([0.0, 1.0], [1.0, 2.0], "which class is the positive one"),
        ([1, 1], [1.0, 2.0], "positives and negatives, got 2 and 0"),
        ([0, 0], [1.0, 2.0], "positives and negatives, got 0 and 2"),
        ([0, 1], [1.0, np.nan], "NaN or infinite"),
    ],
)
def test_wrong_labels_and_scores(labels, scores, message):
    for function in (roc_curve, roc_auc, equal_error_rate):
        with pytest.raises(ValueError, match=message):
            function(labels, scores)


# ---- Pairs and triplets ----


def numbered(counts):
    """Samples whose image is their number: counts[k] of identity k, in an order that mixes them."""
    labels = np.random.default_rng(0).permutation(np.repeat(list(counts), list(counts.values())))
    return [(np.float32(i), int(label)) for i, label in enumerate(labels)], labels


def test_pairs_are_what_they_say():
    samples, labels = numbered({3: 2, 5: 20, 8: 5})
    pairs, rng = Pairs(samples), np.random.default_rng(1)
    drawn = [(i, int(other), same) for i in range(27) for _ in range(80) for _, other, same in [pairs.sample(i, rng)]]
    assert len(pairs) == 27 and all(pairs.sample(i, rng)[0] == i for i in range(27))
    assert all(same == (labels[i] == labels[j]) and i != j for i, j, same in drawn)
    assert np.mean([same for _, _, same in drawn]) == pytest.approx(0.5, abs=0.04)
    for i in (0, 13):  # all of the same identity, and each of the other identities alike, however many it has
        partners = {j for k, j, same in drawn if k == i and same}
        assert partners <= set(np.flatnonzero(labels == labels[i]).tolist()) - {i}
    others = [labels[j] for i, j, same in drawn if not same and labels[i] == 5]
    assert np.mean(np.array(others) == 3) == pytest.approx(0.5, abs=0.06)


def test_labels_that_the_data_set_knows_are_not_read_from_its_images():
    class Counting(list):
        reads, labels = 0, np.array([0, 0, 1, 1])

        def __getitem__(self, index):
            self.reads += 1
            return super().__getitem__(index)

    samples = Counting((np.float32(i), i // 2) for i in range(4))
    pairs = Pairs(samples)
    assert samples.reads == 0
    pairs.sample(0, np.random.default_rng(0))
    assert samples.reads == 2


def test_triplets_are_what_they_say():
    samples, labels = numbered({0: 2, 1: 9})
    triplets, rng, seen = Triplets(samples), np.random.default_rng(1), set()
    for i in range(11):
        for _ in range(100):
            anchor, positive, negative = (int(image) for image in triplets.sample(i, rng))
            assert anchor == i != positive and labels[positive] == labels[i] != labels[negative]
            seen |= {(anchor, positive), (anchor, negative)}
    assert len(seen) == 11 * 10  # in the end everyone has met everyone


@pytest.mark.parametrize("kind, fields", [(Pairs, 3), (Triplets, 3)])
def test_a_loader_draws_the_same_again_and_others_in_the_next_epoch(kind, fields):
    clothes = data.Subset(data.FashionMini(transform=data.Compose([data.ToArray()])), range(60))

    def epochs(workers):
        loader = data.DataLoader(kind(clothes), batch_size=32, shuffle=True, num_workers=workers)
        return [[batch[1].numpy() for batch in loader] for _ in range(2)], next(iter(loader))

    (first, second), batch = epochs(0)
    assert len(batch) == fields and batch[0].shape == batch[1].shape == (32, 1, 28, 28)
    assert kind is Triplets or batch[2].dtype == bool
    assert not np.array_equal(first[0], second[0])
    np.testing.assert_array_equal(epochs(2)[0][1][0], second[0])


@pytest.mark.parametrize("kind", [Pairs, Triplets])
def test_random_transforms_follow_the_loader_s_seed_not_the_global_generator(kind):
    augment = data.Compose([data.RandomCrop(28), data.RandomHorizontalFlip(), data.ToArray()])
    clothes = data.Subset(data.FashionMini(transform=augment), range(40))
    before = minidl.random.generator().bit_generator.state
    drawn = kind(clothes)
    first, again, ahead = ([batch[1].numpy() for batch in data.DataLoader(drawn, 8, num_workers=n)] for n in (0, 0, 3))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, ahead)
    assert minidl.random.generator().bit_generator.state == before


def test_the_last_sample_is_not_its_own_partner():
    samples, _ = numbered({0: 2, 1: 2})
    rng = np.random.default_rng(0)
    assert all(Triplets(samples).sample(-1, rng)[:2] != (3, 3) for _ in range(20))


@pytest.mark.parametrize(
    "counts, message", [({1: 3, 2: 1}, "one sample of 2"), ({1: 3}, "got 1 in 3 samples"), ({}, "got 0 in 0 samples")]
)
def test_identities_that_cannot_be_paired(counts, message):
    for kind in (Pairs, Triplets):
        with pytest.raises(ValueError, match=f"{kind.__name__}: expected two identities or more.*{message}"):
            kind(numbered(counts)[0] if counts else [])


def test_all_pairs_by_loops():
    rng = np.random.default_rng(0)
    x, labels = (rng.standard_normal((12, 5)) * 0.01 + 100).astype(np.float32), rng.integers(3, size=12)
    same, scores = all_pairs(x, labels)
    expected = [
        (labels[i] == labels[j], -np.sqrt(sum((float(a) - float(b)) ** 2 for a, b in zip(x[i], x[j], strict=True))))
        for i in range(12)
        for j in range(i + 1, 12)
    ]
    np.testing.assert_array_equal(same, [s for s, _ in expected])
    np.testing.assert_allclose(scores, [d for _, d in expected], 1e-6)
    with pytest.raises(ValueError, match=r"expected embeddings \(N, D\) and labels"):
        all_pairs(x[:, :, None], labels)


# ---- The picture ----


def test_a_curve_is_drawn_with_its_numbers(tmp_path):
    results = {"good": scored(40, False), "coarse": scored(40, True)}
    figure = plot_roc(results, tmp_path / "roc.png")
    assert (tmp_path / "roc.png").read_bytes().startswith(b"\x89PNG")
    (axes,) = figure.axes
    curves = [line for line in axes.lines if not line.get_label().startswith("_")]
    for (name, (labels, scores)), line in zip(results.items(), curves, strict=True):
        fpr, tpr, _ = roc_curve(labels, scores)
        np.testing.assert_array_equal(line.get_xydata(), np.stack([fpr, tpr], 1))
        assert line.get_label() == (
            f"{name}: area {roc_auc(labels, scores):.3f}, equal error {equal_error_rate(labels, scores):.3f}"
        )
    with pytest.raises(ValueError, match="got none"):
        plot_roc({})
