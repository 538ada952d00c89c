"""Makes what stands between a feature map and logits."""

import keras

from keras_lt.graph import activation_name
from keras_lt.graph import gives_probabilities
from keras_lt.graph import innermost_last
from keras_lt.graph import is_graph
from keras_lt.layers import CosineClassifier
from keras_lt.validation import check_gives_logits
from keras_lt.validation import check_positive_int


def make_classifier(
    classifier: str | keras.layers.Layer, num_classes: int
) -> keras.layers.Layer:
    """Returns the classifier of that name, or the layer, which is checked."""
    if isinstance(classifier, keras.layers.Layer):
        check_gives_logits(classifier)
        _check_last(classifier)
        return classifier
    if classifier == "linear":
        return keras.layers.Dense(
            num_classes,
            kernel_initializer="he_normal",
            dtype="float32",
            name="classifier",
        )
    if classifier == "cosine":
        return CosineClassifier(num_classes, name="classifier")
    raise ValueError(
        "`classifier` must be 'linear', 'cosine' or a layer. "
        f"Received: classifier={classifier!r}."
    )


def _check_last(classifier: keras.layers.Layer) -> None:
    """Raises if the classifier makes probabilities at its end."""
    last = innermost(classifier)
    if gives_probabilities(last):
        raise ValueError(
            "`classifier` must return logits, not probabilities. Received: "
            f"{classifier.name!r}, which ends with {last.name!r}, a "
            f"{activation_name(last)}. Leave it out: the losses apply the "
            "softmax."
        )


def innermost(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Returns the layer that a classifier ends with."""
    if isinstance(layer, keras.Sequential):  # Maybe not built, and no graph.
        return innermost(layer.layers[-1]) if layer.layers else layer
    return innermost_last(layer) if is_graph(layer) else layer


def make_projection(projection_dim: int) -> keras.layers.Layer:
    """Returns a dense layer with ReLU, in float32."""
    check_positive_int("projection_dim", projection_dim)
    return keras.layers.Dense(
        projection_dim, activation="relu", dtype="float32", name="projection"
    )


def check_classifier(
    classifier: keras.layers.Layer, made: int | None, num_classes: int
) -> None:
    """Raises unless the classifier makes one logit per class."""
    if made != num_classes:
        raise ValueError(
            "`classifier` must return one logit per class, "
            f"{num_classes}. Received: {classifier.name!r}, "
            f"which returns {made}. Change `num_classes` or the layer."
        )
