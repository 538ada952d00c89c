"""Settings of the training that every method has."""

import dataclasses
from collections.abc import Sequence

from applications.setting import setting
from applications.settings_group import SettingsGroup

OF_FIRST_STAGE = ("mixing", "ema")
"""What only a stage that trains all layers on the plain loss has a use for."""

OF_CRT = ("max_norm", "retraining_decay")
"""What only the second stage of `crt` has a use for."""

FREEZING = ("trainable", "trainable_layers", "lora_rank")
"""Ways of training a part of the backbone, of which a run has one."""


@dataclasses.dataclass(frozen=True)
class TrainingSettings(SettingsGroup):
    """Holds what raises accuracy whatever the method.

    Batches are accumulated in all stages but the second of `crt` and `lws`,
    and `rematerialize` is as in `LongTailModel`.

    Args:
        weight_decay: Coupled decay of all variables. By default that of the
            schedule; on long tails, up to 5e-3 is worth a try.
        batch_size: Images per step. By default that of the schedule, whose
            learning rate stays as it is.
        accumulation_steps: Batches whose mean gradient makes one step of the
            optimizer, where a larger --batch_size does not fit into memory.
        rematerialize: Layers of the network, such as stage_1,stage_2, whose
            maps are kept in training; those between are computed twice, which
            takes less memory.
        mixing: Of pairs of training images and their labels, in the first
            stage.
        mixing_alpha: With --mixing: the shares of a pair are from Beta(alpha,
            alpha).
        ema: Momentum of a moving average of the weights over the steps, such as
            0.999, with which the first stage ends.
        class_balanced_beta: With class_balanced: the nearer to 1, the more rare
            classes count, from 0, where all examples count alike. By default
            0.9999.
        classifier_start: class_means starts cosine classifiers from the mean
            features of each class, for a pretrained backbone. With crt: trained
            lets its classifier go on from the trained one.
        max_norm: With crt: bound of the norm of the weights of a class, from 0
            at the smallest norm after the first stage to 1 at the largest.
        retraining_decay: With crt: weight decay of the classifier in the second
            stage. By default as before.
        trainable: Layers of the backbone that are trained, by the start of
            their names; the others are frozen. By default all are trained.
        trainable_layers: Instead, how many of its last layers are trained; 0
            freezes it.
        lora_rank: Instead, rank of updates that are trained in place of the
            backbone, such as 4.

    Raises:
        ValueError: If a choice is out of its range, or without effect.
    """

    weight_decay: float | None = setting(None, least=0.0)
    batch_size: int | None = setting(None, least=1)
    accumulation_steps: int = setting(1, least=1)
    rematerialize: tuple[str, ...] = ()
    mixing: str = setting("none", choices=("none", "mixup", "cutmix"))
    mixing_alpha: float = setting(1.0, positive=True)
    ema: float | None = None
    class_balanced_beta: float | None = setting(None, least=0.0, most=1.0)
    classifier_start: str = setting(
        "new", choices=("new", "trained", "class_means")
    )
    max_norm: float | None = setting(None, least=0.0, most=1.0)
    retraining_decay: float | None = setting(None, least=0.0)
    trainable: tuple[str, ...] | None = None
    trainable_layers: int | None = setting(None, least=0)
    lora_rank: int | None = setting(None, least=1)

    def __post_init__(self) -> None:
        """Checks the ranges."""
        self.check_limits()
        self._check_one_way_of_freezing()
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
        if "class_balanced" not in method or "cbd" in method:
            name = "class_balanced_beta"
            self._refuse(name, "with the method `class_balanced`", method)
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
    from applications.methods import METHODS  # It imports Keras.

    return name in METHODS and METHODS[name].classifier == "cosine"
