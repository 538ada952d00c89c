"""Settings of a run."""

import dataclasses
import pathlib
from collections.abc import Iterable
from typing import Any

from applications import METHODS
from applications import SCHEDULES
from applications.distillation_settings import DistillationSettings
from applications.robustness_settings import OF_JOINT
from applications.robustness_settings import OF_STAGES
from applications.robustness_settings import RobustnessSettings
from applications.setting import setting
from applications.settings_group import SettingsGroup
from applications.training_settings import TrainingSettings

RETRAINING = ("crt", "lws")
"""Methods whose second stage fits the classifier to features that are kept."""

OF_EXITS = (
    "exits",
    "branch",
    "threshold",
    "training_threshold",
    "exit_weights",
    "trunk_gradient",
    "max_accuracy_loss",
)
"""What only methods with early exits have a use for."""


@dataclasses.dataclass(frozen=True)
class Settings(SettingsGroup):
    """Holds the choices of a run: the flags of `scripts/train.py`.

    Where no images are held out, all are trained on, as in the literature, and
    logits are adjusted with strength 1. What is said of exits is as in
    `EarlyExitModel`, `device_data` as in `data.DeviceBatches`, and
    `steps_per_execution` as in `keras.Model.compile`. Without an `output_dir`,
    nothing is kept.

    Args:
        method: How to rebalance: one, or several that are combined, with commas
            between them.
        imbalance_factor: Largest by smallest training class. By default that of
            the application.
        profile: How the sizes of the training classes fall.
        schedule: Epochs, batch size and learning rates: the published recipe of
            200 epochs, as many along a cosine, or 30 epochs for a CPU; for
            large images those of decoupling or of class-balanced distillation.
            By default that of the application.
        epochs: Instead of those of the schedule.
        validation_fraction: Share of the training images that is held out, to
            choose the strength of logit adjustment on.
        validation_per_class: Instead, number of images of each class that are
            held out of those that the long-tailed subset leaves over.
            Thresholds of exits are chosen on them too.
        exits: With elf: layers of the network after which there is an exit.
        branch: With elf: what lies between an early feature map and its
            classifier.
        threshold: With elf: confidence above which an image leaves in use, if
            no images are held out to choose it on.
        training_threshold: With elf: the same in training. 1 lets nobody leave,
            which is the control: deep supervision without hardness.
        exit_weights: With elf: weight of the loss at each exit, the last one
            included. By default 1.
        trunk_gradient: With elf: share of the gradient of an early exit that
            reaches the backbone.
        max_accuracy_loss: With elf: balanced accuracy on held-out images that
            early exits may lose, from 0 to 1.
        robustness: Those of the method `dro_lt`.
        distillation: Those of the method `cbd`.
        training: What raises accuracy whatever the method.
        initial_run: With dro_lt, crt and lws: output folder of a finished run
            without them whose weights replace the first stage.
        retraining_epochs: With crt and lws: length of the second stage. By
            default 10 and 5 for each 90 of the schedule.
        retraining_rate: With crt and lws: learning rate of the second stage. By
            default that of the schedule.
        augmentation: Of the training images; strong adds AutoAugment and Cutout
            to those of CIFAR, and distorts the colours of large ones.
        backbone: Network of image_folder and of the applications for large
            images: resnet20, resnet32, resnet44, resnet56, a name in
            keras.applications such as EfficientNetB0, or one of another
            library, such as keras_hub/resnet_18_imagenet or keras_cv/resnet18.
            By default that of the application.
        pretrained: Whether the backbone starts from published weights, which
            are downloaded.
        pretrained_weights: Instead, a file with weights of the backbone,
            without its top.
        image_size: Height and width of the images of that network.
        data_dir: Where the data lies. By default KERAS_LT_DATA. For
            image_folder, the folder with a folder of images per class.
        broken_images: Whether training stops where an image file cannot be
            read, or takes another image of its class.
        output_dir: Where checkpoints, model, result and report go.
        resume: Go on with the run that output_dir holds.
        seed: Seed of the weights and the batches.
        split_seed: Decides which training images are kept and held out; 0 is
            the subset of the literature.
        verbose: As in `keras.Model.fit`.
        device_data: Whether the training images live and are augmented on the
            device, which keeps a GPU busy; for images in memory.
        steps_per_execution: Steps of one call of the backend; TensorFlow and
            JAX take more than 1.

    Raises:
        ValueError: If a choice has no effect with the method, or one of a group
            or of retraining is out of its range. The other limits are those
            of the flags.
    """

    method: tuple[str, ...] = setting(("crossentropy",), choices=METHODS)
    imbalance_factor: float | None = setting(None, least=1.0)
    profile: str = setting(
        "exponential", choices=("exponential", "step", "pareto")
    )
    schedule: str | None = setting(None, choices=SCHEDULES)
    epochs: int | None = setting(None, least=1)
    validation_fraction: float = setting(0.0, least=0.0, most=0.9)
    validation_per_class: int = setting(0, least=0)
    exits: tuple[str, ...] = ("stage_1", "stage_2")
    branch: str = setting(
        "auto", choices=("auto", "pooled", "block", "mixed_pool")
    )
    threshold: float = setting(0.9, least=0.0, most=1.0)
    training_threshold: float = setting(0.9, least=0.0, most=1.0)
    exit_weights: tuple[float, ...] | None = None
    trunk_gradient: float = setting(0.3, least=0.0, most=1.0)
    max_accuracy_loss: float = setting(0.0, least=0.0, most=1.0)
    robustness: RobustnessSettings = RobustnessSettings()
    distillation: DistillationSettings = DistillationSettings()
    training: TrainingSettings = TrainingSettings()
    initial_run: str | None = None
    retraining_epochs: int | None = setting(None, least=1)
    retraining_rate: float | None = setting(None, positive=True)
    augmentation: str = setting("plain", choices=("plain", "strong"))
    backbone: str | None = None
    pretrained: bool = False
    pretrained_weights: str | None = None
    image_size: tuple[int, int] | None = None
    data_dir: str | None = None
    broken_images: str = setting("raise", choices=("raise", "replace"))
    output_dir: str | None = None
    resume: bool = False
    seed: int = setting(0, least=0)
    split_seed: int = setting(0, least=0)
    verbose: Any = "auto"
    device_data: bool = False
    steps_per_execution: int = setting(1, least=1)

    def __post_init__(self) -> None:
        """Refuses what would be without effect."""
        if self.output_dir == "":
            raise ValueError(
                "`output_dir` must name a folder. Received: ''. Look whether "
                "the variable in its place is set, or pass None to keep "
                "nothing."
            )
        own, changed = self.method, self.changed()
        exits = {name: changed[name] for name in OF_EXITS if name in changed}
        for of, methods, choices in (
            ("early exits", _with_exits(METHODS), exits),
            ("the robust term", ["dro_lt"], self.robustness.changed()),
            ("distillation", ["cbd"], self.distillation.changed()),
        ):
            if not set(methods) & set(own):
                self._refuse_all(of, methods[0], choices)
        self._check_second_stage()
        self._check_robust_student()
        if self.pretrained and self.pretrained_weights is not None:
            raise ValueError(
                "Weights must be the published ones or those of a file. "
                "Received: pretrained=True and pretrained_weights="
                f"{self.pretrained_weights!r}. Leave out --pretrained."
            )
        self.training.check_with(
            self.method, self.robustness.form, self.initial_run
        )

    @property
    def directory(self) -> pathlib.Path | None:
        """Where the run keeps its files."""
        return pathlib.Path(self.output_dir) if self.output_dir else None

    @property
    def backbone_weights(self) -> bool | str:
        """What the backbone starts from: published weights, a file, or none."""
        return self.pretrained_weights or self.pretrained

    def what_is_trained(self) -> dict[str, Any]:
        """Returns the choices that a resumed run must share."""
        own = dataclasses.asdict(self)
        for name in ("data_dir", "output_dir", "resume", "verbose"):
            del own[name]
        own["distillation"] = self.distillation.what_is_trained()
        for name in ("initial_run", "pretrained_weights"):
            if own[name] is not None:
                own[name] = pathlib.Path(own[name]).name
        return own

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Settings":
        """Returns the settings that JSON held, where tuples are lists."""
        own = _with_tuples(content)
        if not _with_exits(own.get("method", ())):
            # Results from before may hold some, which had no effect.
            own = {k: v for k, v in own.items() if k not in OF_EXITS}
        robustness = dict(own.pop("robustness", {}))
        distillation = _with_tuples(own.pop("distillation", {}))
        # Results from before the classifier was retrained have it there.
        initial_run = robustness.pop("initial_run", None)
        return cls(
            robustness=RobustnessSettings(**robustness),
            distillation=DistillationSettings(**distillation),
            training=TrainingSettings(**_with_tuples(own.pop("training", {}))),
            **{"initial_run": initial_run, **own},
        )

    def _refuse_all(
        self, of: str, method: str, choices: dict[str, Any]
    ) -> None:
        """Refuses choices for a method that is not asked for."""
        for name, value in choices.items():
            raise ValueError(
                f"Settings of {of} must go with the method `{method}`. "
                f"Received: {name}={value!r} with the method "
                f"{','.join(self.method)!r}. Add {method} to --method, or "
                "leave it out."
            )

    def _check_second_stage(self) -> None:
        """Refuses what is for stages that the method does not have."""
        joint = self.robustness.form == "joint" or "cbd" in self.method
        stages = () if joint else ("dro_lt", *RETRAINING)
        for name, methods in {
            "initial_run": stages,
            "retraining_epochs": RETRAINING,
            "retraining_rate": RETRAINING,
        }.items():
            value = getattr(self, name)
            if value is None or set(methods) & set(self.method):
                continue
            raise ValueError(
                f"`{name}` must go with a method that has a second stage for "
                f"it, {' or '.join(methods) or 'in stages'}. Received: "
                f"{name}={value!r} with the method "
                f"{','.join(self.method)!r}"
                f"{', which has one stage' if joint else ''}. Leave it out."
            )
        self.check_limits("retraining_epochs", "retraining_rate")

    def _check_robust_student(self) -> None:
        """Refuses what a robust term beside teachers has no use for."""
        changed = self.robustness.changed() if "cbd" in self.method else {}
        for name in ("form", *OF_STAGES, *OF_JOINT):
            if name in changed:
                raise ValueError(
                    "With teachers, the robust term must count from the start. "
                    f"Received: {name}={changed[name]!r} with the method "
                    f"{','.join(self.method)!r}, which is for training in "
                    "stages. Leave it out, or take cbd out of --method."
                )


def _with_exits(names: Iterable[str]) -> list[str]:
    """Returns those of the methods that have early exits."""
    from applications.methods import METHODS as known  # It imports Keras.

    return [one for one in names if one in known and known[one].exits]


def _with_tuples(content: dict[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in content.items()
    }
