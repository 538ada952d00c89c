"""Chosen thresholds: within the limits, and the best where that is told."""

import numpy as np
import pytest

from keras_lt.inference import ExitOutcomes
from keras_lt.inference import choose_thresholds
from keras_lt.inference import thresholds_for_shares
from tests.inference.exit_data import COSTS
from tests.inference.exit_data import COUNTS
from tests.inference.exit_data import by_definition
from tests.inference.exit_data import every_choice
from tests.inference.exit_data import exit_logits
from tests.inference.exit_data import leaves_at
from tests.inference.exit_data import some_outcomes

CASES = [
    {"max_accuracy_loss": 0.0, "margin": 0.0},
    {"max_accuracy_loss": 0.05, "margin": 0.0},
    {"max_accuracy_loss": 0.1, "margin": 1.0},
    {"max_accuracy_loss": 0.05, "margin": 0.0, "metric": "accuracy"},
    {"max_accuracy_loss": 0.1, "margin": 0.5, "metric": "worst_group"},
    {"max_accuracy_loss": 0.1, "margin": 0.0, "max_group_loss": 0.02},
    {
        "max_accuracy_loss": 0.3,
        "margin": 0.0,
        "metric": "worst_group",
        "max_group_loss": 0.05,
    },
    {"mean_cost": 0.5},
    {"mean_cost": 0.7, "metric": "accuracy"},
    {"mean_cost": 0.6, "metric": "worst_group"},
    {"mean_cost": 0.8, "max_group_loss": 0.1, "margin": 0.0},
    {"latency": 0.02},
]
SECONDS = [0.005, 0.021, 0.03]


def judge(scores, arguments):
    """Whether all limits are met, and what is to be small, by definition."""
    metric = arguments.get("metric", "balanced_accuracy")
    margin = arguments.get("margin", 1.0)
    present = [g for g in ("many", "medium", "few") if g in scores]
    mixes = {
        "accuracy": ["all"],
        "balanced_accuracy": ["balanced"],
        "worst_group": present,
    }[metric]
    unit = "all" if metric == "accuracy" else "balanced"
    work = scores[unit]["cost"]
    if "latency" in arguments:
        work = np.dot(scores[unit]["exit_shares"], SECONDS)
    limits = [(mix, arguments.get("max_accuracy_loss")) for mix in mixes]
    limits += [(mix, arguments.get("max_group_loss")) for mix in present]
    met = all(
        scores[mix]["accuracy_loss"] + margin * scores[mix]["standard_error"]
        <= limit + 1e-9
        for mix, limit in limits
        if limit is not None
    )
    budget = arguments.get("mean_cost", arguments.get("latency", np.inf))
    met = met and work <= budget + 1e-9
    loss = max(scores[mix]["accuracy_loss"] for mix in mixes)
    cheapest = "max_accuracy_loss" in arguments
    order = (work, loss) if cheapest else (loss, work)
    return met, tuple(np.round(order, 9))


def judged(outcomes, thresholds, arguments):
    exits = leaves_at(outcomes.scores, thresholds)
    return judge(by_definition(outcomes, exits), arguments)


def best_of_all(outcomes, arguments, single=False):
    found = [
        judge(by_definition(outcomes, exits), arguments)
        for thresholds, exits in every_choice(outcomes)
        if not single or len(set(thresholds)) == 1
    ]
    return min((order for met, order in found if met), default=None)


@pytest.mark.parametrize("arguments", CASES, ids=str)
@pytest.mark.parametrize("seed", [0, 1])
def test_best_of_all_thresholds(arguments, seed):
    """With few values of the scores the search is exhaustive."""
    outcomes = some_outcomes(40, seed=seed, levels=9, seconds=SECONDS)
    expected = best_of_all(outcomes, arguments)
    if expected is None:
        with pytest.raises(ValueError, match="the least that was found"):
            choose_thresholds(outcomes, **arguments)
        return
    point = choose_thresholds(outcomes, **arguments)
    assert judged(outcomes, point.thresholds, arguments) == (True, expected)


@pytest.mark.parametrize("arguments", CASES, ids=str)
@pytest.mark.parametrize("exits", [2, 3, 4])
def test_best_single_threshold(arguments, exits):
    if exits != 3 and "latency" in arguments:
        pytest.skip("the times are those of three exits")
    seconds = SECONDS if exits == 3 else None
    outcomes = some_outcomes(30, exits, seed=exits, seconds=seconds)
    levels = sorted({0.0, 1.0, *outcomes.scores.ravel().tolist()})
    orders = [
        judged(outcomes, [level] * (exits - 1), arguments) for level in levels
    ]
    expected = min((order for met, order in orders if met), default=None)
    if expected is None:
        with pytest.raises(ValueError, match="the least that was found"):
            choose_thresholds(outcomes, per_exit=False, **arguments)
        return
    point = choose_thresholds(outcomes, per_exit=False, **arguments)
    assert len(set(point.thresholds)) == 1
    assert judged(outcomes, point.thresholds, arguments) == (True, expected)


@pytest.mark.parametrize("arguments", CASES[1:-2], ids=str)
@pytest.mark.parametrize(("exits", "size"), [(3, 400), (5, 100), (18, 30)])
def test_many_examples(arguments, exits, size):
    """Within the limits, and no threshold alone can be moved for the better."""
    outcomes = some_outcomes(size, exits, seed=exits)
    single = choose_thresholds(outcomes, per_exit=False, **arguments)
    point = choose_thresholds(outcomes, **arguments)
    met, order = judged(outcomes, point.thresholds, arguments)
    assert met
    assert order <= judged(outcomes, single.thresholds, arguments)[1]
    for k in range(min(exits - 1, 4)):
        for level in [0.0, *outcomes.scores[:6, k].tolist(), 1.0]:
            moved = list(point.thresholds)
            moved[k] = level
            met, other = judged(outcomes, moved, arguments)
            assert not met or other >= order


def test_no_worse_than_shares_for_a_budget():
    """At least as good as the shares `q**k` of MSDNet that cost the same."""
    outcomes = some_outcomes(1000, 4, seed=5)
    for q in (0.5, 1.0, 2.0):
        shares = q ** np.arange(4) / (q ** np.arange(4)).sum()
        thresholds = thresholds_for_shares(outcomes.scores, shares)
        theirs = outcomes.at(thresholds)
        ours = choose_thresholds(
            outcomes, mean_cost=theirs.cost, metric="accuracy"
        )
        assert ours.cost <= theirs.cost + 1e-9
        assert ours.accuracy >= theirs.accuracy - 0.002


def test_point_is_what_the_thresholds_give():
    outcomes = some_outcomes(200)
    point = choose_thresholds(outcomes, mean_cost=0.6)
    assert point == outcomes.at(point.thresholds)
    again = choose_thresholds(outcomes, mean_cost=0.6)
    assert again == point
    # They are values of float32, in which models keep them.
    kept = np.asarray(point.thresholds, "float32").astype("float64")
    assert kept.tolist() == list(point.thresholds)


def test_order_of_the_examples_does_not_matter():
    outcomes = some_outcomes(300)
    order = np.random.default_rng(0).permutation(300)
    mixed = ExitOutcomes(
        outcomes.labels[order],
        outcomes.predictions[order],
        outcomes.scores[order],
        outcomes.costs,
        outcomes.class_counts,
    )
    for arguments in ({"mean_cost": 0.6}, {"max_accuracy_loss": 0.03}):
        one = choose_thresholds(outcomes, **arguments)
        assert choose_thresholds(mixed, **arguments).thresholds == (
            one.thresholds
        )


def test_thresholds_lie_half_way_between_scores():
    outcomes = ExitOutcomes(
        labels=[0, 0, 1],
        predictions=[[0, 0], [0, 0], [0, 1]],
        scores=[[0.9], [0.75], [0.25]],
        costs=[0.5, 1.0],
        class_counts=[500, 5],
    )
    point = choose_thresholds(outcomes, max_accuracy_loss=0.0)
    assert point.thresholds == (0.5,)
    assert point.accuracy == 1
    # With money for one image only, the surest is it.
    point = choose_thresholds(outcomes, mean_cost=0.85, metric="accuracy")
    assert point.cost == pytest.approx(2 / 3)
    point = choose_thresholds(outcomes, mean_cost=0.5)
    assert point.thresholds == (0.0,)


def test_group_limit_saves_the_tail():
    """All that is lost at exit 1 is rare, and the mean hardly shows it."""
    labels = [0] * 99 + [1]
    outcomes = ExitOutcomes(
        labels=labels,
        predictions=[[0, 0]] * 99 + [[0, 1]],
        scores=[[0.8]] * 99 + [[0.9]],
        costs=[0.4, 1.0],
        class_counts=[500, 5],
    )
    common = {"max_accuracy_loss": 0.02, "metric": "accuracy", "margin": 0.0}
    point = choose_thresholds(outcomes, **common)
    assert point.thresholds == (0.0,)
    assert point.scores["few"].accuracy_loss == 1
    point = choose_thresholds(outcomes, max_group_loss=0.5, **common)
    assert point.thresholds == (1.0,)
    # A mean over classes shows it without a further limit.
    point = choose_thresholds(outcomes, max_accuracy_loss=0.02, margin=0.0)
    assert point.thresholds == (1.0,)


def test_margin_keeps_a_distance_to_the_limit():
    outcomes = some_outcomes(500, seed=2)
    costs = []
    for margin in (0.0, 1.0, 3.0):
        point = choose_thresholds(
            outcomes, max_accuracy_loss=0.03, margin=margin
        )
        scores = point.scores["balanced"]
        bound = scores.accuracy_loss + margin * scores.standard_error
        assert bound <= 0.03 + 1e-9
        costs.append(scores.cost)
    assert costs == sorted(costs)
    assert costs[0] < costs[2]


def test_saturated_scores():
    """Scores of exactly 1 leave below 1, all together."""
    outcomes = ExitOutcomes(
        labels=[0] * 4,
        predictions=[[0, 0]] * 3 + [[1, 0]],
        scores=[[1.0]] * 3 + [[0.99]],
        costs=[0.4, 1.0],
        class_counts=[5, 5],
    )
    point = choose_thresholds(outcomes, max_accuracy_loss=0.0)
    assert point.exit_shares == (0.75, 0.25)
    assert 0.99 <= point.thresholds[0] < 1
    with pytest.raises(ValueError, match="must be at least 0.55"):
        choose_thresholds(
            outcomes, mean_cost=0.5, max_group_loss=0.0, margin=0.0
        )


def test_scores_of_0_cannot_leave():
    outcomes = ExitOutcomes(
        labels=[0, 0],
        predictions=[[0, 0]] * 2,
        scores=[[0.0], [0.5]],
        costs=[0.4, 1.0],
        class_counts=[5, 5],
    )
    point = choose_thresholds(outcomes, max_accuracy_loss=0.0)
    assert point.exit_shares == (0.5, 0.5)
    with pytest.raises(ValueError, match="must be at least 0.70"):
        choose_thresholds(outcomes, mean_cost=0.5)


@pytest.mark.parametrize("exits", [1, 2, 3, 20])
def test_one_example(exits):
    outcomes = some_outcomes(1, exits)
    point = choose_thresholds(outcomes, max_accuracy_loss=1.0, margin=0.0)
    assert len(point.thresholds) == exits - 1
    assert point.cost == pytest.approx(outcomes.costs[0])


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy"])
def test_best_answers_are_chosen_where_the_last_exit_is_weak(metric):
    logits, labels = exit_logits(300, exits=2)
    logits = logits[:, ::-1] * np.array([3.0, 1.0])[:, None]
    outcomes = ExitOutcomes.from_logits(logits, labels, COSTS[2], COUNTS)
    choices = {"metric": metric, "margin": 0.0}
    best = choose_thresholds(outcomes, mean_cost=outcomes.costs[-1], **choices)
    mix = {"accuracy": "all", "balanced_accuracy": "balanced"}[metric]
    assert best.scores[mix].accuracy_loss < -0.05
    with pytest.warns(UserWarning, match="with a threshold of 0.5 on the same"):
        found = choose_thresholds(outcomes, max_accuracy_loss=0.0, **choices)
    assert found.thresholds == best.thresholds


def test_best_answers_may_cost_as_much_as_full_depth():
    """Which is more than the plain backbone where branches are heavy."""
    outcomes = ExitOutcomes(
        labels=[0] * 50,
        predictions=[[0, 1]] * 30 + [[1, 0]] * 10 + [[0, 0]] * 10,
        scores=[[0.9]] * 30 + [[0.2]] * 10 + [[0.1]] * 10,
        costs=[0.9, 1.5],
        class_counts=[5, 5],
    )
    with pytest.warns(UserWarning, match="with a threshold of 0.5 on the same"):
        point = choose_thresholds(outcomes, max_accuracy_loss=0.0)
    assert point.accuracy == 1.0
    assert point.cost == pytest.approx(0.6 * 0.9 + 0.4 * 1.5)


def test_one_exit():
    outcomes = some_outcomes(exits=1)
    point = choose_thresholds(outcomes, mean_cost=1.0)
    assert point.thresholds == ()
    with pytest.raises(ValueError, match="must be at least 1.0000"):
        choose_thresholds(outcomes, mean_cost=0.9)


def test_what_the_message_says_can_be_reached():
    outcomes = some_outcomes(300, seed=4)
    limits = {"max_group_loss": 0.02, "margin": 0.0}
    with pytest.raises(ValueError, match="`mean_cost` must be") as caught:
        choose_thresholds(outcomes, mean_cost=0.4, **limits)
    told = float(str(caught.value).split("at least ")[1].split(",")[0])
    point = choose_thresholds(outcomes, mean_cost=told, **limits)
    assert point.scores["balanced"].cost <= told
    for group in ("many", "medium", "few"):
        assert point.scores[group].accuracy_loss <= 0.02


def test_latency_is_in_seconds():
    outcomes = some_outcomes(300, seconds=[1e-5, 3e-5, 5e-5])
    point = choose_thresholds(outcomes, latency=2.5e-5)
    assert 2.4e-5 < point.scores["balanced"].seconds <= 2.5e-5
    with pytest.raises(ValueError, match="`latency` must be at least 1.0000"):
        choose_thresholds(outcomes, latency=0.9e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "Received: none of them"),
        (
            {"mean_cost": 0.5, "latency": 1.0},
            "Received: mean_cost, latency",
        ),
        ({"max_accuracy_loss": -0.1}, "`max_accuracy_loss` must be at least 0"),
        ({"max_accuracy_loss": 1.5}, "at most 1"),
        ({"mean_cost": 0.0}, "`mean_cost` must be a finite number"),
        ({"mean_cost": np.nan}, "`mean_cost` must be a finite number"),
        ({"mean_cost": 0.2}, "must be at least 0.3500.*mean_cost=0.2"),
        ({"latency": 0.1}, "must hold seconds"),
        ({"mean_cost": 0.5, "metric": "top_5"}, "`metric` must be one of"),
        ({"mean_cost": 0.5, "margin": -1}, "`margin` must be a finite"),
        ({"mean_cost": 0.5, "max_group_loss": 2}, "`max_group_loss` must"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        choose_thresholds(some_outcomes(), **arguments)
