"""Learning the predictions of teachers."""

from typing import Any

from keras_lt.objectives.distillation import Distillation
from keras_lt.registration import serializable
from keras_lt.types import ClassCounts
from keras_lt.types import Tensor


@serializable
class LogitDistillation(Distillation):
    """Makes a student predict what its teachers predict.

    The loss of an example is, with the mean `t` of the teachers' logits, the
    logits `s` of the student and the temperature `T`::

        (1 - alpha) * classification + alpha * T**2 * KL(softmax(t / T) ||
                                                         softmax(s / T))

    With `class_counts`, the log-priors are taken off the teachers' logits
    before: the student then learns from an ensemble whose predictions are
    balanced, though it was trained on data as they are.

    Args:
        teachers: A list of trained models or `Teacher`s with logits; or a
            `TeacherCache`.
        alpha: Share of the teachers in the loss, from 0 to 1.
        temperature: `T`, greater than 0. The higher, the more the classes
            count that a teacher finds unlikely.
        class_counts: Number of training examples of each class, by label, if
            the teachers' logits are to be adjusted.
        **kwargs: `name`.

    Raises:
        ValueError: If an argument is out of range, or a teacher has no logits.

    Example:

    >>> teacher = keras_lt.LongTailModel(
    ...     keras_lt.models.resnet20((8, 8, 1)), num_classes=10
    ... )
    >>> student = keras_lt.LongTailModel(
    ...     keras_lt.models.resnet20((8, 8, 1)), num_classes=10
    ... )
    >>> term = keras_lt.objectives.LogitDistillation([teacher], alpha=0.5)
    >>> loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> student.compile("sgd", loss=loss, objectives=[term])

    Reference:

    - [Hinton et al., 2015](https://arxiv.org/abs/1503.02531)
    """

    def __init__(
        self,
        teachers: Any,
        alpha: float = 0.5,
        temperature: float = 2.0,
        class_counts: ClassCounts | None = None,
        **kwargs: Any,
    ):
        super().__init__(teachers, alpha, temperature, class_counts, **kwargs)
        self._use_logits()

    def build(self, input_shape: Any) -> None:
        self.built = True

    def call(
        self,
        features: Tensor,
        labels: Tensor,
        *,
        x: Tensor = None,
        y: Tensor = None,
        outputs: Any = None,
    ) -> Tensor:
        """Returns the divergence of each example, `(batch,)`."""
        _, teacher_logits = self.teachers.outputs(x, y)
        return self._logit_divergences(outputs, teacher_logits)
