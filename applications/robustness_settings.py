"""What the method `dro_lt` is told."""

import dataclasses

from applications.settings_group import SettingsGroup
from keras_lt.validation import check_choice
from keras_lt.validation import check_fraction
from keras_lt.validation import check_not_negative
from keras_lt.validation import check_positive
from keras_lt.validation import check_positive_int

FORMS = ("stages", "joint")

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

    Args:
        form: `"stages"` trains a classifier, then the features, then the
            classifier; `"joint"` everything at once.
        weight: Factor on the robust term. 0 is the control: the same stages,
            batches and epochs without it.
        mean_radius: Mean radius of the balls around the centroids. 0 is the
            other control: the same term, of the centroids as they are.
        radius: Like the next four, as in `objectives.Robustness`.
        bound: Which form of the loss.
        distance: Between a feature and a centroid.
        centroids: When they are computed.
        temperature: What distances are divided by.
        joint_lambda: In the joint form, share of the classification loss; the
            robust term has the rest.
        feature_epochs: Of the second stage; by default 80 for each 200 of the
            schedule.
        classifier_epochs: Of the third stage; by default 20 for each 200.
        feature_rate: Learning rate of the second stage.
        classifier_rate: Learning rate of the third stage.
        batch_size: Images per step on class-aware batches, four of a class;
            by default that of the schedule.

    Raises:
        ValueError: If a choice is out of its range, or of the other form.
    """

    form: str = "stages"
    weight: float = 1.0
    mean_radius: float = 0.5
    radius: str = "sqrt_n"
    bound: str = "same_class"
    distance: str = "euclidean"
    centroids: str = "epoch"
    temperature: float = 1.0
    joint_lambda: float = 0.5
    feature_epochs: int | None = None
    classifier_epochs: int | None = None
    feature_rate: float = 0.005
    classifier_rate: float = 0.01
    batch_size: int | None = None

    def __post_init__(self) -> None:
        """Checks what the objective does not check itself."""
        check_choice("form", self.form, FORMS)
        check_not_negative("weight", self.weight)
        check_fraction("joint_lambda", self.joint_lambda)
        for name in ("feature_rate", "classifier_rate"):
            check_positive(name, getattr(self, name))
        for name in ("feature_epochs", "classifier_epochs", "batch_size"):
            if getattr(self, name) is not None:
                check_positive_int(name, getattr(self, name))
        self._check_form()

    def _check_form(self) -> None:
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
