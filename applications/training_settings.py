"""What a run is told of the training that every method has."""

import dataclasses
from collections.abc import Sequence

from applications.methods import METHODS
from applications.settings_group import SettingsGroup
from keras_lt.validation import check_choice
from keras_lt.validation import check_fraction
from keras_lt.validation import check_not_negative
from keras_lt.validation import check_positive
from keras_lt.validation import check_positive_int

MIXINGS = ("none", "mixup", "cutmix")
STARTS = ("new", "trained", "class_means")

OF_FIRST_STAGE = ("mixing", "ema")
"""What only a stage that trains all layers on the plain loss has a use for."""

OF_CRT = ("max_norm", "retraining_decay")
"""What only the second stage of `crt` has a use for."""

FREEZING = ("trainable", "trainable_layers", "lora_rank")
"""Ways of training a part of the backbone, of which a run has one."""


@dataclasses.dataclass(frozen=True)
class TrainingSettings(SettingsGroup):
    """Holds what raises accuracy whatever the method.

    Args:
        weight_decay: Coupled decay of all variables; by default that of the
            schedule.
        batch_size: Images per step; by default that of the schedule.
        accumulation_steps: Number of batches whose mean gradient makes one
            step of the optimizer, in all stages but the second of `crt` and
            `lws`.
        rematerialize: Layers of the network whose maps training keeps, while
            others are computed twice; as in `LongTailModel`.
        mixing: `"mixup"` or `"cutmix"` of pairs of images, in the first stage.
        mixing_alpha: Of the distribution of the shares of a pair.
        ema: Momentum of a moving average of the weights over the steps, with
            which the first stage ends; None for the last weights.
        classifier_start: `"class_means"` starts cosine classifiers from the
            means of the features of each class; `"trained"`, with the method
            `crt`, lets its classifier go on from the trained one; else it is
            `"new"`.
        max_norm: With `crt`, bound of the norm of the weights of a class, from
            0 at the smallest norm after the first stage to 1 at the largest.
        retraining_decay: With `crt`, weight decay of the classifier in the
            second stage; by default as before.
        trainable: Layers of the backbone that are trained, by the start of
            their names; others are frozen. None trains all.
        trainable_layers: Instead, how many of its last layers are trained; 0
            freezes the backbone.
        lora_rank: Instead, rank of updates that are trained in place of the
            backbone.

    Raises:
        ValueError: If a choice is out of its range, or without effect.
    """

    weight_decay: float | None = None
    batch_size: int | None = None
    accumulation_steps: int = 1
    rematerialize: tuple[str, ...] = ()
    mixing: str = "none"
    mixing_alpha: float = 1.0
    ema: float | None = None
    classifier_start: str = "new"
    max_norm: float | None = None
    retraining_decay: float | None = None
    trainable: tuple[str, ...] | None = None
    trainable_layers: int | None = None
    lora_rank: int | None = None

    def __post_init__(self) -> None:
        """Checks the ranges."""
        for name in ("weight_decay", "retraining_decay"):
            if getattr(self, name) is not None:
                check_not_negative(name, getattr(self, name))
        if self.batch_size is not None:
            check_positive_int("batch_size", self.batch_size)
        check_positive_int("accumulation_steps", self.accumulation_steps)
        if self.lora_rank is not None:
            check_positive_int("lora_rank", self.lora_rank)
        if self.trainable_layers is not None:
            check_not_negative("trainable_layers", self.trainable_layers)
        self._check_one_way_of_freezing()
        check_choice("mixing", self.mixing, MIXINGS)
        check_choice("classifier_start", self.classifier_start, STARTS)
        check_positive("mixing_alpha", self.mixing_alpha)
        if self.max_norm is not None:
            check_fraction("max_norm", self.max_norm)
        if self.ema is not None and not 0 < self.ema < 1:
            raise ValueError(
                "`ema` must be greater than 0 and smaller than 1. Received: "
                f"ema={self.ema}. 0.99 averages over about 100 steps, 0.999 "
                "over 1000."
            )
        if self.mixing == "none" and "mixing_alpha" in self.changed():
            raise ValueError(
                "`mixing_alpha` must go with a way of mixing. Received: "
                f"mixing_alpha={self.mixing_alpha} with mixing='none'. Pass "
                "--mixing=mixup or --mixing=cutmix, or leave it out."
            )

    def check_with(
        self, method: Sequence[str], form: str, initial_run: str | None
    ) -> None:
        """Refuses what has no effect with the other settings of a run.

        Args:
            method: Names of methods.
            form: Of the robust term.
            initial_run: A run whose weights replace the first stage, if any.

        Raises:
            ValueError: If a choice is for a stage that there is none of, or
                for a classifier of another kind.
        """
        for name in OF_CRT:
            if "crt" not in method:
                self._refuse(name, "with the method `crt`", method)
        if self.classifier_start == "trained" and "crt" not in method:
            self._refuse("classifier_start", "with the method `crt`", method)
        if self.classifier_start == "class_means":
            self._check_class_means(method, initial_run)
        if "dro_lt" in method and "cbd" not in method and form != "joint":
            # They train the whole backbone, or the updates in it.
            for name in ("trainable", "trainable_layers"):
                self._refuse(name, "without stages of `dro_lt`", method)
        if initial_run is not None:
            # A file holds updates of 0, from where they cannot grow.
            for name in (*OF_FIRST_STAGE, "lora_rank"):
                self._refuse(name, "without `initial_run`", method)
            if {"crt", "lws"} & {*method}:
                # The one stage that is left trains the classifier alone.
                for name in (*FREEZING, "accumulation_steps"):
                    self._refuse(name, "without `initial_run`", method)
        if "dro_lt" in method and ("cbd" in method or form == "joint"):
            self._refuse("mixing", "without class-aware batches", method)
        if any(_has_cosine(name) for name in method):
            self._refuse("max_norm", "with a linear classifier", method)

    def of_teachers(self) -> "TrainingSettings":
        """Returns what a student's teachers have in common with it."""
        shared = {
            name: value
            for name, value in self.changed().items()
            if name not in (*OF_CRT, "classifier_start")
        }
        return TrainingSettings(**shared)

    def _check_one_way_of_freezing(self) -> None:
        chosen = [name for name in FREEZING if name in self.changed()]
        if len(chosen) > 1:
            raise ValueError(
                "A part of the backbone must be trained in one way. Received: "
                f"{' and '.join(chosen)}. Leave one of them out."
            )

    def _check_class_means(
        self, method: Sequence[str], initial_run: str | None
    ) -> None:
        if not any(_has_cosine(name) for name in method):
            self._refuse("classifier_start", "with the method cosine", method)
        if initial_run is not None:
            self._refuse("classifier_start", "without `initial_run`", method)

    def _refuse(self, name: str, where: str, method: Sequence[str]) -> None:
        if name in self.changed():
            raise ValueError(
                f"`{name}` must be used {where}, as it has no effect or no "
                f"sense otherwise. Received: {name}={getattr(self, name)!r} "
                f"with the method {','.join(method)!r}. Leave it out."
            )


def _has_cosine(name: str) -> bool:
    return name in METHODS and METHODS[name].classifier == "cosine"
