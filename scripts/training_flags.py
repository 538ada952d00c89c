"""The flags of what raises accuracy whatever the method."""

from typing import TYPE_CHECKING

from absl import flags

if TYPE_CHECKING:
    from applications.training_settings import TrainingSettings

_WEIGHT_DECAY = flags.DEFINE_float(
    "weight_decay",
    None,
    "Coupled decay of all variables. By default that of the schedule; on long "
    "tails, up to 5e-3 is worth a try.",
    lower_bound=0.0,
)
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size",
    None,
    "Images per step. By default that of the schedule, whose learning rate "
    "stays as it is.",
    lower_bound=1,
)
_ACCUMULATION_STEPS = flags.DEFINE_integer(
    "accumulation_steps",
    1,
    "Batches whose mean gradient makes one step of the optimizer, where a "
    "larger --batch_size does not fit into memory.",
    lower_bound=1,
)
_REMATERIALIZE = flags.DEFINE_list(
    "rematerialize",
    [],
    "Layers of the network, such as stage_1,stage_2, whose maps are kept in "
    "training; those between are computed twice, which takes less memory.",
)
_MIXING = flags.DEFINE_enum(
    "mixing",
    "none",
    ["none", "mixup", "cutmix"],
    "Of pairs of training images and their labels, in the first stage.",
)
_MIXING_ALPHA = flags.DEFINE_float(
    "mixing_alpha",
    1.0,
    "With --mixing: the shares of a pair are from Beta(alpha, alpha).",
)
_EMA = flags.DEFINE_float(
    "ema",
    None,
    "Momentum of a moving average of the weights over the steps, such as "
    "0.999, with which the first stage ends.",
)
_CLASSIFIER_START = flags.DEFINE_enum(
    "classifier_start",
    "new",
    ["new", "trained", "class_means"],
    "class_means starts cosine classifiers from the mean features of each "
    "class, for a pretrained backbone. With crt: trained lets its classifier "
    "go on from the trained one.",
)
_MAX_NORM = flags.DEFINE_float(
    "max_norm",
    None,
    "With crt: bound of the norm of the weights of a class, from 0 at the "
    "smallest norm after the first stage to 1 at the largest.",
    lower_bound=0.0,
    upper_bound=1.0,
)
_RETRAINING_DECAY = flags.DEFINE_float(
    "retraining_decay",
    None,
    "With crt: weight decay of the classifier in the second stage. By default "
    "as before.",
    lower_bound=0.0,
)
_TRAINABLE = flags.DEFINE_list(
    "trainable",
    None,
    "Layers of the backbone that are trained, by the start of their names; "
    "the others are frozen. By default all are trained.",
)
_TRAINABLE_LAYERS = flags.DEFINE_integer(
    "trainable_layers",
    None,
    "Instead, how many of its last layers are trained; 0 freezes it.",
    lower_bound=0,
)
_LORA_RANK = flags.DEFINE_integer(
    "lora_rank",
    None,
    "Instead, rank of updates that are trained in place of the backbone, such "
    "as 4.",
    lower_bound=1,
)


def settings() -> "TrainingSettings":
    """Returns what the flags say; imports Keras.

    Raises:
        ValueError: If a flag is out of its range.
    """
    from applications.training_settings import TrainingSettings

    return TrainingSettings(
        weight_decay=_WEIGHT_DECAY.value,
        batch_size=_BATCH_SIZE.value,
        accumulation_steps=_ACCUMULATION_STEPS.value,
        rematerialize=tuple(_REMATERIALIZE.value),
        mixing=_MIXING.value,
        mixing_alpha=_MIXING_ALPHA.value,
        ema=_EMA.value,
        classifier_start=_CLASSIFIER_START.value,
        max_norm=_MAX_NORM.value,
        retraining_decay=_RETRAINING_DECAY.value,
        trainable=tuple(_TRAINABLE.value) if _TRAINABLE.value else None,
        trainable_layers=_TRAINABLE_LAYERS.value,
        lora_rank=_LORA_RANK.value,
    )
