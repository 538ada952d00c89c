"""Weighs rare classes more, once the features have settled."""

from typing import Any

import keras
import numpy as np

from keras_lt.counts import effective_number_weights
from keras_lt.models import ClassificationModel
from keras_lt.registration import serializable
from keras_lt.types import ClassCounts
from keras_lt.types import Config
from keras_lt.validation import check_counts_of_model
from keras_lt.validation import check_not_negative_int


@serializable
class DeferredReweighting(keras.callbacks.Callback):
    """Weighs all classes alike first, and rare ones more from an epoch on.

    Weights that differ much between classes disturb the early training: the
    features of the tail are learned best from plain examples. So the loss
    starts with a weight of 1 for every class, and gets the weights of
    `effective_number_weights` at `start_epoch`, usually where the learning
    rate drops for the first time.

    The weights go to `model.class_weights`, which the compiled step reads, and
    follow from the epoch alone: a training that goes on after a crash has
    those that it should have. In files, and when `fit` ends, the class weights
    are those of before: a model that is saved or restored in mid-training does
    not go on re-weighted without this callback.

    Args:
        class_counts: Number of training examples of each class, by label.
        start_epoch: First epoch with weights, counted from 0. 160 of 200 in
            the paper.
        beta: At least 0 and smaller than 1; how fast more examples of a class
            stop to count, as in `effective_number_weights`.

    Raises:
        ValueError: If an argument is out of range. At the start of training,
            if the model has no class weights, or for another number of
            classes.

    Example:

    ```python
    model = keras_lt.LongTailModel(backbone, num_classes=10)
    model.compile("sgd", loss=keras_lt.losses.LDAM(counts))
    reweighting = keras_lt.callbacks.DeferredReweighting(counts, 160)
    model.fit(batches, epochs=200, callbacks=[reweighting])
    ```

    >>> reweighting = DeferredReweighting([1000, 10], 160, beta=0.99)
    >>> reweighting.weights(epoch=159).tolist()
    [1.0, 1.0]
    >>> reweighting.weights(epoch=160).round(2).tolist()
    [0.17, 1.83]

    Reference:

    - [Cao et al., 2019](https://arxiv.org/abs/1906.07413), algorithm 1.
    """

    def __init__(
        self, class_counts: ClassCounts, start_epoch: int, beta: float = 0.9999
    ) -> None:
        super().__init__()
        self.class_counts = [int(count) for count in class_counts]
        self.start_epoch = check_not_negative_int("start_epoch", start_epoch)
        self.beta = float(beta)
        self._late = effective_number_weights(class_counts, beta)

    def weights(self, epoch: int) -> np.ndarray:
        """Returns the weight of each class in an epoch, counted from 0."""
        started = epoch >= self.start_epoch
        return self._late if started else np.ones_like(self._late)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Checks that the model has a weight for each of the classes."""
        if not isinstance(self.model, ClassificationModel):
            raise ValueError(
                "`DeferredReweighting` must have a model with class weights, "
                "which the compiled training step reads. Received: "
                f"{self.model.name!r}, a {type(self.model).__name__}. Wrap "
                "the network, without its classifier, in "
                "`keras_lt.models.LongTailModel`."
            )
        num_classes = self.model.class_weights.shape[0]
        check_counts_of_model(self.class_counts, num_classes)

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Sets the weights of this epoch."""
        self.model.lasting_weights.replace(self.weights(epoch))

    def get_config(self) -> Config:
        """Returns the arguments of the callback."""
        return {
            "class_counts": self.class_counts,
            "start_epoch": self.start_epoch,
            "beta": self.beta,
        }

    @classmethod
    def from_config(cls, config: Config) -> "DeferredReweighting":
        """Makes the callback that `get_config` describes."""
        return cls(**config)
