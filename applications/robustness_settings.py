"""Settings of the method `dro_lt`."""

import dataclasses

from applications.setting import setting
from applications.settings_group import SettingsGroup

OF_STAGES = (
    "feature_epochs",
    "classifier_epochs",
    "feature_rate",
    "classifier_rate",
)
"""What only the form of three stages has a use for."""

OF_JOINT = ("joint_lambda",)
"""What only the joint form has a use for."""


@dataclasses.dataclass(frozen=True)
class RobustnessSettings(SettingsGroup):
    """Holds the choices of DRO-LT, as `applications.dro_lt` reads them.

    Those from `mean_radius` to `temperature` are as in `objectives.Robustness`.

    Args:
        form: With dro_lt: the classifier, then the features, then the
            classifier again; or everything in one stage.
        weight: With dro_lt: factor on the robust term. 0 is the control: the
            same stages without it.
        mean_radius: With dro_lt: mean radius of the balls around the centroids.
            0 is the other control: the same term without a worst case.
        radius: With dro_lt: larger for rare classes, the same for all, trained
            with its mean held, or trained as in the published code.
        bound: With dro_lt: the form of the paper, a bound on all of the loss,
            or one without the others of the class.
        distance: With dro_lt: of a feature and a centroid.
        centroids: With dro_lt: when centroids are computed.
        temperature: With dro_lt: what distances are divided by, greater than 0.
        joint_lambda: With --robust_form=joint: share of the classification
            loss; the robust term has the rest.
        feature_epochs: With dro_lt: length of the second stage. By default 80
            for each 200 of the schedule.
        classifier_epochs: With dro_lt: length of the third stage. By default 20
            for each 200.
        feature_rate: With dro_lt: learning rate of the second stage.
        classifier_rate: With dro_lt: learning rate of the third stage.
        batch_size: With dro_lt: images per step on class-aware batches, four of
            a class. By default that of the schedule.

    Raises:
        ValueError: If a choice is out of its range, or of the other form.
    """

    form: str = setting(
        "stages", flag="robust_form", choices=("stages", "joint")
    )
    weight: float = setting(1.0, flag="robust_weight", least=0.0)
    mean_radius: float = setting(0.5, least=0.0)
    radius: str = setting(
        "sqrt_n", choices=("sqrt_n", "shared", "learned", "released")
    )
    bound: str = setting(
        "same_class", choices=("same_class", "strict", "negatives_only")
    )
    distance: str = setting(
        "euclidean", choices=("euclidean", "chord", "squared_euclidean")
    )
    centroids: str = setting(
        "epoch", choices=("epoch", "moving_average", "batch")
    )
    temperature: float = setting(1.0, least=0.0, positive=True)
    joint_lambda: float = setting(
        0.5, flag="robust_lambda", least=0.0, most=1.0
    )
    feature_epochs: int | None = setting(None, least=1)
    classifier_epochs: int | None = setting(None, least=1)
    feature_rate: float = setting(0.005, positive=True)
    classifier_rate: float = setting(0.01, positive=True)
    batch_size: int | None = setting(None, flag="robust_batch_size", least=1)

    def __post_init__(self) -> None:
        """Checks what must be known before the first stage."""
        self.check_limits()
        useless = OF_JOINT if self.form == "stages" else OF_STAGES
        for name in useless:
            if name in self.changed():
                other = "joint" if self.form == "stages" else "stages"
                raise ValueError(
                    f"`{name}` must be left out, as it is for the form "
                    f"{other!r}. Received: {name}={getattr(self, name)!r} "
                    f"with the form {self.form!r}. Leave it out, or pass "
                    f"--robust_form={other}."
                )
