"""The objectives of a model, which may change from one compile to the next."""

from collections.abc import Sequence

import keras

from keras_lt.objectives import Objective


class ObjectiveList(keras.layers.Layer):
    """Holds the objectives, so that the model tracks just the current ones.

    A model that has run its `build` takes no new layers, but this layer has
    none to run, and its list may be refilled at each `compile`. What is
    dropped leaves the weights of the model.
    """

    def __init__(self) -> None:
        super().__init__(name="objectives", dtype="float32")
        self.items: list[Objective] = []
        self.built = True

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """None, as Keras asks each objective for its own."""
        return []

    def replace(self, objectives: Sequence[Objective]) -> None:
        """Drops what is held and takes `objectives` instead."""
        self.items.clear()
        self.items.extend(objectives)
