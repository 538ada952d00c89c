"""Plain training against rebalanced training, on a set of digits."""

import pathlib
import time
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

from applications.digits_lt import recipe
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
)

Cards = dict[str, list[report.ReportCard]]
"""The reports of each method, one for each seed."""


def run(
    folder: pathlib.Path,
    seeds: Sequence[int] = (0, 1, 2),
    methods: Sequence[str] = METHODS,
    epochs: int | None = None,
    plots: bool = True,
    say: Callable[[str], Any] = print,
) -> Cards:
    """Trains each method with each seed, and writes a report.

    A seed decides the training images, the first weights and the batches. The
    test images are the same for all.

    Args:
        folder: Where the report goes.
        seeds: One training of each method for each.
        methods: Names in `applications.METHODS`.
        epochs: Length of a training; by default that of the recipe.
        plots: Whether to draw.
        say: Called with a line for each training.
    """
    started, begin = provenance(), time.perf_counter()
    cards: Cards = {}
    pairs = [(seed, method) for seed in seeds for method in methods]
    for number, (seed, method) in enumerate(pairs, start=1):
        result = _train(method, seed, epochs)
        _collect(cards, method, result)
        scores = result.cards["as_trained"].scores
        seconds = sum(row["seconds"] for row in result.history)
        say(
            f"[{number}/{len(pairs)}] seed {seed}, {method}: {seconds:.0f} s, "
            f"few {scores['few']:.1%}, all {scores['accuracy']:.1%}"
        )
    seconds = time.perf_counter() - begin
    _write(folder, cards, result, seeds, {**started, "seconds": seconds}, plots)
    return cards


def _train(method: str, seed: int, epochs: int | None) -> Result:
    return recipe.run(
        Settings(
            method=(method,),
            epochs=epochs,
            seed=seed,
            split_seed=seed,
            verbose=0,
        )
    )


def _collect(cards: Cards, method: str, result: Result) -> None:
    cards.setdefault(method, []).append(result.cards["as_trained"])
    if method == METHODS[0]:
        # It costs nothing, so it is what the others have to beat.
        adjusted = f"{method}, adjusted afterwards"
        cards.setdefault(adjusted, []).append(result.cards["adjusted"])


def _write(
    folder: pathlib.Path,
    cards: Cards,
    result: Result,
    seeds: Sequence[int],
    origin: dict[str, Any],
    plots: bool,
) -> None:
    first = {name: found[0] for name, found in cards.items()}
    for name, card in first.items():
        card.save(folder / _folder_name(name), plots=plots)
    if len(first) > 1:
        report.compare(first).save(folder / "comparison", plots=plots)
    write_text(folder / "README.md", _page(cards, result, seeds))
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
            for name, found in cards.items()
        },
        "class_accuracies": {
            name: [card.class_accuracies for card in found]
            for name, found in cards.items()
        },
    }
    write_json(folder / "result.json", record)


def _groups(result: Result) -> dict[str, int]:
    groups = result.cards["as_trained"].classes.groups
    return {name: len(labels) for name, labels in groups.items()}


def _page(cards: Cards, result: Result, seeds: Sequence[int]) -> str:
    groups = ", ".join(f"{n} {name}" for name, n in _groups(result).items())
    links = "\n".join(
        f"- [{name}]({_folder_name(name)}/report.md)" for name in cards
    )
    return f"""# Digits in a long tail

{sum(result.split.class_counts)} training images of 10 digits, from \
{max(result.split.class_counts)} of the digit 0 to \
{min(result.split.class_counts)} of the digit 9, and 300 test images, 30 of \
each. Classes by their number of training images: {groups} (many: more than \
100, few: fewer than 20).

Mean and standard deviation over {len(seeds)} seeds, which decide the training \
images, the first weights and the batches:

{report.summarize(cards)}

Reports of the first seed:

{links}
- [all of them compared](comparison/comparison.md)
"""


def _folder_name(name: str) -> str:
    return name.replace(", ", "_").replace(" ", "_")
