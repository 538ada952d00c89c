import numpy as np
import pytest

from applications.tables.difference import Difference
from applications.tables.pairing import CellRuns
from applications.tables.pairing import by_cell
from tests.applications.tables.small_table import CELL
from tests.applications.tables.small_table import LABELS
from tests.applications.tables.small_table import TABLE
from tests.applications.tables.small_table import answers
from tests.applications.tables.small_table import kept
from tests.applications.tables.small_table import record

PLAIN, SECOND = ("plain", "as_trained"), ("second", "as_trained")


def cell_of(tmp_path, **rows):
    """Runs of rows: a list of hits by class for each seed."""
    found = []
    for row, seeds in rows.items():
        offset = TABLE.by_name[row].seed_offset
        for pair, content in enumerate(seeds):
            seed = pair + offset
            content = {**content, "row": row, "seed": seed}
            found.append(kept(tmp_path / f"{row}{seed}.json", content))
    return CellRuns(TABLE, CELL, found)


def run_with(hits, seed=0, keep=True):
    return record("", 0, {"as_trained": answers(hits, seed)}, keep=keep)


def test_three_pairs_are_judged_by_their_spread(tmp_path):
    firsts = [[10, 10, 10, 10], [11, 10, 10, 10], [10, 12, 10, 10]]
    others = [[10, 10, 9, 10], [11, 10, 8, 10], [10, 12, 7, 10]]
    runs = cell_of(
        tmp_path,
        second=[run_with(hits) for hits in firsts],
        plain=[run_with(hits) for hits in others],
    )
    found = runs.difference(SECOND, PLAIN)
    gains = np.array([1, 2, 3]) / 100
    margin = 2 * gains.std(ddof=1) / np.sqrt(3)
    assert found.value == pytest.approx(0.02)
    assert found.ends == pytest.approx((0.02 - margin, 0.02 + margin))
    assert (found.pairs, found.is_clear, found.verdict) == (3, True, "better")
    assert runs.difference(PLAIN, SECOND).verdict == "worse"
    medium = runs.difference(SECOND, PLAIN, "medium")
    assert medium.value == pytest.approx(0.08)
    assert runs.difference(SECOND, PLAIN, "few").verdict == "not told apart"


def test_one_pair_is_judged_by_its_images(tmp_path):
    runs = cell_of(
        tmp_path,
        second=[run_with([20, 20, 15, 10])],
        plain=[run_with([20, 20, 15, 2])],
    )
    found = runs.difference(SECOND, PLAIN)
    # Eight of the 25 images of one class were gained: the variance of their
    # mean, with 24 for 25, is p (1 - p) / 24, and the class is a quarter.
    spread = np.sqrt(0.32 * 0.68 / 24) / 4
    assert found.value == pytest.approx(0.08)
    assert found.ends == pytest.approx(
        (0.08 - 1.96 * spread, 0.08 + 1.96 * spread), abs=0.01
    )
    assert found.verdict == "better (1 seed)"
    few = runs.difference(SECOND, PLAIN, "few")
    assert few.value == pytest.approx(0.32)
    assert few.ends == pytest.approx(
        (0.32 - 7.84 * spread, 0.32 + 7.84 * spread), abs=1 / 24
    )


def test_gains_and_losses_widen_the_interval(tmp_path):
    """The same scores, but of other images."""
    alike = cell_of(
        tmp_path,
        second=[run_with([13, 13, 13, 13], seed=1)],
        plain=[run_with([12, 12, 12, 12], seed=2)],
    )
    found = alike.difference(SECOND, PLAIN)
    assert found.value == pytest.approx(0.04)
    assert found.verdict == "not told apart"
    assert found.ends[1] - found.ends[0] > 0.2


def test_two_pairs_share_the_images(tmp_path):
    runs = cell_of(
        tmp_path,
        second=[run_with([20, 20, 15, 10])] * 2,
        plain=[run_with([20, 20, 15, 2])] * 2,
    )
    found = runs.difference(SECOND, PLAIN)
    assert found.verdict == "better (2 seeds)"
    one = cell_of(
        tmp_path,
        second=[run_with([20, 20, 15, 10])],
        plain=[run_with([20, 20, 15, 2])],
    ).difference(SECOND, PLAIN)
    assert found.ends == one.ends  # Nothing was learnt from the second pair.


def test_without_answers_nothing_is_claimed(tmp_path):
    runs = cell_of(
        tmp_path,
        second=[run_with([20] * 4, keep=False)],
        plain=[run_with([2] * 4)],
    )
    found = runs.difference(SECOND, PLAIN)
    assert found.value == pytest.approx(0.72)
    assert found.verdict == "not known: answers were not kept"
    assert not found.is_clear


def test_pairs_are_those_that_both_have(tmp_path):
    runs = cell_of(
        tmp_path,
        student=[run_with([9] * 4), run_with([8] * 4)],
        second=[run_with([7] * 4)],
    )
    student = ("student", "as_trained")
    assert runs.difference(student, SECOND).value == pytest.approx(0.08)
    assert runs.difference(student, SECOND).pairs == 1
    assert runs.difference(student, PLAIN) is None
    assert runs.difference(student, ("second", "adjusted")) is None


def test_pair_without_these_answers_leaves_the_others(tmp_path):
    deep = {"as_trained": answers([8] * 4), "full_depth": answers([9] * 4)}
    runs = cell_of(
        tmp_path,
        student=[run_with([8] * 4), record("", 0, deep)],
        second=[run_with([7] * 4), run_with([5] * 4)],
    )
    found = runs.difference(("student", "full_depth"), SECOND)
    assert (found.value, found.pairs) == (pytest.approx(0.16), 1)
    assert found.ends is not None
    assert runs.difference(("student", "as_trained"), SECOND).pairs == 2


def test_cells_are_kept_apart(tmp_path):
    own = record("plain", 0, {"as_trained": answers([5] * 4)})
    other = record(
        "plain", 0, {"as_trained": answers([6] * 4)}, imbalance_factor=10.0
    )
    late = {
        **record("second", 0, {"as_trained": answers([7] * 4)}),
        "initial_run": {"augmentation": "strong"},
    }
    runs = [
        kept(tmp_path / f"{name}.json", content)
        for name, content in (("a", own), ("b", other), ("c", late))
    ]
    cells = by_cell(TABLE, runs)
    assert [one.cell.code for one in cells] == [
        "short",
        "strong_plain_short",
        "factor10_short",
    ]
    assert cells[2].scores(PLAIN, "accuracy") == [pytest.approx(0.24)]


@pytest.mark.parametrize(
    ("ends", "clear"),
    [((0.1, 0.2), True), ((-0.2, -0.1), True), ((-0.1, 0.1), False)],
)
def test_clear_differences_leave_zero_out(ends, clear):
    assert Difference(0.0, ends, 3).is_clear is clear


def test_labels_of_the_small_table():
    assert np.bincount(LABELS).tolist() == [25] * 4
