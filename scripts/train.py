"""Trains one application and writes its result and report.

    python scripts/train.py --application=digits_lt --method=ldam_drw
        --output_dir=runs/ldam_drw

A run that was stopped goes on where it was, with --resume added.
"""

import importlib
import pathlib
import sys
from typing import TYPE_CHECKING

from absl import app
from absl import flags

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import applications  # noqa: E402
from scripts import backend  # noqa: E402
from scripts import distillation_flags  # noqa: E402
from scripts import robustness_flags  # noqa: E402
from scripts import training_flags  # noqa: E402

flags.adopt_module_key_flags(distillation_flags)
flags.adopt_module_key_flags(robustness_flags)
flags.adopt_module_key_flags(training_flags)

if TYPE_CHECKING:
    from applications.settings import Settings

_PROGRESS = {"bar": 1, "lines": 2, "none": 0}

_APPLICATION = flags.DEFINE_enum(
    "application", None, applications.APPLICATIONS, "What to train on."
)
_METHOD = flags.DEFINE_list(
    "method",
    "crossentropy",
    "How to rebalance: one, or several that are combined, with commas "
    f"between them, of: {', '.join(applications.METHODS)}.",
)
_IMBALANCE_FACTOR = flags.DEFINE_float(
    "imbalance_factor",
    None,
    "Largest by smallest training class. By default that of the application.",
    lower_bound=1.0,
)
_PROFILE = flags.DEFINE_enum(
    "profile",
    "exponential",
    ["exponential", "step", "pareto"],
    "How the sizes of the training classes fall.",
)
_SCHEDULE = flags.DEFINE_enum(
    "schedule",
    None,
    applications.SCHEDULES,
    "Epochs, batch size and learning rates: the published recipe of 200 "
    "epochs, as many along a cosine, or 30 epochs for a CPU; for large images "
    "those of decoupling or of class-balanced distillation. By default that of "
    "the application.",
)
_EPOCHS = flags.DEFINE_integer(
    "epochs", None, "Instead of those of the schedule.", lower_bound=1
)
_VALIDATION_FRACTION = flags.DEFINE_float(
    "validation_fraction",
    0.0,
    "Share of the training images that is held out, to choose the strength of "
    "logit adjustment on.",
    lower_bound=0.0,
    upper_bound=0.9,
)
_VALIDATION_PER_CLASS = flags.DEFINE_integer(
    "validation_per_class",
    0,
    "Instead, number of images of each class that are held out of those that "
    "the long-tailed subset leaves over. Thresholds of exits are chosen on "
    "them too.",
    lower_bound=0,
)
_EXITS = flags.DEFINE_list(
    "exits",
    "stage_1,stage_2",
    "With elf: layers of the network after which there is an exit.",
)
_BRANCH = flags.DEFINE_enum(
    "branch",
    "auto",
    ["auto", "pooled", "block", "mixed_pool"],
    "With elf: what lies between an early feature map and its classifier.",
)
_THRESHOLD = flags.DEFINE_float(
    "threshold",
    0.9,
    "With elf: confidence above which an image leaves in use, if no images "
    "are held out to choose it on.",
    lower_bound=0.0,
    upper_bound=1.0,
)
_TRAINING_THRESHOLD = flags.DEFINE_float(
    "training_threshold",
    0.9,
    "With elf: the same in training. 1 lets nobody leave, which is the "
    "control: deep supervision without hardness.",
    lower_bound=0.0,
    upper_bound=1.0,
)
_EXIT_WEIGHTS = flags.DEFINE_list(
    "exit_weights",
    None,
    "With elf: weight of the loss at each exit, the last one included. By "
    "default 1.",
)
_TRUNK_GRADIENT = flags.DEFINE_float(
    "trunk_gradient",
    0.3,
    "With elf: share of the gradient of an early exit that reaches the "
    "backbone.",
    lower_bound=0.0,
    upper_bound=1.0,
)
_MAX_ACCURACY_LOSS = flags.DEFINE_float(
    "max_accuracy_loss",
    0.0,
    "With elf: balanced accuracy on held-out images that early exits may "
    "lose, from 0 to 1.",
    lower_bound=0.0,
    upper_bound=1.0,
)
_INITIAL_RUN = flags.DEFINE_string(
    "initial_run",
    None,
    "With dro_lt, crt and lws: output folder of a finished run without them "
    "whose weights replace the first stage.",
)
_RETRAINING_EPOCHS = flags.DEFINE_integer(
    "retraining_epochs",
    None,
    "With crt and lws: length of the second stage. By default 10 and 5 for "
    "each 90 of the schedule.",
    lower_bound=1,
)
_RETRAINING_RATE = flags.DEFINE_float(
    "retraining_rate",
    None,
    "With crt and lws: learning rate of the second stage. By default that of "
    "the schedule.",
)
_AUGMENTATION = flags.DEFINE_enum(
    "augmentation",
    "plain",
    ["plain", "strong"],
    "Of the training images; strong adds AutoAugment and Cutout to those of "
    "CIFAR, and distorts the colours of large ones.",
)
_BACKBONE = flags.DEFINE_string(
    "backbone",
    None,
    "Network of image_folder and of the applications for large images: "
    "resnet20, resnet32, resnet44, resnet56, a name in keras.applications "
    "such as EfficientNetB0, or one of another library, such as "
    "keras_hub/resnet_18_imagenet or keras_cv/resnet18. By default that of "
    "the application.",
)
_PRETRAINED = flags.DEFINE_bool(
    "pretrained",
    False,
    "Whether the backbone starts from published weights, which are downloaded.",
)
_PRETRAINED_WEIGHTS = flags.DEFINE_string(
    "pretrained_weights",
    None,
    "Instead, a file with weights of the backbone, without its top.",
)
_IMAGE_SIZE = flags.DEFINE_integer(
    "image_size",
    None,
    "Height and width of the images there. By default 64 in image_folder, and "
    "224 for large images.",
    lower_bound=8,
)
_SEED = flags.DEFINE_integer(
    "seed", 0, "Seed of the weights and the batches.", lower_bound=0
)
_SPLIT_SEED = flags.DEFINE_integer(
    "split_seed",
    0,
    "Decides which training images are kept and held out; 0 is the subset of "
    "the literature.",
    lower_bound=0,
)
_BACKEND = flags.DEFINE_enum(
    "backend",
    None,
    backend.BACKENDS,
    "Backend of Keras. By default KERAS_BACKEND, or one that is installed.",
)
_DTYPE_POLICY = flags.DEFINE_enum(
    "dtype_policy",
    "float32",
    backend.DTYPE_POLICIES,
    "Precision of the network; losses stay in float32.",
)
_THREADS = flags.DEFINE_integer(
    "threads", None, "CPU threads of the backend.", lower_bound=1
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir",
    None,
    "Where the data lies. By default KERAS_LT_DATA. For image_folder, the "
    "folder with a folder of images per class.",
)
_BROKEN_IMAGES = flags.DEFINE_enum(
    "broken_images",
    "raise",
    ["raise", "replace"],
    "Whether training stops where an image file cannot be read, or takes "
    "another image of its class.",
)
_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir", None, "Where checkpoints, model, result and report go."
)
_RESUME = flags.DEFINE_bool(
    "resume", False, "Go on with the run that output_dir holds."
)
_DEVICE_DATA = flags.DEFINE_bool(
    "device_data",
    False,
    "Whether the training images live and are augmented on the device, which "
    "keeps a GPU busy; for images in memory.",
)
_STEPS_PER_EXECUTION = flags.DEFINE_integer(
    "steps_per_execution",
    1,
    "Steps of one call of the backend; TensorFlow and JAX take more than 1.",
    lower_bound=1,
)
_PROGRESS_KIND = flags.DEFINE_enum(
    "progress", "bar", list(_PROGRESS), "What is shown in each epoch."
)


@flags.validator("method", f"must be of {', '.join(applications.METHODS)}.")
def _methods_are_known(names: list[str]) -> bool:
    return bool(names) and not set(names) - set(applications.METHODS)


@flags.validator("exit_weights", "must be numbers, with commas between them.")
def _exit_weights_are_numbers(words: list[str] | None) -> bool:
    try:
        _numbers(words)
    except ValueError:
        return False
    return True


def _numbers(words: list[str] | None) -> tuple[float, ...] | None:
    return tuple(map(float, words)) if words else None


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"Expected flags only. Received: {argv[1:]}.")
    backend.set_up_keras(_BACKEND.value, _DTYPE_POLICY.value, _THREADS.value)
    backend.check_plots()  # Before a training, not after it.
    name = _APPLICATION.value
    recipe = importlib.import_module(f"applications.{name}.recipe")
    try:
        result = recipe.run(_settings())
    except (ValueError, OSError, FloatingPointError) as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from error
    print(result.table())


def _settings() -> "Settings":
    """Returns what the flags say.

    Raises:
        ValueError: If flags do not go together.
    """
    from applications.settings import Settings

    return Settings(
        method=tuple(_METHOD.value),
        imbalance_factor=_IMBALANCE_FACTOR.value,
        profile=_PROFILE.value,
        schedule=_SCHEDULE.value,
        epochs=_EPOCHS.value,
        validation_fraction=_VALIDATION_FRACTION.value,
        validation_per_class=_VALIDATION_PER_CLASS.value,
        exits=tuple(_EXITS.value),
        branch=_BRANCH.value,
        threshold=_THRESHOLD.value,
        training_threshold=_TRAINING_THRESHOLD.value,
        exit_weights=_numbers(_EXIT_WEIGHTS.value),
        trunk_gradient=_TRUNK_GRADIENT.value,
        max_accuracy_loss=_MAX_ACCURACY_LOSS.value,
        robustness=robustness_flags.settings(),
        distillation=distillation_flags.settings(),
        training=training_flags.settings(),
        initial_run=_INITIAL_RUN.value,
        retraining_epochs=_RETRAINING_EPOCHS.value,
        retraining_rate=_RETRAINING_RATE.value,
        augmentation=_AUGMENTATION.value,
        backbone=_BACKBONE.value,
        pretrained=_PRETRAINED.value,
        pretrained_weights=_PRETRAINED_WEIGHTS.value,
        image_size=_IMAGE_SIZE.value and (_IMAGE_SIZE.value,) * 2,
        data_dir=_DATA_DIR.value,
        broken_images=_BROKEN_IMAGES.value,
        output_dir=_OUTPUT_DIR.value,
        resume=_RESUME.value,
        seed=_SEED.value,
        split_seed=_SPLIT_SEED.value,
        verbose=_PROGRESS[_PROGRESS_KIND.value],
        device_data=_DEVICE_DATA.value,
        steps_per_execution=_STEPS_PER_EXECUTION.value,
    )


if __name__ == "__main__":
    flags.mark_flag_as_required("application")
    flags.mark_flag_as_required("output_dir")
    app.run(main)
