"""The flags of the method `dro_lt`."""

from typing import TYPE_CHECKING

from absl import flags

if TYPE_CHECKING:
    from applications.robustness_settings import RobustnessSettings

_FORM = flags.DEFINE_enum(
    "robust_form",
    "stages",
    ["stages", "joint"],
    "With dro_lt: the classifier, then the features, then the classifier "
    "again; or everything in one stage.",
)
_WEIGHT = flags.DEFINE_float(
    "robust_weight",
    1.0,
    "With dro_lt: factor on the robust term. 0 is the control: the same "
    "stages without it.",
    lower_bound=0.0,
)
_MEAN_RADIUS = flags.DEFINE_float(
    "mean_radius",
    0.5,
    "With dro_lt: mean radius of the balls around the centroids. 0 is the "
    "other control: the same term without a worst case.",
    lower_bound=0.0,
)
_RADIUS = flags.DEFINE_enum(
    "radius",
    "sqrt_n",
    ["sqrt_n", "shared", "learned", "released"],
    "With dro_lt: larger for rare classes, the same for all, trained with its "
    "mean held, or trained as in the published code.",
)
_BOUND = flags.DEFINE_enum(
    "bound",
    "same_class",
    ["same_class", "strict", "negatives_only"],
    "With dro_lt: the form of the paper, a bound on all of the loss, or one "
    "without the others of the class.",
)
_DISTANCE = flags.DEFINE_enum(
    "distance",
    "euclidean",
    ["euclidean", "chord", "squared_euclidean"],
    "With dro_lt: of a feature and a centroid.",
)
_CENTROIDS = flags.DEFINE_enum(
    "centroids",
    "epoch",
    ["epoch", "moving_average", "batch"],
    "With dro_lt: when centroids are computed.",
)
_TEMPERATURE = flags.DEFINE_float(
    "temperature",
    1.0,
    "With dro_lt: what distances are divided by, greater than 0.",
    lower_bound=0.0,
)
_LAMBDA = flags.DEFINE_float(
    "robust_lambda",
    0.5,
    "With --robust_form=joint: share of the classification loss; the robust "
    "term has the rest.",
    lower_bound=0.0,
    upper_bound=1.0,
)
_FEATURE_EPOCHS = flags.DEFINE_integer(
    "feature_epochs",
    None,
    "With dro_lt: length of the second stage. By default 80 for each 200 of "
    "the schedule.",
    lower_bound=1,
)
_CLASSIFIER_EPOCHS = flags.DEFINE_integer(
    "classifier_epochs",
    None,
    "With dro_lt: length of the third stage. By default 20 for each 200.",
    lower_bound=1,
)
_FEATURE_RATE = flags.DEFINE_float(
    "feature_rate",
    0.005,
    "With dro_lt: learning rate of the second stage.",
)
_CLASSIFIER_RATE = flags.DEFINE_float(
    "classifier_rate",
    0.01,
    "With dro_lt: learning rate of the third stage.",
)
_BATCH_SIZE = flags.DEFINE_integer(
    "robust_batch_size",
    None,
    "With dro_lt: images per step on class-aware batches, four of a class. By "
    "default that of the schedule.",
    lower_bound=1,
)


def settings() -> "RobustnessSettings":
    """Returns what the flags say; imports Keras.

    Raises:
        ValueError: If a flag is out of its range.
    """
    from applications.robustness_settings import RobustnessSettings

    return RobustnessSettings(
        form=_FORM.value,
        weight=_WEIGHT.value,
        mean_radius=_MEAN_RADIUS.value,
        radius=_RADIUS.value,
        bound=_BOUND.value,
        distance=_DISTANCE.value,
        centroids=_CENTROIDS.value,
        temperature=_TEMPERATURE.value,
        joint_lambda=_LAMBDA.value,
        feature_epochs=_FEATURE_EPOCHS.value,
        classifier_epochs=_CLASSIFIER_EPOCHS.value,
        feature_rate=_FEATURE_RATE.value,
        classifier_rate=_CLASSIFIER_RATE.value,
        batch_size=_BATCH_SIZE.value,
    )
