"""What all applications do, and in what one differs from the others."""

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence

import keras

from applications.backbones import make_backbone
from applications.cbd import find_teachers
from applications.cbd import student_projection
from applications.experiment import train_and_judge
from applications.finished_run import FinishedRun
from applications.methods import combine
from applications.networks import network
from applications.refusals import refuse_network
from applications.refusals import refuse_strong
from applications.refusals import refuse_without_use
from applications.result import Result
from applications.schedules import Schedule
from applications.settings import Settings
from applications.setup import Setup
from keras_lt import data
from keras_lt.data import transforms


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Holds in what an application differs from the others, and runs it.

    Args:
        name: Of the folder of the application.
        read: Returns the data. It is given filled settings, as the next two.
        transform: Returns what images go through; the second argument is the
            kind of augmentation, or False for none.
        schedule: Returns how the application trains, before the settings
            change parts of that.
        backbone: Makes the network below the classifier. If None, the filled
            settings name it; otherwise they must not.
        filled: Returns the settings, with what is not asked for filled in.
        has_strong: Whether there is a strong augmentation beside the plain one.
    """

    name: str
    read: Callable[[Settings], data.Split]
    transform: Callable[[Settings, str | bool], transforms.Transform]
    schedule: Callable[[Settings], Schedule]
    backbone: Callable[[], keras.Model] | None = None
    filled: Callable[[Settings], Settings] = lambda settings: settings
    has_strong: bool = False

    def run(self, settings: Settings) -> Result:
        """Trains and judges as the settings say."""
        settings = self.filled(settings)
        if self.backbone is not None:
            refuse_network(settings, self.name)
        combine(settings.method)  # Raises, if it has to, before data is read.
        split = self.load(settings)
        refuse_without_use(settings, split)
        teachers = find_teachers(self, settings)
        keras.utils.set_random_seed(settings.seed)
        return train_and_judge(self.make_setup(settings, split, teachers))

    def make_setup(
        self,
        settings: Settings,
        split: data.Split,
        teachers: Sequence[FinishedRun] = (),
    ) -> Setup:
        """Returns the parts of a training, with a new model.

        Args:
            settings: The choices of the run, filled in.
            split: Its data.
            teachers: Runs whose models teach this one.
        """
        method = combine(settings.method).with_beta(
            settings.training.class_balanced_beta
        )
        schedule = self.schedule(settings).as_set(settings)
        if self.backbone is not None:
            backbone = self.backbone()
        else:
            backbone = make_backbone(
                settings.backbone,
                settings.image_size,
                settings.backbone_weights,
            )
        model = network(
            backbone,
            split.num_classes,
            method,
            schedule.weight_decay,
            settings,
            student_projection(backbone, teachers, settings),
        )
        return Setup(
            application=self.name,
            model=model,
            split=split,
            augmentation=self.augmentation(settings),
            evaluation=self.evaluation(settings),
            method=method,
            schedule=schedule,
            settings=settings,
            teachers=teachers,
        )

    def load(self, settings: Settings) -> data.Split:
        """Returns the split; images in files are read when they are needed."""
        if not self.has_strong:
            refuse_strong(settings, self.name)
        return self.read(self.filled(settings))

    def augmentation(self, settings: Settings) -> transforms.Transform:
        """Returns what training images go through."""
        return self.transform(self.filled(settings), settings.augmentation)

    def evaluation(self, settings: Settings) -> transforms.Transform:
        """Returns what test images go through."""
        return self.transform(self.filled(settings), False)
