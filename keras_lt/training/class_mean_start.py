"""Classifiers that start from what the features say."""

from typing import Any

import keras
import numpy as np

from keras_lt.class_statistics import ClassStatistics
from keras_lt.class_statistics import check_all_known
from keras_lt.data.epoch_data import EpochData
from keras_lt.data.padded_prediction import predict_batches
from keras_lt.data.random_transforms import warn_of_random_batches
from keras_lt.layers import CosineClassifier
from keras_lt.models import EarlyExitModel
from keras_lt.models import LongTailModel
from keras_lt.models.classifier_features import classifier_features
from keras_lt.ops.distances import unit
from keras_lt.validation import check_finite
from keras_lt.validation import check_labels


def initialize_from_class_means(
    model: LongTailModel | EarlyExitModel, x: Any, y: Any = None
) -> None:
    """Sets the prototypes of cosine classifiers to the means of classes.

    On the features of a pretrained backbone the classifier then answers as
    the nearest class mean does, before any training, and rare classes start
    as well as frequent ones. Random prototypes have to be found first, for
    which the tail has few images. All features are scaled to length 1 before
    means are taken, at each exit on its own.

    One pass over the images is made; their features are not kept.

    Args:
        model: A model with `classifier="cosine"`. Its classifiers are changed,
            and nothing else.
        x: The training images: an array, or `Batches` (or other data that
            `fit` takes) with labels, each image once, without random
            transforms. `samplers.InOrder()` gives such batches.
        y: Their class ids `(n,)`, if `x` is an array.

    Raises:
        ValueError: If a classifier is of another kind, a class has no example
            among the images, or features are not finite.

    Example:

    >>> images = np.array([[2.0, 0.0], [4.0, 1.0], [0.0, 3.0]], "float32")
    >>> inputs = keras.Input((2,))
    >>> backbone = keras.Model(inputs, keras.layers.Identity()(inputs))
    >>> model = keras_lt.LongTailModel(backbone, 2, classifier="cosine")
    >>> labels = np.array([0, 0, 1])
    >>> keras_lt.training.initialize_from_class_means(model, images, labels)
    >>> model.predict(images, verbose=0).argmax(axis=1).tolist()
    [0, 0, 1]

    Reference:

    - [Gidaris and Komodakis, 2018](https://arxiv.org/abs/1804.09458)
    - [Shi et al., 2024](https://arxiv.org/abs/2309.10019)
    """
    classifiers = _cosine_classifiers(model)
    warn_of_random_batches(x)
    statistics = [
        ClassStatistics(model.num_classes, layer.kernel.shape[0])
        for layer in classifiers
    ]
    features = classifier_features(model)
    pairs = (
        (images, check_labels(labels, model.num_classes))
        for images, labels in EpochData(x, y).batches()
    )
    for outputs, labels in predict_batches(features, pairs):
        for one, values in zip(
            statistics, keras.tree.flatten(outputs), strict=True
        ):
            check_finite("features", values)
            one.add(_unit_length(values), labels)
    check_all_known(statistics[-1].known, "images")
    for layer, one in zip(classifiers, statistics, strict=True):
        layer.kernel.assign(_unit_length(one.means).T)


def _cosine_classifiers(model: Any) -> list[CosineClassifier]:
    if not isinstance(model, LongTailModel | EarlyExitModel):
        raise ValueError(
            "`model` must be a LongTailModel or an EarlyExitModel, whose "
            f"features are known. Received: {model!r}."
        )
    layers = list(model.classifiers())
    for layer in layers:
        if not isinstance(layer, CosineClassifier):
            raise ValueError(
                "Each classifier must be a CosineClassifier, whose prototypes "
                "are directions as means of features are. Received: "
                f"{type(layer).__name__} {layer.name!r}. Make the model with "
                "`classifier='cosine'`."
            )
    return layers


def _unit_length(vectors: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(
        unit(keras.ops.convert_to_tensor(vectors))
    )
