import pytest

from applications.tables.pairing import by_cell
from applications.tables.reproduction import published_figures
from tests.applications.tables.small_table import TABLE
from tests.applications.tables.small_table import answers
from tests.applications.tables.small_table import kept
from tests.applications.tables.small_table import record


def row(runs):
    """The one row of the table, without the spaces that align it."""
    lines = published_figures(TABLE, by_cell(TABLE, runs)).splitlines()
    return " ".join(lines[-1].split())


def run(path, right, seed=0, **settings):
    """A run with so many right answers in a hundred."""
    kinds = {"as_trained": answers([right // 4] * 4)}
    name = "_".join(f"{value}" for value in (*settings.values(), seed))
    return kept(path / f"{name}.json", record("plain", seed, kinds, **settings))


@pytest.mark.parametrize(
    ("right", "settings", "end"),
    [
        (72, {"schedule": "ldam"}, "72.0 | 1 | 200 | yes | A, 2019 |"),
        (68, {"schedule": "ldam"}, "68.0 | 1 | 200 | no | A, 2019 |"),
        (
            68,
            {"schedule": "cosine", "epochs": 80},
            "68.0 | 1 | 80 | not in 80 epochs | A, 2019 |",
        ),
        (72, {"augmentation": "strong"}, "- | - | - | not trained | A, 2019 |"),
        (72, {"profile": "step"}, "- | - | - | not trained | A, 2019 |"),
    ],
)
def test_figure_stands_beside_what_was_measured(tmp_path, right, settings, end):
    runs = [run(tmp_path, right, **settings)]
    assert row(runs) == f"| CIFAR-10-LT, 1:100 | plain | 70.4 | {end}"


def test_of_equal_lengths_the_published_schedule_counts(tmp_path):
    runs = [
        run(tmp_path, 80, schedule="cosine"),
        run(tmp_path, 64, schedule="ldam"),
    ]
    for order in (runs, runs[::-1]):
        assert "| 70.4 | 64.0 | 1 | 200 | no |" in row(order)


def test_longest_training_counts_and_its_seeds_are_averaged(tmp_path):
    runs = [
        run(tmp_path, 80, schedule="short"),
        run(tmp_path, 64, schedule="ldam"),
        run(tmp_path, 76, seed=1, schedule="ldam"),
    ]
    # A mean of 70.0 is within a point and a half of 70.4.
    assert "| 70.4 | 70.0 | 2 | 200 | yes |" in row(runs)
