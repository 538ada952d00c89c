"""Each sampler against its rule, its distribution and its shards."""

import numpy as np
import pytest

import keras_lt
from keras_lt import samplers
from tests.checks import check_serialization
from tests.checks import through_json

COUNTS = np.array([700, 0, 200, 60, 30, 9, 1])
LABELS = np.random.default_rng(0).permutation(
    np.repeat(np.arange(len(COUNTS)), COUNTS)
)
PRESENT = COUNTS > 0

ALL = [
    samplers.ClassAware(4),
    samplers.ClassBalanced(),
    samplers.Deferred(
        samplers.ClassBalanced(), samplers.PowerLaw(0.25), start_epoch=2
    ),
    samplers.EffectiveNumber(0.99),
    samplers.InOrder(),
    samplers.InstanceBalanced(),
    samplers.PowerLaw(0.25),
    samplers.Progressive(5),
    samplers.Reversed(),
    samplers.SquareRoot(),
]


def shares(weights):
    weights = np.where(PRESENT, weights, 0.0)
    return weights / weights.sum()


N = np.maximum(COUNTS, 1).astype("float64")
WITH_REPLACEMENT = [
    (samplers.ClassBalanced(), shares(1.0)),
    (samplers.EffectiveNumber(0.99), shares(N * 0.01 / (1 - 0.99**N))),
    (samplers.EffectiveNumber(0.0), shares(N)),
    (samplers.PowerLaw(1), shares(N)),
    (samplers.PowerLaw(0.25), shares(N**0.25)),
    (samplers.Reversed(), shares(1 / N)),
    (samplers.SquareRoot(), shares(np.sqrt(N))),
]


def chi_square(observed, expected):
    used = expected > 0
    assert observed[~used].sum() == 0
    return ((observed - expected)[used] ** 2 / expected[used]).sum()


@pytest.mark.parametrize("sampler", ALL, ids=repr)
def test_an_epoch_is_a_function_of_seed_and_epoch(sampler):
    index = samplers.ClassIndex(LABELS)
    first = sampler(LABELS, seed=3, epoch=2)
    np.testing.assert_array_equal(first, sampler(index, seed=3, epoch=2))
    assert first.dtype == "int32" and first.shape == LABELS.shape
    assert first.min() >= 0 and first.max() < len(LABELS)
    if not isinstance(sampler, samplers.InOrder):
        for other in ({"seed": 4, "epoch": 2}, {"seed": 3, "epoch": 1}):
            assert not np.array_equal(first, sampler(LABELS, **other))


@pytest.mark.parametrize(
    "sampler", [s for s in ALL if not s.complete], ids=repr
)
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shards_are_the_epoch(sampler, count):
    epoch = sampler(LABELS, seed=1, epoch=4)
    parts = [sampler(LABELS, 1, 4, shard=(i, count)) for i in range(count)]
    usable = epoch[: len(epoch) // count * count]
    assert {len(part) for part in parts} == {len(usable) // count}
    together = np.sort(np.concatenate(parts))
    np.testing.assert_array_equal(together, np.sort(usable))
    classes = [np.bincount(LABELS[p], minlength=7) for p in parts]
    assert np.ptp(classes, axis=0).max() <= 1


def test_shards_are_in_the_order_of_the_epoch():
    sampler = samplers.InstanceBalanced()
    epoch = sampler(LABELS, seed=1, epoch=4).tolist()
    for number in range(3):
        part = sampler(LABELS, 1, 4, shard=(number, 3)).tolist()
        assert part == [row for row in epoch if row in part]


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shards_for_evaluation_leave_nothing_out(count):
    parts = [samplers.InOrder()(LABELS, shard=(i, count)) for i in range(count)]
    assert len({len(part) for part in parts}) == 1
    dealt = np.stack(parts, axis=1).ravel()
    np.testing.assert_array_equal(dealt[: len(LABELS)], np.arange(len(LABELS)))
    assert set(dealt[len(LABELS) :]) <= {len(LABELS) - 1}


@pytest.mark.parametrize("sampler", ALL, ids=repr)
def test_config_gives_the_same_sampler(sampler):
    config = sampler.get_config()
    again = type(sampler).from_config(config)
    np.testing.assert_array_equal(sampler(LABELS), again(LABELS))
    assert repr(again) == repr(sampler)


@pytest.mark.parametrize("sampler", ALL, ids=repr)
def test_registered_name_is_that_of_no_other_class(sampler):
    check_serialization(sampler)


@pytest.mark.parametrize("sampler, probabilities", WITH_REPLACEMENT, ids=repr)
def test_draws_per_class_and_per_row(sampler, probabilities):
    rows = np.concatenate([sampler(LABELS, 0, epoch) for epoch in range(200)])
    drawn = np.bincount(LABELS[rows], minlength=7)
    # 5 degrees of freedom: above 25.7 in one of 10,000 runs.
    assert chi_square(drawn, len(rows) * probabilities) < 25.7
    per_row = np.bincount(rows, minlength=len(LABELS))
    expected = (drawn / N)[LABELS]
    # 994 degrees of freedom, a spread of 44.6.
    assert chi_square(per_row, expected) < 994 + 4 * 44.6


@pytest.mark.parametrize("sampler, probabilities", WITH_REPLACEMENT, ids=repr)
def test_draws_are_independent(sampler, probabilities):
    """Pairs of neighbours have the classes of independent draws."""
    classes = np.stack([LABELS[sampler(LABELS, 0, e)] for e in range(100)])
    pairs = np.bincount(
        (classes[:, :-1:2] * 7 + classes[:, 1::2]).ravel(), minlength=49
    )
    expected = pairs.sum() * np.outer(probabilities, probabilities).ravel()
    rare = expected < 5
    observed = np.append(pairs[~rare], pairs[rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum())
    freedom = len(observed) - 1
    assert chi_square(observed, expected) < freedom + 4.5 * np.sqrt(2 * freedom)
    # The number of draws of a class varies from epoch to epoch as it should.
    head = (classes == 0).sum(axis=1)
    spread = np.sqrt(1000 * probabilities[0] * (1 - probabilities[0]))
    assert 0.7 * spread < head.std() < 1.35 * spread


def test_instance_balanced_visits_each_row_once():
    rows = samplers.InstanceBalanced()(LABELS, seed=1)
    np.testing.assert_array_equal(np.sort(rows), np.arange(len(LABELS)))
    assert abs(np.corrcoef(rows, np.arange(len(rows)))[0, 1]) < 0.15


def test_in_order_keeps_the_order():
    rows = samplers.InOrder()(LABELS, seed=1, epoch=3)
    np.testing.assert_array_equal(rows, np.arange(len(LABELS)))


@pytest.mark.parametrize("epoch, balance", [(0, 0), (1, 0.25), (4, 1), (9, 1)])
def test_progressive_moves_to_balance(epoch, balance):
    drawn = np.zeros(7)
    for seed in range(200):
        rows = samplers.Progressive(5)(LABELS, seed, epoch)
        per_row = np.bincount(rows, minlength=len(LABELS))
        drawn += np.bincount(LABELS[rows], minlength=7)
        for label in np.flatnonzero(PRESENT):
            assert np.ptp(per_row[LABELS == label]) <= 1
    mixed = balance * PRESENT / 6 + (1 - balance) * COUNTS / 1000
    assert chi_square(drawn, drawn.sum() * mixed) < 25.7


@pytest.mark.parametrize("shard", [(0, 1), (1, 3)])
def test_deferred_draws_as_the_sampler_of_the_epoch(shard):
    first, then = samplers.Progressive(9), samplers.ClassAware(2)
    deferred = samplers.Deferred(first, then, start_epoch=3)
    for epoch in range(6):
        expected = first if epoch < 3 else then
        np.testing.assert_array_equal(
            deferred(LABELS, 7, epoch, shard), expected(LABELS, 7, epoch, shard)
        )
    always = samplers.Deferred(first, then, 0)
    np.testing.assert_array_equal(always(LABELS, 1, 0), then(LABELS, 1, 0))


def test_second_sampler_of_deferred_counts_epochs_from_the_start():
    then = samplers.Progressive(9)
    deferred = samplers.Deferred(samplers.InstanceBalanced(), then, 3)
    for epoch in (3, 5):
        found, expected = deferred(LABELS, 7, epoch), then(LABELS, 7, epoch)
        np.testing.assert_array_equal(found, expected)


def test_deferred_in_deferred_survives_json():
    sampler = samplers.Deferred(
        samplers.InstanceBalanced(),
        samplers.Deferred(samplers.SquareRoot(), samplers.PowerLaw(0.1), 4),
        2,
    )
    again = through_json(sampler)
    assert repr(again) == repr(sampler)
    assert repr(sampler) == (
        "Deferred(InstanceBalanced(), "
        "Deferred(SquareRoot(), PowerLaw(q=0.1), 4), 2)"
    )


def test_progressive_of_one_epoch_draws_as_the_data_are():
    rows = samplers.Progressive(1)(LABELS, 0, 0)
    counts = np.bincount(LABELS)
    found = np.bincount(LABELS[rows], minlength=len(counts))
    assert chi_square(found, counts) < 30


def test_progressive_shuffles_the_epoch():
    classes = LABELS[samplers.Progressive(5)(LABELS, 0, 4)]
    halves = [np.bincount(half, minlength=7) for half in np.split(classes, 2)]
    assert abs(halves[0] - halves[1]).max() < 60


@pytest.mark.parametrize("size", [1, 3, 4])
def test_class_aware_goes_through_classes_and_examples_in_turn(size):
    rows = samplers.ClassAware(size)(LABELS, seed=2)
    whole = rows[: len(rows) // size * size].reshape(-1, size)
    visits = LABELS[whole]
    assert (visits == visits[:, :1]).all()
    passes = visits[: len(visits) // 6 * 6, 0].reshape(-1, 6)
    np.testing.assert_array_equal(
        np.sort(passes), np.tile(np.flatnonzero(PRESENT), (len(passes), 1))
    )
    assert len({tuple(order) for order in passes}) > len(passes) // 2
    for label in np.flatnonzero(PRESENT):
        own = rows[LABELS[rows] == label]
        count = COUNTS[label]
        cycles = own[: len(own) // count * count].reshape(-1, count)
        assert (np.sort(cycles) == np.flatnonzero(LABELS == label)).all()
        assert len(set(own[len(cycles) * count :].tolist())) == (
            len(own) % count
        )
    if size == 1:
        nine = rows[LABELS[rows] == 5][:90].reshape(-1, 9)
        assert len({tuple(cycle) for cycle in nine}) == 10


@pytest.mark.parametrize("num_classes", [3, 70_000])
def test_class_index_sorts_like_argsort(num_classes):
    labels = np.random.default_rng(1).integers(num_classes, size=1_100_000)
    index = samplers.ClassIndex(labels)
    expected = np.argsort(labels, kind="stable")
    np.testing.assert_array_equal(index.rows, expected)
    np.testing.assert_array_equal(index.counts, np.bincount(labels))
    np.testing.assert_array_equal(
        index.starts,
        np.searchsorted(labels[expected], np.arange(len(index.counts))),
    )
    assert index.rows.dtype == "int32"


def test_draws_across_the_pieces_of_a_long_epoch():
    labels = np.repeat([0, 2, 3], [300_000, 1, 2])
    rows = samplers.ClassBalanced()(labels, seed=0)
    drawn = np.bincount(labels[rows])
    assert drawn[1] == 0
    assert abs(drawn[[0, 2, 3]] - 100_001).max() < 4.5 * 260
    two = np.bincount(rows)[300_001:]
    assert abs(two[0] - two[1]) < 4.5 * 320


def test_one_class_alone():
    for sampler in ALL:
        rows = sampler(np.zeros(5, int), seed=0)
        assert len(rows) == 5 and set(rows.tolist()) <= set(range(5))


WRONG = [
    ({"labels": []}, "`labels` must"),
    ({"labels": np.array([], int)}, "`labels` must hold at least one label"),
    ({"labels": [0, -1]}, "`labels` must be 0 or greater. Received: -1 at row"),
    ({"labels": [0.5, 1]}, "`labels` must be integer class ids"),
    ({"seed": -1}, "`seed` must be a whole number, 0 or greater"),
    ({"seed": 0.5}, "`seed` must be a whole number, 0 or greater"),
    ({"epoch": -1}, "`epoch` must be a whole number, 0 or greater"),
    ({"shard": (2, 2)}, "`shard` must be .* with 0 <= index < count"),
    ({"shard": 3}, "`shard` must be"),
    ({"shard": (0, 5)}, "Received: 5 shards of 2 examples"),
]


@pytest.mark.parametrize("wrong, message", WRONG)
def test_wrong_call(wrong, message):
    with pytest.raises(ValueError, match=message):
        samplers.ClassBalanced()(**{"labels": [0, 1], **wrong})


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: samplers.PowerLaw(np.nan), "`q` must be a finite number"),
        (lambda: samplers.Progressive(0), "`epochs` must be a whole number"),
        (lambda: samplers.ClassAware(0), "`samples_per_class` must be"),
        (lambda: samplers.EffectiveNumber(1), "`beta` must be at least 0"),
        (
            lambda: samplers.Deferred(samplers.SquareRoot(), "balanced", 3),
            "`then` must be a sampler. Received: then='balanced'",
        ),
        (
            lambda: samplers.Deferred(None, samplers.SquareRoot(), 3),
            "`first` must be a sampler. Received: first=None",
        ),
        (
            lambda: samplers.Deferred(*[samplers.SquareRoot()] * 2, 0.5),
            "`start_epoch` must be a whole number, 0 or greater",
        ),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_effective_number_uses_the_weights_of_the_loss():
    weights = keras_lt.effective_number_weights(COUNTS[PRESENT], 0.99)
    expected = shares(N * 0.01 / (1 - 0.99**N))[PRESENT]
    own = COUNTS[PRESENT] * weights
    np.testing.assert_allclose(own / own.sum(), expected)
