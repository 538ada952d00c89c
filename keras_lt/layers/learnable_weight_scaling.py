"""A frozen classifier with one learned scale for each class."""

from typing import Any

import keras
from keras import ops

from keras_lt.registration import serializable
from keras_lt.types import Config
from keras_lt.types import Tensor
from keras_lt.validation import check_float32
from keras_lt.validation import check_gives_logits


@serializable
class LearnableWeightScaling(keras.layers.Layer):
    """Scales the logits of a trained classifier, by one number per class.

    A classifier that was trained on long-tailed data points in the right
    directions, but with longer weight vectors for frequent classes. So they
    are kept, and one factor per class is learned on class-balanced batches::

        logits[c] = s[c] * classifier(features)[c]

    For a linear classifier this is `s[c] * (w[c] x + b[c])`. All `s` are 1 at
    first, which changes nothing.

    The classifier inside is frozen for good: whoever sets `trainable` of this
    layer, or of a model with it, sets that of the scales. It computes in
    float32 under every dtype policy.

    Args:
        classifier: Layer from features `(batch, dim)` to logits, such as a
            `keras.layers.Dense` or a `CosineClassifier`.
        dtype: None or "float32".
        **kwargs: `name` and others, as in `keras.layers.Layer`.

    Attributes:
        scales: The factors, a trainable variable of shape `(num_classes,)`.

    Input shape: that of the classifier.

    Output shape: that of the classifier, in float32.

    Raises:
        ValueError: If `classifier` is not a layer, or has an activation.

    Example:

    >>> dense = keras.layers.Dense(3)
    >>> classifier = keras_lt.layers.LearnableWeightScaling(dense)
    >>> tuple(classifier(np.ones((8, 64))).shape)
    (8, 3)
    >>> [variable.name for variable in classifier.trainable_variables]
    ['scales']

    Reference:

    - [Kang et al., 2020](https://arxiv.org/abs/1910.09217), section 4.
    """

    def __init__(
        self,
        classifier: keras.layers.Layer,
        dtype: Any = None,
        **kwargs: Any,
    ):
        super().__init__(dtype=check_float32(dtype), **kwargs)
        self.classifier = _check_classifier(classifier)
        self.classifier.trainable = False

    @property
    def trainable(self) -> bool:
        """Whether the scales are trained; the classifier inside never is."""
        return keras.layers.Layer.trainable.fget(self)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        keras.layers.Layer.trainable.fset(self, value)
        self.classifier.trainable = False

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = self.compute_output_shape(input_shape)  # Builds what it calls.
        self.scales = self.add_weight(
            name="scales", shape=(shape[-1],), initializer="ones"
        )
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        logits = ops.cast(self.classifier(inputs), "float32")
        return logits * ops.convert_to_tensor(self.scales)

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        # Calls the classifier, which need not know its shape.
        features = keras.KerasTensor(input_shape, "float32")
        return tuple(self.classifier(features).shape)

    def get_config(self) -> Config:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "classifier": serialize(self.classifier),
        }

    @classmethod
    def from_config(
        cls, config: Config, custom_objects: Any = None
    ) -> "LearnableWeightScaling":
        classifier = keras.saving.deserialize_keras_object(
            config["classifier"], custom_objects=custom_objects
        )
        # Keras's own turns the dtype of a configuration into a policy.
        return super().from_config({**config, "classifier": classifier})


def _check_classifier(classifier: Any) -> keras.layers.Layer:
    if not isinstance(classifier, keras.layers.Layer):
        raise ValueError(
            "`classifier` must be a layer that returns logits. Received: "
            f"classifier={classifier!r}. Pass the classifier of a model, such "
            "as a `keras.layers.Dense`."
        )
    check_gives_logits(classifier)
    return classifier
