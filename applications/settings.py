"""What a recipe is told."""

import dataclasses
import pathlib
from collections.abc import Iterable
from typing import Any

from applications.distillation_settings import DistillationSettings
from applications.methods import METHODS
from applications.robustness_settings import OF_JOINT
from applications.robustness_settings import OF_STAGES
from applications.robustness_settings import RobustnessSettings
from applications.settings_group import SettingsGroup
from applications.training_settings import TrainingSettings
from keras_lt.validation import check_positive
from keras_lt.validation import check_positive_int

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

    Args:
        method: One or more of `applications.METHODS`, which are combined.
        imbalance_factor: Largest by smallest class of the training images; by
            default that of the application.
        profile: How the sizes of the classes fall.
        schedule: One of `applications.SCHEDULES`; by default that of the
            application.
        epochs: Length of the training; by default that of the schedule.
        validation_fraction: Share of the training images that is held out, to
            choose the strength of logit adjustment on. 0 trains on all, as
            the literature does, and adjusts with strength 1.
        validation_per_class: Instead, number of images of each class that are
            held out of those that the long-tailed subset leaves over.
        exits: Names of the layers with an exit. This and the next six are for
            methods with exits.
        branch: What lies between an early feature map and its classifier, as
            in `EarlyExitModel`, like the next four.
        threshold: In use, if no images are held out to choose it on.
        training_threshold: In training.
        exit_weights: Weight of the loss at each exit; ones if None.
        trunk_gradient: Share of an early exit's gradient for the backbone.
        max_accuracy_loss: Balanced accuracy on held-out images that early
            exits may lose, where the thresholds are chosen on them.
        robustness: What the method `dro_lt` is told.
        distillation: What the method `cbd` is told.
        training: What raises accuracy whatever the method.
        initial_run: Folder of a finished run whose weights replace those of
            the first stage, for methods that have another one.
        retraining_epochs: With the methods `crt` and `lws`, length of the
            second stage; by default 10 and 5 for each 90 of the schedule.
        retraining_rate: Learning rate of that stage; by default that of the
            schedule.
        augmentation: `"plain"`, or `"strong"`, which adds AutoAugment and
            Cutout to images of CIFAR, and distorts the colours of large ones.
        backbone: Network of the applications for large images and of
            `image_folder`; by default that of the application.
        pretrained: Whether that network starts from published weights.
        pretrained_weights: Instead, a file with its weights.
        image_size: Height and width of their images.
        data_dir: Where the data lies.
        broken_images: What is done where a training image cannot be read:
            `"raise"`, or `"replace"` it by another one of its class.
        output_dir: Where checkpoints, model, report and result go; None keeps
            nothing.
        resume: Whether to go on with what `output_dir` holds.
        seed: Seed of the weights and the batches.
        split_seed: Decides which training images are kept and held out; 0 is
            the subset of the literature.
        verbose: As in `keras.Model.fit`.
        device_data: Whether the training images live and are augmented on the
            device, as `data.DeviceBatches`.
        steps_per_execution: As in `keras.Model.compile`.

    Raises:
        ValueError: If a choice has no effect with the method, or is out of
            its range.
    """

    method: tuple[str, ...] = ("crossentropy",)
    imbalance_factor: float | None = None
    profile: str = "exponential"
    schedule: str | None = None
    epochs: int | None = None
    validation_fraction: float = 0.0
    validation_per_class: int = 0
    exits: tuple[str, ...] = ("stage_1", "stage_2")
    branch: str = "auto"
    threshold: float = 0.9
    training_threshold: float = 0.9
    exit_weights: tuple[float, ...] | None = None
    trunk_gradient: float = 0.3
    max_accuracy_loss: float = 0.0
    robustness: RobustnessSettings = RobustnessSettings()
    distillation: DistillationSettings = DistillationSettings()
    training: TrainingSettings = TrainingSettings()
    initial_run: str | None = None
    retraining_epochs: int | None = None
    retraining_rate: float | None = None
    augmentation: str = "plain"
    backbone: str | None = None
    pretrained: bool = False
    pretrained_weights: str | None = None
    image_size: tuple[int, int] | None = None
    data_dir: str | None = None
    broken_images: str = "raise"
    output_dir: str | None = None
    resume: bool = False
    seed: int = 0
    split_seed: int = 0
    verbose: Any = "auto"
    device_data: bool = False
    steps_per_execution: int = 1

    def __post_init__(self) -> None:
        """Refuses what would be without effect."""
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
                f"What is told of {of} must go with the method `{method}`. "
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
        if self.retraining_epochs is not None:
            check_positive_int("retraining_epochs", self.retraining_epochs)
        if self.retraining_rate is not None:
            check_positive("retraining_rate", self.retraining_rate)

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
    return [one for one in names if one in METHODS and METHODS[one].exits]


def _with_tuples(content: dict[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in content.items()
    }
