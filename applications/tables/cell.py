"""Under which conditions runs are compared."""

import dataclasses
from typing import Any

_DATA = {"cifar10_lt": "CIFAR-10-LT", "cifar100_lt": "CIFAR-100-LT"}
_SCHEDULES = {
    "ldam": "200 epochs",
    "short": "30 epochs, for a CPU",
    "cosine": "200 epochs along a cosine",
}
_AUGMENTATIONS = {
    "plain": "crop and mirror",
    "strong": "AutoAugment and Cutout",
}


@dataclasses.dataclass(frozen=True, order=True)
class Cell:
    """Holds what all runs of one table have in common.

    Args:
        application: Name of the folder of the recipe.
        imbalance_factor: Largest by smallest training class.
        profile: How the sizes of the classes fall.
        augmentation: `"plain"`, `"strong"`, or `"plain, strong"` where the
            first of several stages had another one.
        schedule: One of `applications.SCHEDULES`.
        epochs: Instead of those of the schedule.
    """

    application: str = "cifar100_lt"
    imbalance_factor: float = 100
    profile: str = "exponential"
    augmentation: str = "plain"
    schedule: str = "short"
    epochs: int | None = None

    @classmethod
    def of(cls, record: dict[str, Any]) -> "Cell":
        """Returns the cell that a result belongs to."""
        settings = record["settings"]
        augmentation = settings.get("augmentation", "plain")
        if record.get("initial_run"):
            first = record["initial_run"].get("augmentation", "plain")
            if first != augmentation:
                augmentation = f"{first}, {augmentation}"
        return cls(
            application=record["application"],
            imbalance_factor=float(settings["imbalance_factor"] or 100),
            profile=settings.get("profile", "exponential"),
            augmentation=augmentation,
            schedule=settings["schedule"] or "short",
            epochs=settings["epochs"],
        )

    @property
    def data(self) -> str:
        """The data and the imbalance, as published figures are kept under."""
        step = "" if self.profile == "exponential" else f" {self.profile}"
        return f"{self.application} {self.imbalance_factor:g}{step}"

    @property
    def title(self) -> str:
        """What the table of the cell is called."""
        steps = self.augmentation.split(", ")
        augmentation = ", then ".join(_AUGMENTATIONS[one] for one in steps)
        return f"{self.data_title}, {self.length}, {augmentation}"

    @property
    def data_title(self) -> str:
        """The data and the imbalance, in words."""
        name = _DATA.get(self.application, self.application)
        step = "" if self.profile == "exponential" else f" ({self.profile})"
        return f"{name}, 1:{self.imbalance_factor:g}{step}"

    @property
    def length(self) -> str:
        """The schedule, in words."""
        if self.epochs is not None:
            return f"{self.epochs} epochs"
        return _SCHEDULES.get(self.schedule, self.schedule)

    @property
    def holds_out(self) -> bool:
        """Whether there are images to choose on: steps leave over too few."""
        return self.profile != "step"

    @property
    def code(self) -> str:
        """What the names of its files have in them."""
        parts = []
        if self.profile != "exponential":
            parts.append(self.profile)
        if self.imbalance_factor != 100:
            parts.append(f"factor{self.imbalance_factor:g}")
        if self.augmentation != "plain":
            parts.append(self.augmentation.replace(", ", "_"))
        parts.append(self.schedule)
        if self.epochs is not None:
            parts.append(f"{self.epochs}epochs")
        return "_".join(parts)

    def flags(self) -> dict[str, str]:
        """Returns the flags of `scripts/train.py`."""
        flags = {
            "application": self.application,
            "imbalance_factor": f"{self.imbalance_factor:g}",
            "profile": self.profile,
            "augmentation": self.augmentation,
            "schedule": self.schedule,
        }
        if self.epochs is not None:
            flags["epochs"] = str(self.epochs)
        return flags
