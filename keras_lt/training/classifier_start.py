"""What has to hold before a stage trains the classifier alone."""

from typing import Any

import keras

from keras_lt.graph import activation_name
from keras_lt.graph import gives_probabilities
from keras_lt.graph import innermost_last
from keras_lt.graph import is_graph
from keras_lt.layers import LearnableWeightScaling
from keras_lt.models import ClassificationModel
from keras_lt.training.layer_selection import ClassifierName
from keras_lt.training.layer_selection import selected_layers


class ClassifierStart(keras.callbacks.Callback):
    """Checks a model before its training, and weighs all classes alike.

    Args:
        classifier: Which layer is trained; None for the scales of classes.
        takes_logits: Whether the loss is one of logits.
    """

    def __init__(
        self, classifier: ClassifierName | None, takes_logits: bool
    ) -> None:
        super().__init__()
        self.classifier = classifier
        self.takes_logits = takes_logits

    def check(self, model: keras.Model) -> None:
        """Raises if the stage does not fit the model, which stays as it is.

        Raises:
            ValueError: If there is no such classifier, scales lack or are in
                the way, or the model gives probabilities to a loss of logits.
        """
        found = bool(selected_layers(model, has_scales))
        if found != (self.classifier is None):
            _raise_for_scales(model.name, found)
        if self.classifier is not None:
            selected_layers(model, self.classifier)
        if self.takes_logits and is_graph(model):
            _check_gives_logits(model)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Sets class weights that the stage before has left to 1."""
        if isinstance(self.model, ClassificationModel):
            weights = self.model.class_weights
            weights.assign(keras.ops.ones(weights.shape))


def has_scales(layer: keras.layers.Layer) -> bool:
    """Tells whether a layer scales the logit of each class."""
    return isinstance(layer, LearnableWeightScaling)


def _check_gives_logits(model: keras.Model) -> None:
    last = innermost_last(model)
    if gives_probabilities(last):
        raise ValueError(
            "A model must return logits for its classifier to be trained with "
            f"this loss. Received: {model.name!r}, which ends with "
            f"{last.name!r}, a {activation_name(last)}. Make a model that ends "
            "before it, or pass a `loss` that takes probabilities."
        )


def _raise_for_scales(name: str, found: bool) -> None:
    if found:
        raise ValueError(
            "A classifier must be trained anew without scales around it. "
            f"Received: model {name!r}, with a LearnableWeightScaling. Use "
            "the model from before `with_weight_scaling`."
        )
    raise ValueError(
        "A model must have scales before they can be trained. Received: model "
        f"{name!r}, without a LearnableWeightScaling. Train "
        "`training.with_weight_scaling(model)`."
    )
