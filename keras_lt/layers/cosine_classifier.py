"""Classifier whose logits depend on direction only."""

from typing import Any

import keras
from keras import ops

from keras_lt.layers.unit_norm_uniform import UnitNormUniform
from keras_lt.ops.distances import divided_by_length
from keras_lt.registration import serializable
from keras_lt.types import Config
from keras_lt.types import Tensor
from keras_lt.validation import check_float32
from keras_lt.validation import check_positive
from keras_lt.validation import check_positive_int


@serializable
class CosineClassifier(keras.layers.Layer):
    """Gives the scaled cosine between a feature and each class's prototype.

    A plain `Dense` head learns longer weight vectors for frequent classes and
    so prefers them. Here both sides have length 1, and there is no bias. The
    scale makes the logits ready for softmax: with raw cosines no probability
    would exceed 0.07 at 100 classes.

    It computes in float32 under every dtype policy, and takes features of any
    float type.

    Args:
        num_classes: Number of prototypes, and the size of the last axis.
        scale: Factor on the cosine, greater than 0; the inverse of a softmax
            temperature. `losses.LDAM` wants the same number.
        kernel_initializer: Initializer of the prototypes, of shape
            `(features, num_classes)`. By default each is uniform in the cube
            from -1 to 1, and then scaled to length 1.
        kernel_regularizer: Regularizer of the prototypes.
        dtype: None or "float32".
        **kwargs: `name` and others, as in `keras.layers.Layer`.

    Input shape: `(..., features)`.

    Output shape: `(..., num_classes)`, from `-scale` to `scale`. A feature of
    length 0 has the cosine 0 with every prototype.

    Raises:
        ValueError: If `num_classes` or `scale` is out of range, or the size of
            the features is not known.

    Example:

    >>> classifier = keras_lt.layers.CosineClassifier(num_classes=100)
    >>> tuple(classifier(np.ones((8, 64))).shape)
    (8, 100)

    Reference:

    - [Cao et al., 2019](https://arxiv.org/abs/1906.07413)
    - [Gidaris and Komodakis, 2018](https://arxiv.org/abs/1804.09458)
    """

    def __init__(
        self,
        num_classes: int,
        scale: float = 30.0,
        kernel_initializer: Any = None,
        kernel_regularizer: Any = None,
        dtype: Any = None,
        **kwargs: Any,
    ):
        super().__init__(dtype=check_float32(dtype), **kwargs)
        self.num_classes = check_positive_int("num_classes", num_classes)
        self.scale = float(check_positive("scale", scale))
        self.kernel_initializer = keras.initializers.get(
            kernel_initializer or UnitNormUniform()
        )
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if input_shape[-1] is None:
            raise ValueError(
                "`inputs` of a CosineClassifier must have a last axis of known "
                f"size. Received: shape {tuple(input_shape)}. Give the model "
                "an input shape."
            )
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], self.num_classes),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )

    def call(self, inputs: Tensor) -> Tensor:
        features = divided_by_length(ops.cast(inputs, "float32"), axis=-1)
        kernel = ops.convert_to_tensor(self.kernel)
        prototypes = divided_by_length(kernel, axis=0)
        return self.scale * ops.matmul(features, prototypes)

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.num_classes)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "scale": self.scale,
            "kernel_initializer": keras.initializers.serialize(
                self.kernel_initializer
            ),
            "kernel_regularizer": keras.regularizers.serialize(
                self.kernel_regularizer
            ),
        }
