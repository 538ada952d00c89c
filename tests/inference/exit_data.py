"""Exits that several tests look at, and what they give by the definition."""

import collections
import itertools

import numpy as np

from keras_lt.inference import ExitOutcomes

COUNTS = [500, 300, 60, 30, 9, 2]
GROUPS = {"many": [0, 1], "medium": [2, 3], "few": [4, 5]}
COSTS = {1: [1.0], 2: [0.4, 1.0], 3: [0.35, 0.675, 1.001]}


def exit_logits(size=60, exits=3, seed=0):
    """Logits that get better along the exits, and labels, mostly frequent."""
    generator = np.random.default_rng(seed)
    shares = np.array([6, 5, 4, 3, 2, 2]) / 22
    labels = generator.choice(6, size, p=shares)
    logits = generator.normal(size=(size, exits, 6))
    hardness = generator.normal(size=size)
    for k in range(exits):
        logits[np.arange(size), k, labels] += 2 + 0.7 * k - hardness
    return (1.5 * logits).astype("float32"), labels


def some_outcomes(size=60, exits=3, seed=0, levels=None, **kwargs):
    """Outcomes of these logits; `levels` makes for ties in the scores."""
    logits, labels = exit_logits(size, exits, seed)
    costs = COSTS.get(exits) or np.linspace(0.3, 1.0, exits)
    made = ExitOutcomes.from_logits(logits, labels, costs, COUNTS, **kwargs)
    if levels is None:
        return made
    return ExitOutcomes(
        labels=labels,
        predictions=made.predictions,
        scores=np.round(made.scores * levels) / levels,
        costs=costs,
        class_counts=COUNTS,
        **kwargs,
    )


def leaves_at(scores, thresholds):
    """Exit of each example, one by one, as the rule says."""
    found = []
    for row in scores.tolist():
        exits = [k for k, s in enumerate(row, 1) if s > thresholds[k - 1]]
        found.append(exits[0] if exits else len(row) + 1)
    return np.array(found)


def by_definition(outcomes, exits):
    """Accuracy, cost, shares, loss and its error of each mix, in float64."""
    labels = outcomes.labels.tolist()
    early = [
        float(outcomes.predictions[i, k - 1] == label)
        for i, (k, label) in enumerate(zip(exits, labels, strict=True))
    ]
    full = (outcomes.predictions[:, -1] == outcomes.labels).astype("float64")
    number = collections.Counter(labels)
    seen = sorted(number)
    members = {"balanced": seen}
    members |= {g: [c for c in seen if c in GROUPS[g]] for g in GROUPS}
    weights = {"all": [1 / len(labels)] * len(labels)}
    for mix, classes in members.items():
        if classes:
            weights[mix] = [
                1 / len(classes) / number[c] if c in classes else 0.0
                for c in labels
            ]
    change = full - early
    return {
        mix: {
            "accuracy": np.dot(w, early),
            "cost": np.dot(w, [outcomes.costs[k - 1] for k in exits]),
            "exit_shares": [
                np.dot(w, exits == k) for k in range(1, outcomes.num_exits + 1)
            ],
            "accuracy_loss": np.dot(w, change),
            "standard_error": np.sqrt(np.sum((w * change) ** 2)),
        }
        for mix, w in weights.items()
    }


def every_choice(outcomes):
    """Yields all thresholds that differ on these examples, and their exits."""
    columns = [sorted({0.0, 1.0, *column}) for column in outcomes.scores.T]
    for thresholds in itertools.product(*columns):
        yield thresholds, leaves_at(outcomes.scores, thresholds)
