"""What teachers cost in a training step, at work and from a cache."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_lt import models
from keras_lt.objectives import FeatureDistillation
from keras_lt.objectives import projection_dim
from scripts.benchmarks._in_turn import ratios
from scripts.benchmarks._in_turn import seconds_of

_WITHOUT_TEACHERS = "student step, ms"
_FORWARD = "teacher forward, ms"
_LIVE = "step / (student + teachers)"
_CACHED = "step with a cache / student"


class OutputsInBatches:
    """Stands for a cache, where the batches hold what it would add to them."""

    num_classes = None
    image_shape = None

    def __init__(self, feature_dims: Sequence[int]) -> None:
        self.feature_dims = list(feature_dims)


class Distilled:
    """Makes what is compared: epochs of noise, of a student and of teachers.

    Args:
        size: Number of images of an epoch.
        batch_size: Of a step, and of a forward pass of a teacher.
        num_classes: Of student and teachers.
        image_shape: Of the images.
        network: Makes a backbone from the shape of the images.
    """

    def __init__(
        self,
        size: int,
        batch_size: int,
        num_classes: int,
        image_shape: tuple[int, int, int],
        network: Callable[..., keras.Model],
    ) -> None:
        generator = np.random.default_rng(0)
        self.steps = max(1, size // batch_size)
        size = self.steps * batch_size
        self.batch_size = batch_size
        self.num_classes = num_classes
        self.images = generator.standard_normal((size, *image_shape), "float32")
        self.labels = generator.integers(num_classes, size=size, dtype="int32")
        self._image_shape, self._network = image_shape, network

    def model(self, dim: int | None = None) -> models.LongTailModel:
        """Returns a new student or teacher."""
        return models.LongTailModel(
            self._network(self._image_shape),
            self.num_classes,
            classifier="cosine",
            projection_dim=dim,
        )

    def training(
        self, dim: int | None, objectives: Sequence[Any] = (), y: Any = None
    ) -> Callable[[], float]:
        """Returns what trains a student for an epoch, and gives the seconds."""
        model = self.model(dim)
        model.compile(
            keras.optimizers.SGD(0.01, momentum=0.9),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            objectives=objectives,
        )
        y = self.labels if y is None else y

        def seconds() -> float:
            quiet = {"shuffle": False, "verbose": 0}
            return seconds_of(
                lambda: model.fit(self.images, y, self.batch_size, **quiet)
            )

        seconds()  # Compiles.
        return seconds

    def forward(self, teacher: keras.Model) -> Callable[[], float]:
        """Returns what runs a teacher over the images, and gives the seconds.

        In inference mode, compiled as for `predict`.
        """
        batches = np.split(self.images, self.steps)

        def work() -> None:
            for batch in batches:
                teacher.predict_on_batch(batch)

        work()  # Compiles.
        return lambda: seconds_of(work)


def distillation_rows(
    repeats: int, numbers: Sequence[int], **sizes: Any
) -> list[dict]:
    """Measures the step of a student with each number of teachers.

    What it is compared with runs in turn with it: the same student without
    teachers, and the teachers without the student.

    Args:
        repeats: How often each number is measured.
        numbers: Numbers of teachers.
        **sizes: As `Distilled` takes them.

    Returns:
        For each number of teachers, the milliseconds of a step of the student
        alone and of a forward pass of one teacher, and the two ratios, each
        with what was measured in `values`.
    """
    work = Distilled(**sizes)
    found = []
    for number in numbers:
        teachers = [work.model() for _ in range(number)]
        for what, values, target in _measured(work, teachers, repeats):
            found.append(
                {
                    "what": what,
                    "variant": f"teachers={number}",
                    "values": values,
                    "target": target,
                }
            )
    return found


def _measured(
    work: Distilled, teachers: Sequence[keras.Model], repeats: int
) -> list[tuple[str, np.ndarray, str]]:
    dim = projection_dim(teachers)
    student, forward = work.training(dim), work.forward(teachers[0])
    live = work.training(dim, [FeatureDistillation(teachers)])
    features = np.random.default_rng(1).standard_normal(
        (len(work.images), dim), "float32"
    )
    cache = OutputsInBatches([dim // len(teachers)] * len(teachers))
    cached = work.training(
        dim,
        [FeatureDistillation(cache)],
        {"label": work.labels, "teacher_features": features},
    )
    each = 1000 / work.steps
    students, forwards = [], []

    def separately() -> float:
        students.append(each * student())
        forwards.append(each * forward())
        seconds = students[-1] + len(teachers) * forwards[-1]
        return seconds / each

    in_live = ratios(live, separately, repeats)
    in_cached = ratios(cached, student, repeats)
    return [
        (_WITHOUT_TEACHERS, np.array(students), ""),
        (_FORWARD, np.array(forwards), ""),
        (_LIVE, in_live, "<= 1.10"),
        (_CACHED, in_cached, "<= 1.05"),
    ]
