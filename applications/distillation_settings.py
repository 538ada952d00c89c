"""Settings of the method `cbd`."""

import dataclasses
import pathlib
from typing import Any

from applications import METHODS
from applications.setting import setting
from applications.settings_group import SettingsGroup


@dataclasses.dataclass(frozen=True)
class DistillationSettings(SettingsGroup):
    """Holds the choices of distillation, as `applications.cbd` reads them.

    Those after `teacher_method` are as in `objectives.FeatureDistillation`.

    Args:
        teachers: With cbd: number of teachers, which are trained first; the
            second half of them with strong augmentation, for CIFAR.
        teacher_runs: With cbd: instead, output folders of finished runs whose
            models teach.
        teacher_method: With cbd: how the teachers are trained, as for --method.
        alpha: With cbd: share of the teachers in the loss.
        beta: With cbd: factor on the distance of features.
        combine: With cbd: compare with all teachers at once, or with each.
        projection_mode: With cbd: a layer under the classifier if the teachers
            need it; always; or one that the classifier does not see.
        logit_weight: With cbd: factor on the divergence from the teachers'
            logits, adjusted for balanced classes. 0 leaves them out.
        temperature: With cbd: what logits are divided by, greater than 0.

    Raises:
        ValueError: If a choice is out of its range.
    """

    teachers: int = setting(1, least=1)
    teacher_runs: tuple[str, ...] = ()
    teacher_method: tuple[str, ...] = setting(("cosine",), choices=METHODS)
    alpha: float = setting(0.4, least=0.0, most=1.0)
    beta: float = setting(100.0, least=0.0)
    combine: str = setting(
        "concatenate", flag="combine_teachers", choices=("concatenate", "mean")
    )
    projection_mode: str = setting(
        "auto", choices=("auto", "always", "distill_only")
    )
    logit_weight: float = setting(0.0, least=0.0)
    temperature: float = setting(
        2.0, flag="logit_temperature", least=0.0, positive=True
    )

    def __post_init__(self) -> None:
        """Checks what must be known before the teachers are trained."""
        self.check_limits()
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
