"""Puts the nearest class mean in place of a trained classifier."""

from typing import Any

import keras

from keras_lt.models import EarlyExitModel
from keras_lt.models import LongTailModel
from keras_lt.models.classifier_features import classifier_features
from keras_lt.models.model_copy import copy_of
from keras_lt.posthoc.batch_answers import answers_and_labels
from keras_lt.posthoc.nearest_class_mean import NearestClassMean


def with_class_means(
    model: LongTailModel | EarlyExitModel,
    x: Any,
    y: Any = None,
    kind: str = "cl2n",
    distance: str = "l2",
) -> keras.Model:
    """Returns a copy that answers with the class of the nearest mean.

    One pass over the training images gives the features, and their means the
    classifier, at each exit of an `EarlyExitModel` its own. The features of
    all images are in memory meanwhile.

    The logits are small, and with them the confidences: fit a temperature
    before reading them as probabilities, and choose the thresholds of early
    exits again.

    Args:
        model: A trained `LongTailModel` or `EarlyExitModel`. It stays as it
            is. Of other models, make one that ends at the features, and put a
            `NearestClassMean` on top.
        x: The training images: an array, or `Batches` (or other data that
            `fit` takes) with labels, each image once, without random
            transforms. `samplers.InOrder()` gives such batches.
        y: Their class ids `(n,)`, if `x` is an array.
        kind: As in `NearestClassMean`.
        distance: As in `NearestClassMean`.

    Returns:
        A model of the same class with weights of its own, not compiled.

    Raises:
        ValueError: If a class has no example among the images, the labels are
            none of the model's, or features are not finite.

    Example:

    >>> images = np.array([[2.0, 0.0], [4.0, 1.0], [0.0, 3.0]], "float32")
    >>> inputs = keras.Input((2,))
    >>> backbone = keras.Model(inputs, keras.layers.Identity()(inputs))
    >>> model = keras_lt.LongTailModel(backbone, num_classes=2)
    >>> model = keras_lt.posthoc.with_class_means(
    ...     model, images, np.array([0, 0, 1])
    ... )
    >>> model.predict(images, verbose=0).argmax(axis=1).tolist()
    [0, 0, 1]

    Reference:

    - [Kang et al., 2020](https://arxiv.org/abs/1910.09217), section 4.2.
    """
    if not isinstance(model, LongTailModel | EarlyExitModel):
        raise ValueError(
            "`model` must be a LongTailModel or an EarlyExitModel, whose "
            f"features are known. Received: {model!r}. Of another model, make "
            "one that ends at the features, let it predict them, and use "
            "`NearestClassMean.adapt(features, labels)`."
        )
    classifier = NearestClassMean(
        model.num_classes, kind, distance, name="classifier"
    )
    serialized = keras.saving.serialize_keras_object(classifier)
    copy = copy_of(model, classifier=serialized)
    features, labels = answers_and_labels(classifier_features(model), x, y)
    for layer, values in zip(copy.classifiers(), features, strict=True):
        layer.adapt(values, labels)
    return copy
