"""Plain training against rebalanced training, on a set of digits."""

import dataclasses
import pathlib
import time
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

from applications.digits_lt.recipe import RECIPE
from applications.files import write_json
from applications.files import write_text
from applications.provenance import provenance
from applications.result import Result
from applications.settings import Settings
from keras_lt import report

METHODS = (
    "crossentropy",
    "logit_adjusted",
    "ldam_drw",
    "class_balanced_sampling",
    "cbd",
    "logit_adjusted + dro_lt",
    "logit_adjusted + elf",
    "elf + dro_lt + cbd",
)
"""What is compared: names in `applications.METHODS`, or several of them."""

HELD_OUT = 20
"""Images of each class that thresholds of exits are chosen on.

They are drawn from those that the long tail leaves over, so that all methods
train on the same images.
"""

MAX_ACCURACY_LOSS = 0.01
"""Balanced accuracy on them that early exits may lose."""


@dataclasses.dataclass(frozen=True)
class Runs:
    """Holds the reports of each method, one for each seed, and what it saved.

    Args:
        cards: The reports.
        savings: Share of the work that was not done, where there are exits.
    """

    cards: dict[str, list[report.ReportCard]]
    savings: dict[str, list[float]]

    def add(self, method: str, result: Result) -> None:
        """Takes in one training."""
        names = {"as_trained": method}
        if method == METHODS[0]:
            # It costs nothing, so it is what the others have to beat.
            names["adjusted"] = f"{method}, adjusted afterwards"
        if result.exits is not None:
            names["full_depth"] = f"{method}, at full depth"
            self.savings.setdefault(method, []).append(result.exits.saved)
        for kind, name in names.items():
            self.cards.setdefault(name, []).append(result.cards[kind])

    def table(self) -> str:
        """Returns mean and standard deviation over the seeds."""
        extra = {"work saved %": self.savings} if self.savings else {}
        return report.summarize(self.cards, extra)


def run(
    folder: pathlib.Path,
    seeds: Sequence[int] = (0, 1, 2),
    methods: Sequence[str] = METHODS,
    epochs: int | None = None,
    plots: bool = True,
    say: Callable[[str], Any] = print,
) -> Runs:
    """Trains each method with each seed, and writes a report.

    A seed decides the training images, the first weights and the batches. The
    test images are the same for all.

    Args:
        folder: Where the report goes.
        seeds: One training of each method for each.
        methods: Some of `METHODS`, or others like them.
        epochs: Length of a training; by default that of the recipe.
        plots: Whether to draw.
        say: Called with a line for each training.
    """
    started, begin = provenance(), time.perf_counter()
    runs = Runs({}, {})
    pairs = [(seed, method) for seed in seeds for method in methods]
    for number, (seed, method) in enumerate(pairs, start=1):
        result = _train(method, seed, epochs)
        runs.add(method, result)
        scores = result.cards["as_trained"].scores
        seconds = sum(row["seconds"] for row in result.history)
        say(
            f"[{number}/{len(pairs)}] seed {seed}, {method}: {seconds:.0f} s, "
            f"few {scores['few']:.1%}, all {scores['accuracy']:.1%}"
        )
    seconds = time.perf_counter() - begin
    _write(folder, runs, result, seeds, {**started, "seconds": seconds}, plots)
    return runs


def _train(method: str, seed: int, epochs: int | None) -> Result:
    names = tuple(method.split(" + "))
    with_exits = {}
    if "elf" in names:
        with_exits = {
            "validation_per_class": HELD_OUT,
            "max_accuracy_loss": MAX_ACCURACY_LOSS,
        }
    return RECIPE.run(
        Settings(
            method=names,
            epochs=epochs,
            seed=seed,
            split_seed=seed,
            verbose=0,
            **with_exits,
        )
    )


def _write(
    folder: pathlib.Path,
    runs: Runs,
    result: Result,
    seeds: Sequence[int],
    origin: dict[str, Any],
    plots: bool,
) -> None:
    first = {name: found[0] for name, found in runs.cards.items()}
    for name, card in first.items():
        card.save(folder / _folder_name(name), plots=plots)
    if len(first) > 1:
        report.compare(first).save(folder / "comparison", plots=plots)
    write_text(folder / "README.md", _page(runs, result, seeds))
    record = {
        "application": "digits_lt",
        "seeds": list(seeds),
        **origin,
        "epochs": result.schedule.epochs,
        "split": dict(result.split.settings, seed=None),
        "class_counts": list(result.split.class_counts),
        "groups": _groups(result),
        "scores": {
            name: [card.scores for card in found]
            for name, found in runs.cards.items()
        },
        "work_saved": runs.savings,
        "class_accuracies": {
            name: [card.class_accuracies for card in found]
            for name, found in runs.cards.items()
        },
    }
    write_json(folder / "result.json", record)


def _groups(result: Result) -> dict[str, int]:
    groups = result.cards["as_trained"].classes.groups
    return {name: len(labels) for name, labels in groups.items()}


def _page(runs: Runs, result: Result, seeds: Sequence[int]) -> str:
    groups = ", ".join(f"{n} {name}" for name, n in _groups(result).items())
    links = "\n".join(
        f"- [{name}]({_folder_name(name)}/report.md)" for name in runs.cards
    )
    return f"""# Digits in a long tail

{sum(result.split.class_counts)} training images of 10 digits, from \
{max(result.split.class_counts)} of the digit 0 to \
{min(result.split.class_counts)} of the digit 9, and 300 test images, 30 of \
each. Classes by their number of training images: {groups} (many: more than \
100, few: fewer than 20).

Mean and standard deviation over {len(seeds)} seeds, which decide the training \
images, the first weights and the batches:

{runs.table()}
{_note(runs)}
Reports of the first seed:

{links}
- [all of them compared](comparison/comparison.md)
"""


def _note(runs: Runs) -> str:
    if not runs.savings:
        return ""
    return f"""
The work saved is that of `predict` on the test images, where each image leaves
at the first exit that is sure. How sure it must be is chosen on {HELD_OUT}
images of each class, or as many as are left, that are neither trained nor
tested on: as little work as can be for a loss of {MAX_ACCURACY_LOSS:.0%} of the
accuracy at full depth.
"""


def _folder_name(name: str) -> str:
    return name.replace(", ", "_").replace(" + ", "_").replace(" ", "_")
