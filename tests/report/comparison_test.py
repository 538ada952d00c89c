"""Runs side by side, and over seeds."""

import json

import keras
import numpy as np
import pytest

from keras_lt import data
from keras_lt import report
from tests.report.cards import COUNTS
from tests.report.cards import answers
from tests.report.cards import card


def test_differences_are_those_of_the_scores():
    first, second = card(0, 0.3), card(0, 0.0)
    found = report.compare(first, second, names=["a", "b"]).differences["b"]
    for score, difference in found.items():
        expected = second.scores[score] - first.scores[score]
        assert difference.value == pytest.approx(expected)
        assert difference.low <= difference.value <= difference.high
        clear = difference.low > 0 or difference.high < 0
        assert difference.is_clear == clear
    assert found["few"].value > 0.1
    assert found["few"].is_clear


def test_pairing_finds_what_intervals_hide():
    logits, labels = answers(num_examples=4000)
    first = report.from_logits(logits, labels, COUNTS)
    missed = np.flatnonzero(~first.outcomes.correct)[:40]
    logits[missed, labels[missed]] += 100
    second = report.from_logits(logits, labels, COUNTS)
    gain = report.compare(first, second).differences["model 2"]["accuracy"]
    assert gain.value == pytest.approx(0.01)
    assert gain.is_clear
    assert second.intervals["accuracy"][0] < first.intervals["accuracy"][1]


def test_equal_runs_do_not_differ():
    found = report.compare({"a": card(), "b": card()})
    assert all(d.value == 0 for d in found.differences["b"].values())
    assert not any(d.is_clear for d in found.differences["b"].values())


def test_seeds_of_one_method_rarely_differ_clearly():
    first = card(seed=0, shift=0)
    clear = [
        report.compare(first, card(seed=seed, shift=0), names=["a", "b"])
        .differences["b"]["accuracy"]
        .is_clear
        for seed in range(1, 21)
    ]
    # The first run is common to all, so they are not independent.
    assert sum(clear) <= 6


def test_table():
    cards = {"plain": card(0, 0.3), "b": card(0, 0.0), "c": card(1, 0.0)}
    text = report.compare(cards).to_markdown()
    scores, changes = text.split("\n\n")[:2]
    assert len(scores.splitlines()) == 5
    assert len(changes.splitlines()) == 4
    assert changes.startswith("| less plain |")
    assert str(report.compare(cards)) == text
    assert f"{100 * cards['b'].scores['few']:.1f}" in scores


def test_empty_group_is_a_dash():
    logits = 4 * np.eye(2)[[0, 1]]
    one = report.from_logits(logits, [0, 1], [500, 300])
    found = report.compare(one, one)
    assert found.differences["model 2"]["few"] is None
    assert "|   - |" in found.to_markdown()


def test_save(tmp_path):
    found = report.compare({"a": card(0), "b": card(1), "c": card(2)})
    found.save(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {
        "comparison.json",
        "comparison.md",
        "differences_1.png",
        "differences_2.png",
    }
    values = json.loads((tmp_path / "comparison.json").read_text())
    assert values["scores"]["c"] == card(2).scores
    few = found.differences["b"]["few"]
    assert values["differences"]["b"]["few"]["low"] == few.low


def other_labels():
    logits, labels = answers()
    return report.from_logits(logits, np.roll(labels, 1), COUNTS)


def test_equal_labels_of_other_examples_are_refused():
    labels = np.repeat([0, 1], 20)
    images = np.zeros((40, 2, 2, 1), "uint8")
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2)])
    cards = []
    for seed in (0, 1, 1):
        split = data.from_arrays(
            images, labels, validation_fraction=0.5, seed=seed
        )
        cards.append(report.evaluate(model, split))
    report.compare(*cards[1:])
    assert "examples" not in cards[0].to_markdown()
    with pytest.raises(ValueError, match="other examples in 'model 2'"):
        report.compare(*cards[:2], names=["model 1", "model 2"])


@pytest.mark.parametrize(
    ("cards", "kwargs", "message"),
    [
        ([card()], {}, "two reports or more"),
        ([], {}, "two reports or more"),
        ([card(), "b"], {}, "1 among 2 arguments"),
        ([card(), other_labels()], {}, "other labels in 'model 2'"),
        ([card(), card(many=400)], {}, "same class counts and thresholds"),
        ([card(), card()], {"names": ["a", "a"]}, "all different"),
        ([card(), card()], {"names": ["a"]}, "one name per report"),
        ([card(), card()], {"resamples": 0}, "`resamples`"),
    ],
)
def test_bad_input(cards, kwargs, message):
    with pytest.raises(ValueError, match=message):
        report.compare(*cards, **kwargs)


def test_summary_is_mean_and_sample_deviation():
    runs = {"plain": [card(seed) for seed in range(3)], "one": [card(3)]}
    lines = report.summarize(runs).splitlines()
    few = [c.scores["few"] for c in runs["plain"]]
    expected = f"{100 * np.mean(few):.1f} ± {100 * np.std(few, ddof=1):.1f}"
    assert expected in lines[2]
    assert lines[3].count("±") == 0
    assert f"{100 * runs['one'][0].scores['few']:.1f}" in lines[3]
    assert len({len(line) for line in lines}) == 1


def test_summary_with_more_columns():
    runs = {"plain": [card()], "early exits": [card(1), card(2)]}
    text = report.summarize(
        runs, extra={"work saved %": {"early exits": [0.4, 0.5]}}
    )
    plain, exits = text.splitlines()[2:]
    assert plain.split("|")[-2].strip() == "-"
    assert exits.split("|")[-2].strip() == "45.0 ± 7.1"


def test_summary_bad_input():
    with pytest.raises(ValueError, match="without reports, first 'b'"):
        report.summarize({"a": [card()], "b": []})
    with pytest.raises(ValueError, match="Received: 0 methods"):
        report.summarize({})
    with pytest.raises(ValueError, match="'c', which is not one of 'a'"):
        report.summarize({"a": [card()]}, extra={"x": {"c": [1.0]}})
