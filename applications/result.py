"""What a run leaves behind."""

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from applications.card_records import card_records
from applications.exits import ExitResult
from applications.schedules import Schedule
from applications.settings import Settings
from applications.split_check import check_sums
from keras_lt import data
from keras_lt import posthoc
from keras_lt import report

TAUS = tuple(np.arange(0.0, 2.01, 0.25).tolist())
"""Strengths of logit adjustment that are tried on held-out images."""


@dataclasses.dataclass(frozen=True)
class Result:
    """Holds the answers of a trained model, and how it came to them.

    Args:
        application: Name of the folder of the recipe.
        split: The data.
        settings: The choices of the run.
        schedule: Epochs and learning rates.
        provenance: Where and with what the run started.
        history: One row per epoch, as `training.train` returns it.
        logits: Answers to the test images.
        held_out_logits: Answers to the held-out images, if any.
        exits: What each exit answered, if the model has exits.
        initial_run: About the run whose weights it started from, if any.
        teachers: About the runs whose models taught it.
    """

    application: str
    split: data.Split
    settings: Settings
    schedule: Schedule
    provenance: dict[str, Any]
    history: Sequence[dict[str, Any]]
    logits: np.ndarray
    held_out_logits: np.ndarray | None = None
    exits: ExitResult | None = None
    initial_run: dict[str, Any] | None = None
    teachers: Sequence[dict[str, Any]] = ()

    @property
    def name(self) -> str:
        """The methods of the run."""
        return " + ".join(self.settings.method)

    @cached_property
    def tau(self) -> float:
        """Strength of the logit adjustment; never chosen on test images."""
        held_out = self.split.validation
        if held_out is None or self.held_out_logits is None:
            return 1.0
        return posthoc.choose_tau(
            self.held_out_logits, held_out.y, self.split.class_counts, TAUS
        ).tau

    @cached_property
    def images(self) -> dict[str, str]:
        """Check sums by which the images of each part are known again."""
        return check_sums(self.split)

    @cached_property
    def cards(self) -> dict[str, report.ReportCard]:
        """The reports: as trained, with logits adjusted, and of the exits."""
        counts = self.split.class_counts
        adjusted = posthoc.adjust_logits(self.logits, counts, self.tau)
        cards = {
            "as_trained": self._card(self.name, self.logits),
            "adjusted": self._card(
                f"{self.name}, logits adjusted afterwards", adjusted
            ),
        }
        if self.exits is not None:
            cards["full_depth"] = self._card(
                f"{self.name}, at full depth", self.exits.exit_logits[:, -1]
            )
            cards["exit_average"] = self._card(
                f"{self.name}, mean of exits",
                posthoc.average_exits(self.exits.exit_logits),
            )
        return cards

    @cached_property
    def curves(self) -> dict[str, list[float | None]]:
        """The history by what was measured, to keep and to plot.

        An epoch has None for what its stage does not measure, or what was not
        finite, which JSON does not hold.
        """
        names = dict.fromkeys(key for row in self.history for key in row)
        return {
            key: [_rounded(row.get(key)) for row in self.history]
            for key in names
            if key not in _NOT_CURVES
        }

    @property
    def stages(self) -> dict[str, dict[str, float]]:
        """Epochs, seconds and speed of each stage, by name."""
        seconds: dict[str, list[float]] = {}
        for row in self.history:
            seconds.setdefault(row["stage"], []).append(row["seconds"])
        return {
            name: {
                "epochs": len(found),
                "seconds": round(sum(found), 1),
                "images_per_second": self._speed(found),
            }
            for name, found in seconds.items()
        }

    @property
    def held_out(self) -> dict[str, Any] | None:
        """Balanced accuracy on the held-out images, to choose settings on.

        The strength of the adjustment is chosen on the same images.
        """
        examples, logits = self.split.validation, self.held_out_logits
        if examples is None or logits is None:
            return None
        adjusted = posthoc.adjust_logits(
            logits, self.split.class_counts, self.tau
        )
        answers = {"as_trained": logits, "adjusted": adjusted}
        if self.exits is not None and self.exits.held_out_logits is not None:
            answers["exit_average"] = posthoc.average_exits(
                self.exits.held_out_logits
            )
        return {
            "images": len(examples),
            **{
                name: round(self._balanced_accuracy(one, examples.y), 5)
                for name, one in answers.items()
            },
        }

    def record(self) -> dict[str, Any]:
        """Returns the numbers, and all that led to them, as plain values."""
        split, cards = self.split, self.cards
        seconds = [row["seconds"] for row in self.history]
        held_out = self.held_out
        return {
            "application": self.application,
            "settings": self.settings.what_is_trained(),
            "schedule": dataclasses.asdict(self.schedule),
            "seed": self.settings.seed,
            **self.provenance,
            "seconds": round(sum(seconds), 1),
            "images_per_second": self._speed(seconds),
            "stages": self.stages,
            "initial_run": self.initial_run,
            "teachers": list(self.teachers),
            **card_records(cards),
            "tau": self.tau,
            "tau_is": "chosen on held-out images" if held_out else "fixed",
            "held_out": held_out,
            "split": dict(split.settings),
            "images": self.images,
            "class_counts": list(split.class_counts),
            "class_names": list(split.class_names),
            "groups": {
                name: len(labels)
                for name, labels in cards["as_trained"].classes.groups.items()
            },
            "history": self.curves,
            **({"exits": self.exits.record()} if self.exits else {}),
        }

    def table(self) -> str:
        """Returns many, medium, few and all, in percent."""
        adjusted = f"{self.name}, then tau={self.tau:g}"
        names = {
            "as_trained": self.name,
            "adjusted": adjusted,
            "full_depth": f"{self.name}, at full depth",
            "exit_average": f"{self.name}, mean of exits",
        }
        table = report.summarize(
            {names[kind]: [card] for kind, card in self.cards.items()}
        )
        if self.exits is None:
            return table
        return f"{table}\n\n{self.exits.point.to_markdown()}"

    def _speed(self, seconds: Sequence[float]) -> float:
        """Images a second in the median epoch, validation included."""
        return round(len(self.split.train) / float(np.median(seconds)), 1)

    def _balanced_accuracy(self, logits: np.ndarray, labels: Any) -> float:
        counts = self.split.class_counts
        return report.from_logits(logits, labels, counts).balanced_accuracy

    def _card(self, name: str, logits: np.ndarray) -> report.ReportCard:
        split = self.split
        return report.from_logits(
            logits,
            split.test.y,
            split.class_counts,
            split.class_names,
            name=name,
            history=self.curves,
            meta={
                "data": split.name,
                "seed": self.settings.seed,
                "examples": self.images["test"],
            },
        )


_NOT_CURVES = ("stage", "epoch", "seconds")


def _rounded(value: float | None) -> float | None:
    if value is None or not np.isfinite(value):
        return None
    return round(float(value), 5)
