"""The distillation of features from one teacher or several (CBD)."""

from typing import Any

import keras
from keras import ops

from keras_lt.layers.pooling import make_pooling
from keras_lt.objectives.distillation import Distillation
from keras_lt.objectives.projection import PROJECTION_MODES
from keras_lt.ops.distances import unit
from keras_lt.ops.distillation import cosine_distances
from keras_lt.ops.distillation import parts
from keras_lt.registration import serializable
from keras_lt.types import ClassCounts
from keras_lt.types import Config
from keras_lt.types import Tensor
from keras_lt.validation import check_choice
from keras_lt.validation import check_not_negative

COMBINATIONS = ("concatenate", "mean")


@serializable
class FeatureDistillation(Distillation):
    """Draws the features of a student to those of its teachers (CBD).

    Teachers that were trained on data as they are have good features and a
    biased classifier. A student that is trained on class-balanced batches
    (`samplers.ClassBalanced`) has a fair classifier, and alone would learn
    poor features from few images seen often. Here it follows the features of
    the teachers::

        (1 - alpha) * classification + alpha * beta * (1 - cos(u, V))

    with the features `u` of the student and `V` of the teachers, which is
    `[v_1 / |v_1|, ..., v_K / |v_K|]`. The student needs features of the size
    of `V`: `LongTailModel(projection_dim=projection_dim(teachers))` puts a
    layer under the classifier that makes them, and that stays in use.

    Args:
        teachers: A list of trained models or `Teacher`s, which may be of any
            kind and size; or a `TeacherCache`, whose outputs come with the
            batches.
        alpha: Share of the teachers in the loss, from 0 to 1.
        beta: Factor on the distance of features, 0 or greater.
        combine: `"concatenate"` compares with all teachers at once, as above;
            `"mean"` cuts `u` into a part per teacher, and takes the mean of
            their distances.
        projection_mode: `"auto"` and `"always"` compare the features that the
            classifier gets; `"distill_only"` puts a linear layer in between
            that belongs to this objective, so that the classifier does not
            see what is compared. See `projection_dim`.
        logit_weight: Factor on the divergence of the logits, as in
            `LogitDistillation`, which is added to `beta` times the distance.
        temperature: For the logits, greater than 0.
        class_counts: As in `LogitDistillation`.
        features: Name of one of the model's `feature_layers`, whose maps are
            averaged over their positions; None for what the classifier gets.
        **kwargs: `name`.

    Raises:
        ValueError: If an argument is out of range, teachers do not go
            together, or, in `compile`, the features have another size.

    Example:

    >>> from keras_lt import models, objectives
    >>> backbones = [models.resnet20((8, 8, 1)) for _ in range(3)]
    >>> teachers = [keras_lt.LongTailModel(b, 10) for b in backbones[:2]]
    >>> student = keras_lt.LongTailModel(
    ...     backbones[2],
    ...     num_classes=10,
    ...     classifier="cosine",
    ...     projection_dim=objectives.projection_dim(teachers),
    ... )
    >>> loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> term = objectives.FeatureDistillation(teachers, alpha=0.4, beta=100.0)
    >>> student.compile("sgd", loss=loss, objectives=[term])

    Reference:

    - [Iscen et al., 2021](https://arxiv.org/abs/2104.05279)
    """

    def __init__(
        self,
        teachers: Any,
        alpha: float = 0.4,
        beta: float = 100.0,
        combine: str = "concatenate",
        projection_mode: str = "auto",
        logit_weight: float = 0.0,
        temperature: float = 2.0,
        class_counts: ClassCounts | None = None,
        features: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            teachers, alpha, temperature, class_counts, features, **kwargs
        )
        self.beta = check_not_negative("beta", beta)
        self.combine = check_choice("combine", combine, COMBINATIONS)
        self.projection_mode = check_choice(
            "projection_mode", projection_mode, PROJECTION_MODES
        )
        self.logit_weight = check_not_negative("logit_weight", logit_weight)
        if logit_weight:
            self._use_logits()
        self.projection: keras.layers.Dense | None = None

    def build(self, input_shape: Any) -> None:
        self.pooling = make_pooling(input_shape)
        shape = self.pooling.compute_output_shape(input_shape)
        wanted = sum(self.teachers.feature_dims)
        if self.projection_mode == "distill_only":
            self.projection = _Projection(
                wanted, dtype="float32", name="projection"
            )
            self.projection.build(shape)
        elif shape[-1] != wanted:
            wider = (
                "Make the model with `projection_dim=keras_lt.objectives."
                "projection_dim(teachers)`, or pass"
            )
            raise ValueError(
                "The features of the student must be as many as those of its "
                f"teachers together, {wanted}. Received: {shape[-1]} features "
                f"for teachers with {self.teachers.feature_dims}. "
                f"{wider if self.features is None else 'Pass'} "
                "projection_mode='distill_only'."
            )
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
        """Returns `beta` times the distance of each example, `(batch,)`.

        Args:
            features: `(batch, dim)`, or maps that are averaged.
            labels: Not used.
            x: The images, which the teachers get too.
            y: The labels, with the outputs of the teachers if they are cached.
            outputs: All outputs of the student, for its logits.
        """
        features = self.pooling(features)
        if self.projection is not None:
            features = self.projection(features)
        teacher_features, teacher_logits = self.teachers.outputs(x, y)
        values = self.beta * self._distances(features, teacher_features)
        if not self.logit_weight:
            return values
        divergences = self._logit_divergences(outputs, teacher_logits)
        return values + self.logit_weight * divergences

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "beta": self.beta,
            "combine": self.combine,
            "projection_mode": self.projection_mode,
            "logit_weight": self.logit_weight,
        }

    def _distances(
        self, features: Tensor, teacher_features: list[Tensor]
    ) -> Tensor:
        if self.combine == "concatenate":
            together = [unit(one) for one in teacher_features]
            return cosine_distances(features, ops.concatenate(together, -1))
        own = parts(features, self.teachers.feature_dims)
        pairs = zip(own, teacher_features, strict=True)
        distances = [cosine_distances(part, other) for part, other in pairs]
        return ops.mean(ops.stack(distances), axis=0)


class _Projection(keras.layers.Dense):
    """Starts afresh where a file holds no state of its objective."""

    def load_own_variables(self, store: Any) -> None:
        if store.keys():
            super().load_own_variables(store)
