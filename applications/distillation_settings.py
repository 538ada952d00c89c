"""What the method `cbd` is told."""

import dataclasses
import pathlib
from typing import Any

from applications.settings_group import SettingsGroup
from keras_lt.validation import check_fraction
from keras_lt.validation import check_not_negative
from keras_lt.validation import check_positive
from keras_lt.validation import check_positive_int


@dataclasses.dataclass(frozen=True)
class DistillationSettings(SettingsGroup):
    """Holds the choices of distillation, as `applications.cbd` reads them.

    Args:
        teachers: Number of teachers to train first.
        teacher_runs: Instead, folders of finished runs whose models teach.
        teacher_method: How the teachers are trained.
        alpha: Like the next five, as in `objectives.FeatureDistillation`.
        beta: Factor on the distance of features.
        combine: How several teachers are put together.
        projection_mode: Where features are made comparable.
        logit_weight: Factor on the divergence of logits.
        temperature: Of the logits.

    Raises:
        ValueError: If a choice is out of its range.
    """

    teachers: int = 1
    teacher_runs: tuple[str, ...] = ()
    teacher_method: tuple[str, ...] = ("cosine",)
    alpha: float = 0.4
    beta: float = 100.0
    combine: str = "concatenate"
    projection_mode: str = "auto"
    logit_weight: float = 0.0
    temperature: float = 2.0

    def __post_init__(self) -> None:
        """Checks what must be known before the teachers are trained."""
        check_positive_int("teachers", self.teachers)
        check_fraction("alpha", self.alpha)
        check_not_negative("beta", self.beta)
        check_not_negative("logit_weight", self.logit_weight)
        check_positive("temperature", self.temperature)
        if self.teacher_runs and self.teachers != 1:
            raise ValueError(
                "`teachers` must be left out where runs are named, which say "
                f"how many there are. Received: teachers={self.teachers} and "
                f"{len(self.teacher_runs)} runs. Leave out --teachers or "
                "--teacher_runs."
            )
        if self.teacher_runs and "teacher_method" in self.changed():
            raise ValueError(
                "`teacher_method` must be left out where runs are named, which "
                "are trained already. Received: teacher_method="
                f"{','.join(self.teacher_method)!r} and "
                f"{len(self.teacher_runs)} runs. Leave out --teacher_method "
                "or --teacher_runs."
            )
        if "temperature" in self.changed() and not self.logit_weight:
            raise ValueError(
                "`temperature` must go with a weight of the logits. Received: "
                f"temperature={self.temperature} with logit_weight=0. Pass "
                "--logit_weight, or leave out --logit_temperature."
            )
        if "cbd" in self.teacher_method:
            raise ValueError(
                "`teacher_method` must be without cbd, as a teacher has no "
                f"teachers. Received: {','.join(self.teacher_method)!r}."
            )

    def what_is_trained(self) -> dict[str, Any]:
        """Returns the choices, of folders their names alone."""
        names = tuple(pathlib.Path(one).name for one in self.teacher_runs)
        return {**dataclasses.asdict(self), "teacher_runs": names}
