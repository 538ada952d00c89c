"""What a recipe is told."""

import dataclasses
import pathlib
from typing import Any

from applications.robustness_settings import RobustnessSettings


@dataclasses.dataclass(frozen=True)
class Settings:
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
        exits: Names of the layers with an exit, if the method has exits.
        branch: What lies between an early feature map and its classifier, as
            in `EarlyExitModel`, like the next four.
        threshold: In use, if no images are held out to choose it on.
        training_threshold: In training.
        exit_weights: Weight of the loss at each exit; ones if None.
        trunk_gradient: Share of an early exit's gradient for the backbone.
        max_accuracy_loss: Balanced accuracy on held-out images that early
            exits may lose, where the thresholds are chosen on them.
        robustness: What the method `dro_lt` is told.
        augmentation: `"plain"`, or for CIFAR `"strong"`, which adds
            AutoAugment and Cutout.
        backbone: Network of `image_folder`.
        pretrained: Whether that network starts from ImageNet weights.
        image_size: Height and width of the images of `image_folder`.
        data_dir: Where the data lies.
        output_dir: Where checkpoints, model, report and result go; None keeps
            nothing.
        resume: Whether to go on with what `output_dir` holds.
        seed: Seed of the weights and the batches.
        split_seed: Decides which training images are kept and held out; 0 is
            the subset of the literature.
        verbose: As in `keras.Model.fit`.

    Raises:
        ValueError: If `robustness` is set for a method without it.
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
    augmentation: str = "plain"
    backbone: str = "resnet20"
    pretrained: bool = False
    image_size: tuple[int, int] = (64, 64)
    data_dir: str | None = None
    output_dir: str | None = None
    resume: bool = False
    seed: int = 0
    split_seed: int = 0
    verbose: Any = "auto"

    def __post_init__(self) -> None:
        """Refuses what would be without effect."""
        changed = self.robustness.changed()
        if changed and "dro_lt" not in self.method:
            name, value = next(iter(changed.items()))
            raise ValueError(
                "What the robust term is told must go with the method "
                f"`dro_lt`. Received: {name}={value!r} with the method "
                f"{','.join(self.method)!r}. Add dro_lt to --method, or leave "
                "it out."
            )

    @property
    def directory(self) -> pathlib.Path | None:
        """Where the run keeps its files."""
        return pathlib.Path(self.output_dir) if self.output_dir else None

    def what_is_trained(self) -> dict[str, Any]:
        """Returns the choices that a resumed run must share."""
        own = dataclasses.asdict(self)
        for name in ("data_dir", "output_dir", "resume", "verbose"):
            del own[name]
        return {**own, "robustness": self.robustness.what_is_trained()}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Settings":
        """Returns the settings that JSON held, where tuples are lists."""
        own = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in content.items()
        }
        robustness = RobustnessSettings(**own.pop("robustness", {}))
        return cls(robustness=robustness, **own)
