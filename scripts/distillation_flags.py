"""The flags of the method `cbd`."""

from typing import TYPE_CHECKING

from absl import flags

import applications

if TYPE_CHECKING:
    from applications.distillation_settings import DistillationSettings

_TEACHERS = flags.DEFINE_integer(
    "teachers",
    1,
    "With cbd: number of teachers, which are trained first; the second half "
    "of them with strong augmentation, for CIFAR.",
    lower_bound=1,
)
_TEACHER_RUNS = flags.DEFINE_list(
    "teacher_runs",
    [],
    "With cbd: instead, output folders of finished runs whose models teach.",
)
_TEACHER_METHOD = flags.DEFINE_list(
    "teacher_method",
    "cosine",
    "With cbd: how the teachers are trained, as for --method.",
)
_ALPHA = flags.DEFINE_float(
    "alpha",
    0.4,
    "With cbd: share of the teachers in the loss.",
    lower_bound=0.0,
    upper_bound=1.0,
)
_BETA = flags.DEFINE_float(
    "beta",
    100.0,
    "With cbd: factor on the distance of features.",
    lower_bound=0.0,
)
_COMBINE = flags.DEFINE_enum(
    "combine_teachers",
    "concatenate",
    ["concatenate", "mean"],
    "With cbd: compare with all teachers at once, or with each.",
)
_PROJECTION_MODE = flags.DEFINE_enum(
    "projection_mode",
    "auto",
    ["auto", "always", "distill_only"],
    "With cbd: a layer under the classifier if the teachers need it; always; "
    "or one that the classifier does not see.",
)
_LOGIT_WEIGHT = flags.DEFINE_float(
    "logit_weight",
    0.0,
    "With cbd: factor on the divergence from the teachers' logits, adjusted "
    "for balanced classes. 0 leaves them out.",
    lower_bound=0.0,
)
_TEMPERATURE = flags.DEFINE_float(
    "logit_temperature",
    2.0,
    "With cbd: what logits are divided by, greater than 0.",
    lower_bound=0.0,
)


@flags.validator(
    "teacher_method", f"must be of {', '.join(applications.METHODS)}."
)
def _methods_are_known(names: list[str]) -> bool:
    return bool(names) and not set(names) - set(applications.METHODS)


def settings() -> "DistillationSettings":
    """Returns what the flags say; imports Keras.

    Raises:
        ValueError: If a flag is out of its range.
    """
    from applications.distillation_settings import DistillationSettings

    return DistillationSettings(
        teachers=_TEACHERS.value,
        teacher_runs=tuple(_TEACHER_RUNS.value),
        teacher_method=tuple(_TEACHER_METHOD.value),
        alpha=_ALPHA.value,
        beta=_BETA.value,
        combine=_COMBINE.value,
        projection_mode=_PROJECTION_MODE.value,
        logit_weight=_LOGIT_WEIGHT.value,
        temperature=_TEMPERATURE.value,
    )
