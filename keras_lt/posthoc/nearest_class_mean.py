"""Classifier that answers with the class whose mean feature is nearest."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lt.class_statistics import ClassStatistics
from keras_lt.class_statistics import check_all_known
from keras_lt.float_arrays import as_array
from keras_lt.ops.distances import squared_euclidean
from keras_lt.ops.distances import unit
from keras_lt.registration import serializable
from keras_lt.types import Config
from keras_lt.types import Tensor
from keras_lt.validation import check_choice
from keras_lt.validation import check_finite
from keras_lt.validation import check_labels
from keras_lt.validation import check_several_classes

KINDS = ("cl2n", "l2n", "un")
DISTANCES = ("l2", "cosine")


@serializable
class NearestClassMean(keras.layers.Layer):
    """Compares features with the mean feature of each class.

    A class of five images has a mean as good as five images allow, whereas a
    trained classifier hardly sees it among thousands of others. So features
    alone decide, and nothing is trained: `adapt` takes the means.

    Distances are small where features have length 1, and so are the logits:
    use `fit_temperature` before reading them as probabilities.

    Args:
        num_classes: Number of classes, 2 or more.
        kind: What is done to features before means are taken, and before they
            are compared. `"cl2n"` subtracts the mean of all features and
            scales to length 1; `"l2n"` only scales; `"un"` does neither. The
            means are not scaled once more.
        distance: `"l2"`: the logit of a class is the negative squared
            distance to its mean. `"cosine"`: it is the cosine with it.
        **kwargs: `name` and `dtype`, as in `keras.layers.Layer`.

    Input shape: `(batch, dim)`.

    Output shape: `(batch, num_classes)`, in float32.

    Attributes:
        centre: The mean of all features `(dim,)`; 0 but for `"cl2n"`.
        means: The mean of each class `(num_classes, dim)`.

    Example:

    >>> features = np.array([[2.0, 0.0], [4.0, 1.0], [0.0, 3.0]])
    >>> ncm = keras_lt.posthoc.NearestClassMean(num_classes=2)
    >>> ncm.adapt(features, [0, 0, 1])
    >>> logits = keras.ops.convert_to_numpy(ncm(features))
    >>> logits.argmax(axis=1).tolist()
    [0, 0, 1]

    Reference:

    - [Kang et al., 2020](https://arxiv.org/abs/1910.09217), section 4.2.
    """

    def __init__(
        self,
        num_classes: int,
        kind: str = "cl2n",
        distance: str = "l2",
        **kwargs: Any,
    ):
        # In half precision the squares of features would overflow.
        super().__init__(**{"dtype": "float32", **kwargs})
        self.num_classes = check_several_classes(num_classes)
        self.kind = check_choice("kind", kind, KINDS)
        self.distance = check_choice("distance", distance, DISTANCES)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if len(input_shape) != 2 or input_shape[-1] is None:
            raise ValueError(
                "Features must have shape (batch, dim), with a known size. "
                f"Received: shape {tuple(input_shape)}. Pool feature maps "
                "first."
            )
        dim = input_shape[-1]
        self.centre = self.add_weight(
            name="centre", shape=(dim,), initializer="zeros", trainable=False
        )
        self.means = self.add_weight(
            name="means",
            shape=(self.num_classes, dim),
            initializer="zeros",
            trainable=False,
        )

    def call(self, inputs: Tensor) -> Tensor:
        points = self._points(ops.cast(inputs, "float32"))
        means = ops.cast(ops.convert_to_tensor(self.means), "float32")
        if self.distance == "cosine":
            return ops.matmul(unit(points), ops.transpose(unit(means)))
        return -squared_euclidean(points, means)

    def adapt(self, features: Any, labels: Any) -> None:
        """Takes the means of training examples.

        Args:
            features: `(n, dim)`, finite: of all training examples, each once.
            labels: Their class ids `(n,)`; each class must be among them.
        """
        values, ids = self._checked(features, labels)
        if not self.built:
            self.build(values.shape)
        if self.kind == "cl2n":
            self.centre.assign(values.mean(axis=0, dtype="float64"))
        statistics = ClassStatistics(self.num_classes, values.shape[1])
        for start in range(0, len(values), _ROWS_AT_A_TIME):
            rows = slice(start, start + _ROWS_AT_A_TIME)
            points = self._points(ops.convert_to_tensor(values[rows]))
            statistics.add(ops.convert_to_numpy(points), ids[rows])
        self.means.assign(statistics.means)

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.num_classes)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "kind": self.kind,
            "distance": self.distance,
        }

    def _points(self, features: Tensor) -> Tensor:
        """Returns features as they are compared."""
        if self.kind == "cl2n":
            features = features - ops.convert_to_tensor(self.centre)
        return features if self.kind == "un" else unit(features)

    def _checked(
        self, features: Any, labels: Any
    ) -> tuple[np.ndarray, np.ndarray]:
        values = as_array(features).astype("float32", copy=False)
        ids = check_labels(labels, self.num_classes)
        if values.ndim != 2 or len(values) != len(ids):
            raise ValueError(
                "`features` must hold one vector for each label, of shape "
                f"({len(ids)}, dim). Received: shape {values.shape}. Pool "
                "feature maps first."
            )
        if self.built and values.shape[1] != self.centre.shape[0]:
            raise ValueError(
                f"`features` must have the size {self.centre.shape[0]}, for "
                f"which the layer is built. Received: shape {values.shape}. "
                "Make another layer for other features."
            )
        check_finite("features", values)
        counts = np.bincount(ids, minlength=self.num_classes)
        check_all_known(counts > 0, "features")
        return values, ids


_ROWS_AT_A_TIME = 4096
