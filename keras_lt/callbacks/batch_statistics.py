"""Estimates the statistics of batch normalization anew."""

import keras
import numpy as np

from keras_lt.data.epoch_data import EpochData
from keras_lt.graph.layer_tree import all_layers
from keras_lt.replicas import strategy_of
from keras_lt.replicas import sum_over_processes
from keras_lt.types import Outputs
from keras_lt.types import Tensor

Values = list[tuple[keras.Variable, np.ndarray]]
"""Variables, each with a value."""


class BatchStatistics:
    """Sets the moving statistics of a model to their mean over batches.

    Args:
        model: Any model.
        data: What to pass over, or None if no layer has statistics.
        max_batches: Number of batches, spread over an epoch.

    Raises:
        ValueError: If layers have statistics, and there is no data.
    """

    def __init__(
        self, model: keras.Model, data: EpochData | None, max_batches: int
    ) -> None:
        self.data = data
        self.max_batches = max_batches
        # One that is frozen keeps its statistics, and is called with them.
        self.layers = [
            layer
            for layer in all_layers(model)
            if isinstance(layer, keras.layers.BatchNormalization)
            and layer.trainable
        ]
        if self.layers and data is None:
            raise ValueError(
                "`data` must be what the model is trained on, as the "
                "statistics of batch normalization are estimated on it. "
                f"Received: data=None for {len(self.layers)} layers. Pass "
                "`AverageWeights(batches)`."
            )
        self.model = model
        self._pass = _TrainingMode(model)
        self._state = [
            variable
            for variable in getattr(model, "own_variables", model.variables)
            if not variable.trainable
        ]

    def set_to_those_of_the_data(self) -> Values:
        """Passes over the data as in training, with the weights as they are.

        Nothing else is changed: the generators of dropout are as before, and
        so are layers that do not follow what they see.

        Returns:
            The statistics from before.
        """
        if self.data is None or not self.layers:
            return []
        before = [(variable, array_of(variable)) for variable in self._state]
        found = self._mean_over_batches(self.data)
        for variable, value in before:
            variable.assign(value)
        for variable, value in found:
            variable.assign(value)
        changed = {id(variable) for variable, _ in found}
        return [pair for pair in before if id(pair[0]) in changed]

    def _mean_over_batches(self, data: EpochData) -> Values:
        sums = [np.zeros((2, *one.moving_mean.shape)) for one in self.layers]
        count = size = 0
        for images, _ in data.batches(limit=self.max_batches):
            size = size or len(images)
            if len(images) == size:
                count += 1
                for total, found in zip(
                    sums, self._of_batch(images), strict=True
                ):
                    total += found
        strategy = strategy_of(self.model)
        batches = sum_over_processes(np.array(float(count)), strategy)
        sums = [sum_over_processes(total, strategy) for total in sums]
        return [
            pair
            for layer, total in zip(self.layers, sums, strict=True)
            if total.any()  # Or it is not called.
            for pair in zip(_statistics(layer), total / batches, strict=True)
        ]

    def _of_batch(self, images: np.ndarray) -> list[np.ndarray]:
        """Returns mean and variance of the inputs of each layer.

        From 0, a layer goes by `1 - momentum` of the way to those of the batch.
        """
        for layer in self.layers:
            for variable in _statistics(layer):
                variable.assign(np.zeros(variable.shape, "float32"))
        self._pass.predict_on_batch(images)
        return [
            np.array([array_of(one) for one in _statistics(layer)])
            / (1.0 - layer.momentum or 1.0)
            for layer in self.layers
        ]


class _TrainingMode(keras.Model):
    """Calls a model as in training, in a compiled step without gradients."""

    def __init__(self, model: keras.Model) -> None:
        super().__init__(name="training_mode")
        self.model = model
        self.built = True

    def call(self, inputs: Tensor) -> Outputs:
        return self.model(inputs, training=True)


def array_of(variable: keras.Variable) -> np.ndarray:
    """Returns a copy, which shares no memory with the variable."""
    return np.array(keras.ops.convert_to_numpy(variable))


def _statistics(layer: keras.layers.Layer) -> list[keras.Variable]:
    return [layer.moving_mean, layer.moving_variance]
