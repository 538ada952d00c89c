"""What a recipe puts together before it trains."""

import dataclasses
from collections.abc import Sequence

from applications.batches import in_order
from applications.finished_run import FinishedRun
from applications.first_stage import mixing
from applications.methods import Method
from applications.schedules import Schedule
from applications.settings import Settings
from keras_lt import data
from keras_lt import models
from keras_lt import samplers
from keras_lt import training


@dataclasses.dataclass(frozen=True)
class Setup:
    """Holds the parts of one training.

    Args:
        application: Name of the folder of the recipe.
        model: The model, untrained.
        split: The data, with a test part.
        augmentation: The transform of the training images.
        evaluation: The transform without augmentation.
        method: How to rebalance.
        schedule: Epochs and learning rates.
        settings: The choices of the run.
        teachers: Runs whose models teach this one.
    """

    application: str
    model: models.ClassificationModel
    split: data.Split
    augmentation: data.transforms.Transform
    evaluation: data.transforms.Transform
    method: Method
    schedule: Schedule
    settings: Settings
    teachers: Sequence[FinishedRun] = ()

    def batches(
        self,
        sampler: samplers.Sampler | None = None,
        batch_size: int | None = None,
        mixed: bool = False,
    ) -> data.Batches:
        """Returns batches of the training images.

        Args:
            sampler: Which images an epoch holds; each once if None.
            batch_size: By default that of the schedule.
            mixed: Whether pairs are mixed if the settings say so.
        """
        transform, images = self.augmentation, self.split.train.x
        if mixed:
            further = mixing(self.settings, self.split.num_classes)
            transform = data.transforms.Compose([transform, *further])
        kind = data.DeviceBatches if self.settings.device_data else data.Batches
        return kind(
            self.split.train,
            batch_size=batch_size or self.schedule.batch_size,
            sampler=sampler,
            transform=transform,
            seed=self.settings.seed,
            # While one batch is finished, files of the next are read.
            num_threads=2 if isinstance(images, data.EncodedImages) else 1,
            broken_images=self.settings.broken_images,
        )

    def compiled(
        self, stages: Sequence[training.Stage]
    ) -> list[training.Stage]:
        """Returns the stages, compiled as the settings say."""
        steps = self.settings.steps_per_execution
        return [
            dataclasses.replace(
                stage,
                compile_options={
                    **stage.compile_options,
                    "steps_per_execution": steps,
                },
            )
            for stage in stages
        ]

    def held_out(self) -> data.Batches | None:
        """Returns batches of the held-out images, if there are any."""
        if self.split.validation is None:
            return None
        return in_order(self.split.validation, self.evaluation)
