"""Lengths, learning rates and weight decays that recipes are trained with."""

import dataclasses
from collections.abc import Callable

import keras

from applications.settings import Settings
from keras_lt import callbacks


@dataclasses.dataclass(frozen=True)
class Schedule:
    """Holds how long and how fast a recipe trains.

    Args:
        epochs: Number of epochs.
        batch_size: Images per step.
        weight_decay: Coupled decay of every trainable variable.
        warm_up: Epochs in which the learning rate rises.
        shape: `"steps"` for 1, 0.01 and 0.0001 times the learning rate, with
            the drops at 80 % and 90 % of the epochs; `"cosine"` for a fall
            to 0.
        learning_rate: The highest learning rate.
        accumulation_steps: Number of batches that make one step.
    """

    epochs: int
    batch_size: int
    weight_decay: float
    warm_up: int
    shape: str
    learning_rate: float = 0.1
    accumulation_steps: int = 1

    @property
    def deferred_epoch(self) -> int:
        """Epoch, from 0, at which deferred re-weighting sets in."""
        return max(1, self.epochs * 8 // 10)

    def with_epochs(self, epochs: int | None) -> "Schedule":
        """Returns the same shape over another number of epochs."""
        if epochs is None:
            return self
        warm_up = min(self.warm_up, epochs // 10)
        return dataclasses.replace(self, epochs=epochs, warm_up=warm_up)

    def as_set(self, settings: Settings) -> "Schedule":
        """Returns the schedule with what the settings say instead."""
        chosen = settings.training
        changes = {
            name: getattr(chosen, name)
            for name in ("weight_decay", "batch_size")
            if getattr(chosen, name) is not None
        }
        changes["accumulation_steps"] = chosen.accumulation_steps
        schedule = self.with_epochs(settings.epochs)
        return dataclasses.replace(schedule, **changes)

    def optimizer(
        self, learning_rate: float | None = None
    ) -> keras.optimizers.Optimizer:
        """Returns SGD with momentum; decay is a part of the model.

        Args:
            learning_rate: By default the highest of the schedule.
        """
        steps = self.accumulation_steps
        return keras.optimizers.SGD(
            learning_rate or self.learning_rate,
            momentum=0.9,
            gradient_accumulation_steps=None if steps == 1 else steps,
        )

    def rate(self) -> Callable[[int], float]:
        """Returns the function from the epoch to the learning rate."""
        if self.shape == "cosine":
            return callbacks.cosine_schedule(
                self.learning_rate, self.epochs, self.warm_up
            )
        second = max(1, self.epochs * 9 // 10)
        drops = {self.deferred_epoch: 0.01, second: 0.0001}
        return callbacks.step_schedule(self.learning_rate, drops, self.warm_up)


LDAM = Schedule(200, 128, 2e-4, warm_up=5, shape="steps")
"""The published recipe, of LDAM and of most that followed it."""

SHORT = Schedule(30, 64, 5e-4, warm_up=2, shape="cosine")
"""For two CPU cores: first answers, whose order long training may change."""

COSINE = Schedule(200, 128, 5e-4, warm_up=5, shape="cosine")
"""For a GPU; where more epochs help, as they do with strong augmentation."""

DECOUPLING = Schedule(
    90, 512, 5e-4, warm_up=0, shape="cosine", learning_rate=0.2
)
"""For ImageNet-LT, of Kang et al. (2020) and of most that followed them."""

DISTILLATION = Schedule(
    90, 128, 2.5e-4, warm_up=0, shape="cosine", learning_rate=0.05
)
"""For ImageNet-LT, of the released class-balanced distillation."""

SCHEDULES = {
    "ldam": LDAM,
    "short": SHORT,
    "cosine": COSINE,
    "decoupling": DECOUPLING,
    "distillation": DISTILLATION,
}
