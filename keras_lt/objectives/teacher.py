"""A trained model whose features and logits others learn from."""

from typing import Any

import keras
from keras import ops

from keras_lt.layers.pooling import check_channels_last
from keras_lt.layers.pooling import make_pooling
from keras_lt.objectives.teacher_graph import teacher_graph
from keras_lt.types import Outputs
from keras_lt.types import Tensor

_LIBRARY = ("backbone", "classifiers", "feature_shape")
"""What a model of this library has, whose class is defined further up."""


class Teacher:
    """Reads the features and the logits of a trained model, and no more.

    A teacher runs in inference mode, without gradients, and stays as it is.
    Objectives that take teachers take plain models too; a `Teacher` is for
    those whose features have to be named.

    Args:
        model: A `LongTailModel` or an `EarlyExitModel`, whose last exit
            counts; any functional or sequential model, of keras.applications,
            keras-cv or keras-hub for instance.
        features: Name of the layer whose output are the features, averaged
            over its positions if it is a feature map; `inner/layer` for one
            inside a nested model. By default, what the classifier of a model
            of this library gets, or the output of a model that ends in a
            feature map.

    Attributes:
        model: The model.
        image_shape: Shape of an image, without the batch.
        feature_dim: Size of the features.
        num_classes: Number of logits; None if the model has none.

    Raises:
        ValueError: If the features cannot be told, or there is no such layer.

    Example:

    >>> inputs = keras.Input((8, 8, 1))
    >>> x = keras.layers.Flatten(name="embedding")(inputs)
    >>> model = keras.Model(inputs, keras.layers.Dense(10)(x))
    >>> teacher = keras_lt.objectives.Teacher(model, features="embedding")
    >>> teacher.feature_dim, teacher.num_classes
    (64, 10)
    >>> outputs = teacher(np.zeros((2, 8, 8, 1), "float32"))
    >>> {name: tuple(value.shape) for name, value in sorted(outputs.items())}
    {'features': (2, 64), 'logits': (2, 10)}
    """

    def __init__(self, model: keras.Model, features: str | None = None):
        self.model = model
        self.features = features
        if all(hasattr(model, name) for name in _LIBRARY):
            model.feature_shape(features)  # Raises for an unknown name.
            self._graph, image = model, model.backbone.inputs[0]
        else:
            self._graph = teacher_graph(model, features)
            check_channels_last(self._graph)
            image = self._graph.inputs[0]
        self.image_shape = tuple(image.shape[1:])
        images = keras.KerasTensor((None, *self.image_shape), image.dtype)
        spec = self._choose(self._graph.compute_output_spec(images))
        shape = spec["features"].shape
        self._pooling = make_pooling(shape)
        self.feature_dim = int(self._pooling.compute_output_shape(shape)[-1])
        self.num_classes: int | None = None
        if "logits" in spec:
            self.num_classes = int(spec["logits"].shape[-1])

    @classmethod
    def of(cls, model: Any) -> "Teacher":
        """Returns the teacher, or makes one of a model."""
        return model if isinstance(model, cls) else cls(model)

    @property
    def variables(self) -> list[keras.Variable]:
        """All variables of the model, but for those of its objectives."""
        return getattr(self.model, "own_variables", self.model.variables)

    def __call__(self, x: Tensor) -> dict[str, Tensor]:
        """Returns `features` and, if there are any, `logits` of a batch.

        Args:
            x: Images, as the model takes them.

        Returns:
            `features`, `(batch, feature_dim)`, of any length, and `logits`,
            `(batch, num_classes)`, both in float32 and without gradients.
        """
        outputs = self._choose(self._graph(x, training=False))
        outputs["features"] = self._pooling(outputs["features"])
        return {
            name: ops.stop_gradient(ops.cast(value, "float32"))
            for name, value in outputs.items()
        }

    def _choose(self, outputs: Outputs) -> dict[str, Tensor]:
        """Returns what counts of the outputs of the model."""
        if self._graph is not self.model:
            return dict(outputs)
        name = self.features
        key = "features" if name is None else f"features/{name}"
        exits = outputs.get("exits")
        logits = outputs["logits"] if exits is None else exits[:, -1]
        return {"features": outputs[key], "logits": logits}
