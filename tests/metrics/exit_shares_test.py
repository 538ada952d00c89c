import numpy as np
import pytest

from keras_lt.metrics import ExitShares
from tests.checks import check_serialization
from tests.checks import to_numpy
from tests.metrics.references import COUNTS
from tests.metrics.references import GROUPS

EXITS = 3
LABELS = np.random.default_rng(0).integers(0, len(COUNTS), 90)
LEFT = np.random.default_rng(1).choice([1, 2, 3], 90, p=[0.5, 0.2, 0.3])


def numbers(metric):
    return {key: float(to_numpy(x)) for key, x in metric.result().items()}


def after(metric, labels=LABELS, left=LEFT, **kwargs):
    metric.update_state(labels, left, **kwargs)
    return numbers(metric)


def expected(labels=LABELS, left=LEFT, groups=GROUPS):
    found = {}
    for k in range(1, EXITS + 1):
        found[f"exit_{k}_share"] = (left == k).mean()
        for group, classes in groups.items():
            inside = left[np.isin(labels, classes)]
            found[f"exit_{k}_share_{group}"] = (inside == k).mean()
    return found


def test_shares_of_all():
    found = after(ExitShares(EXITS))
    assert found == pytest.approx(expected(groups={}), abs=1e-6)
    assert sum(found.values()) == pytest.approx(1.0)


def test_shares_of_groups():
    found = after(ExitShares(EXITS, COUNTS))
    assert len(set(found.values())) == len(found) == 12
    assert found == pytest.approx(expected(), abs=1e-6)


def test_batches_add_up_and_reset_starts_anew():
    metric = ExitShares(EXITS, COUNTS)
    for _ in range(2):
        metric.reset_state()
        for rows in np.array_split(np.arange(90), 4):
            metric.update_state(LABELS[rows], LEFT[rows])
        assert numbers(metric) == pytest.approx(expected(), abs=1e-6)


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_rows_of_weight_zero_are_left_out_and_others_count_alike(shape):
    weights = (np.arange(90) % 4).astype("float32").reshape(shape)
    found = after(
        ExitShares(EXITS, COUNTS),
        LABELS.reshape(shape),
        LEFT.reshape(shape),
        sample_weight=weights,
    )
    keep = np.arange(90) % 4 > 0
    assert found == pytest.approx(expected(LABELS[keep], LEFT[keep]), abs=1e-6)
    found = after(ExitShares(EXITS), sample_weight=weights)
    assert found == pytest.approx(
        expected(LABELS[keep], LEFT[keep], groups={}), abs=1e-6
    )


def test_thresholds_of_the_groups_are_free():
    metric = ExitShares(EXITS, [9, 5, 4, 1], many=4, few=2)
    groups = {"many": [0, 1], "medium": [2], "few": [3]}
    labels = LABELS % 4
    found = after(metric, labels)
    assert found == pytest.approx(expected(labels, groups=groups), abs=1e-6)


def test_group_without_classes_has_no_key():
    found = after(ExitShares(2, [900, 0]), np.array([0, 1]), np.array([1, 2]))
    assert found == {
        "exit_1_share": 0.5,
        "exit_1_share_many": 1.0,
        "exit_1_share_few": 0.0,
        "exit_2_share": 0.5,
        "exit_2_share_many": 0.0,
        "exit_2_share_few": 1.0,
    }


def test_is_zero_before_any_example():
    assert set(numbers(ExitShares(EXITS, COUNTS)).values()) == {0.0}


def test_one_exit():
    assert after(ExitShares(1), left=np.ones(90)) == {"exit_1_share": 1.0}


@pytest.mark.parametrize("class_counts", [None, COUNTS])
def test_serialization(class_counts):
    metric = ExitShares(EXITS, class_counts, many=90, few=10, name="own")
    copy = check_serialization(metric)
    assert copy.name == "own"
    assert after(copy) == after(metric)


def test_other_dtypes_are_refused():
    with pytest.raises(ValueError, match="`dtype` must be .*'bfloat16'"):
        ExitShares(EXITS, dtype="bfloat16")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_exits": 0}, "`num_exits` must be a whole number, 1 or greater"),
        ({"class_counts": [5, -1]}, "must be 0 or greater for every class"),
        ({"class_counts": [5, 1], "many": 3, "few": 9}, "`few`"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        ExitShares(**{"num_exits": EXITS, **arguments})
