"""What objectives that learn from teachers have in common."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_lt.counts import log_priors
from keras_lt.objectives.absent_teachers import AbsentTeachers
from keras_lt.objectives.cached_teachers import CachedTeachers
from keras_lt.objectives.live_teachers import LiveTeachers
from keras_lt.objectives.objective import Objective
from keras_lt.ops.distillation import kl_divergences
from keras_lt.types import ClassCounts
from keras_lt.types import Config
from keras_lt.types import Tensor
from keras_lt.validation import check_class_counts
from keras_lt.validation import check_fraction
from keras_lt.validation import check_positive


class Distillation(Objective):
    """Adds `alpha` times a term of the teachers, and takes it off the loss.

    The classification loss counts `1 - alpha`. A subclass computes the term in
    `call`, from `self.teachers.outputs(x, y)`.

    The teachers are run in inference mode on the images of the batch, as the
    student gets them. The objective holds copies of their variables, which are
    neither trained nor saved; the user's models stay as they are.

    Args:
        teachers: A list of models or `Teacher`s; or a `TeacherCache`.
        alpha: Share of the term, from 0 to 1.
        temperature: What logits are divided by, greater than 0.
        class_counts: Number of examples of each class that the teachers were
            trained on. If given, their logits are adjusted for classes that
            count alike.
        features: As in `Objective`.
        **kwargs: `name`.
    """

    def __init__(
        self,
        teachers: Any,
        alpha: float,
        temperature: float,
        class_counts: ClassCounts | None,
        features: str | None = None,
        **kwargs: Any,
    ):
        self.alpha = check_fraction("alpha", alpha)
        super().__init__(alpha, 1.0 - alpha, features, **kwargs)
        self.temperature = check_positive("temperature", temperature)
        self.teachers = _source(teachers)
        self.copies = self.teachers.copies
        self.image_shape = self.teachers.image_shape
        self.class_counts: list[int] | None = None
        if class_counts is not None:
            self.class_counts = list(check_class_counts(class_counts))

    @property
    def constants(self) -> list[keras.Variable]:
        return [] if self.copies is None else self.copies.variables

    def callbacks(
        self, x: Any = None, y: Any = None
    ) -> Sequence[keras.callbacks.Callback]:
        # Now, as an error in a step takes the weights of a model with it on
        # JAX.
        self.teachers.check_data(x, y)
        return []

    def get_config(self) -> Config:
        config = {
            **super().get_config(),
            "teachers": {
                "feature_dims": self.teachers.feature_dims,
                "num_classes": self.teachers.num_classes,
            },
            "alpha": self.alpha,
            "temperature": self.temperature,
            "class_counts": self.class_counts,
        }
        del config["weight"], config["base_weight"]
        return config

    def _use_logits(self) -> None:
        """Checks that the teachers have logits, and that all fits them.

        Raises:
            ValueError: If not.
        """
        classes = self.teachers.num_classes
        if classes is None:
            raise ValueError(
                "Teachers must all have logits, of the same classes, to be "
                "learned from. Received: one without, or of other classes, or "
                "a cache that keeps none. A teacher that ends in a softmax is "
                "best made without it, such as by `classifier_activation=None`;"
                " a `TeacherCache` with `logits=True`; or use "
                "`FeatureDistillation` with `logit_weight=0`."
            )
        if self.class_counts is not None and len(self.class_counts) != classes:
            raise ValueError(
                "`class_counts` must hold one count per class of the teachers, "
                f"{classes}. Received: {len(self.class_counts)} counts."
            )
        self.num_classes = classes

    def _logit_divergences(
        self, outputs: Any, teacher_logits: Tensor | None
    ) -> Tensor:
        """Returns how far the student's logits are from the teachers'.

        Args:
            outputs: All outputs of the student; of several exits, the last
                one counts.
            teacher_logits: Their mean, `(batch, classes)`.

        Returns:
            `(batch,)`.
        """
        if teacher_logits is None:
            raise ValueError(
                "Batches must bring the logits of the teachers where the "
                "objective has a cache and learns from logits. Received: "
                "labels without 'teacher_logits'. Train on "
                "`cache.batches(batches)`."
            )
        exits = outputs.get("exits")
        logits = outputs["logits"] if exits is None else exits[:, -1]
        teacher_logits = ops.cast(teacher_logits, "float32")
        if self.class_counts is not None:
            shift = ops.convert_to_tensor(
                log_priors(self.class_counts), "float32"
            )
            teacher_logits = teacher_logits - shift
        return kl_divergences(logits, teacher_logits, self.temperature)


def _source(teachers: Any) -> LiveTeachers | CachedTeachers | AbsentTeachers:
    """Returns where the outputs of the teachers come from."""
    if isinstance(teachers, Mapping):  # From a configuration.
        return AbsentTeachers(**teachers)
    if hasattr(teachers, "feature_dims"):
        return CachedTeachers(teachers)
    return LiveTeachers(teachers)
