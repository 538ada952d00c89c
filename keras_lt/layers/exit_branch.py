"""What turns a feature map into logits at an exit."""

from typing import Any

import keras
from keras import ops

from keras_lt.registration import serializable
from keras_lt.types import Config
from keras_lt.types import Tensor


@serializable
class ExitBranch(keras.layers.Layer):
    """Puts a body, a pooling, a projection and a classifier in a row.

    Args:
        classifier: Layer from features `(batch, dim)` to logits.
        body: Layer from the feature map to a smaller map, or to features;
            None for nothing.
        pooling: Layer from the map to features `(batch, dim)`; None if the
            body has pooled already.
        projection: Layer from features to features; None for nothing.
        **kwargs: `name` and `dtype`, as in `keras.layers.Layer`.

    Input shape: that of the feature map.

    Output shape: logits `(batch, classes)`, in float32.

    Example:

    >>> branch = ExitBranch(
    ...     keras_lt.layers.CosineClassifier(10),
    ...     pooling=keras.layers.GlobalAveragePooling2D(),
    ... )
    >>> branch(np.zeros((2, 8, 8, 16), "float32")).shape[-1]
    10
    """

    def __init__(
        self,
        classifier: keras.layers.Layer,
        body: keras.layers.Layer | None = None,
        pooling: keras.layers.Layer | None = None,
        projection: keras.layers.Layer | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.body = body
        self.pooling = pooling
        self.projection = projection
        self.classifier = classifier

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.compute_output_shape(input_shape)  # Builds what it calls.
        self.built = True

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        features = self.features(inputs, training=training)
        return self.logits(features, training=training)

    def features(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Returns what the classifier sees, `(batch, dim)`."""
        x = inputs
        for layer in self._feature_layers():
            x = layer(x, training=training)
        return x

    def logits(self, features: Tensor, training: bool | None = None) -> Tensor:
        """Returns the logits for features, `(batch, classes)`."""
        logits = self.classifier(features, training=training)
        return ops.cast(logits, "float32")

    def parts(self) -> list[keras.layers.Layer]:
        """Returns the layers that it is made of, the classifier last."""
        return [*self._feature_layers(), self.classifier]

    def feature_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Returns the shape of what the classifier sees."""
        maps = keras.KerasTensor(input_shape, "float32")
        return tuple(self.features(maps).shape)

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        # Calls its layers, as one of the user need not know its shape.
        maps = keras.KerasTensor(input_shape, "float32")
        return tuple(self.call(maps).shape)

    def compute_output_spec(
        self, inputs: keras.KerasTensor, training: bool | None = None
    ) -> keras.KerasTensor:
        shape = self.compute_output_shape(inputs.shape)
        return keras.KerasTensor(shape, dtype="float32")

    def get_config(self) -> Config:
        parts = {
            name: keras.saving.serialize_keras_object(getattr(self, name))
            for name in _PARTS
        }
        return {**super().get_config(), **parts}

    @classmethod
    def from_config(
        cls, config: Config, custom_objects: Any = None
    ) -> "ExitBranch":
        parts = {
            name: keras.saving.deserialize_keras_object(
                config[name], custom_objects=custom_objects
            )
            for name in _PARTS
        }
        return cls(**{**config, **parts})

    def _feature_layers(self) -> list[keras.layers.Layer]:
        layers = (self.body, self.pooling, self.projection)
        return [layer for layer in layers if layer is not None]


_PARTS = ("body", "pooling", "projection", "classifier")
