"""Ends a training with the average of the weights it went through."""

from typing import Any

import keras

from keras_lt.callbacks.batch_statistics import BatchStatistics
from keras_lt.callbacks.batch_statistics import Values
from keras_lt.callbacks.batch_statistics import array_of
from keras_lt.data.epoch_data import EpochData
from keras_lt.validation import check_positive_int


class AverageWeights(keras.callbacks.Callback):
    """Validates and ends with averaged weights, batch statistics included.

    An optimizer of Keras with `use_ema=True` keeps a moving average of the
    weights over the steps, which generalizes better than the last weights do.
    Keras puts it into the model when `fit` ends, but leaves the moving
    statistics of batch normalization, which are those of other weights. Here
    they are estimated anew on training data, and what is validated on after
    each epoch are the averages, too. The training itself goes on from the
    weights and statistics that it had.

    The averages are variables of the optimizer, and come into the model in the
    last epoch. A training that `training.train` goes on with after a crash has
    those that it should have.

    Put it after callbacks that stop the training, or keep the best weights: at
    the end of an epoch with validation, what `EarlyStopping` and
    `ModelCheckpoint` find in the model are the averages, which were validated.
    Put it before those that save a training to go on with it, such as
    `BackupAndRestore`, as the averages are no weights to train on. They are of
    weights from before a constraint is applied.

    Args:
        data: What the model is trained on: `Batches` or another `PyDataset`, a
            data set, or arrays `(x, y)`. Needed with batch normalization.
        max_batches: Number of batches, spread over the epoch, whose mean
            statistics are taken. Those that are smaller than the first are
            left out.

    Raises:
        ValueError: If `max_batches` is no positive whole number. At the start
            of training, if the optimizer keeps no averages, or the model has
            batch normalization and there is no data.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    >>> model.compile(
    ...     keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.99),
    ...     loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    ... )
    >>> x, y = np.ones((6, 2), "float32"), np.arange(6) % 3
    >>> average = AverageWeights((x, y))
    >>> history = model.fit(x, y, epochs=2, verbose=0, callbacks=[average])

    Reference:

    - [Polyak and Juditsky, 1992](https://doi.org/10.1137/0330046)
    - [Izmailov et al., 2018](https://arxiv.org/abs/1803.05407), section 3.2,
      for the statistics.
    """

    def __init__(self, data: Any = None, max_batches: int = 50) -> None:
        super().__init__()
        self.data = data
        self.max_batches = check_positive_int("max_batches", max_batches)
        self._passed = None if data is None else EpochData(data)
        self._statistics: BatchStatistics | None = None
        self._own_statistics: Values = []
        self._in_training = self._in_epoch = False
        self._to_finish = self._are_in = False
        self._optimizer: keras.optimizers.Optimizer | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Finds the averages, and the layers with statistics."""
        _check_averages(self.model.optimizer)
        self._statistics = BatchStatistics(
            self.model, self._passed, self.max_batches
        )
        self._mend_what_failed()
        self._optimizer = self.model.optimizer
        self._in_training = True

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Notes that there is something to average."""
        self._to_finish = self._in_epoch = True
        if self._passed is not None:
            self._passed.set_epoch(epoch)

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Puts back the weights that are trained."""
        self._take_out()

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Puts the averages into the model, for validation."""
        if self._in_training:
            self._put_in()

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Leaves them there for callbacks before this one, until its turn."""
        if self._in_training and not self._in_epoch:
            self._take_out()

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Puts back the weights that are trained; averages end the last one."""
        self._in_epoch = False
        last = epoch + 1 == self.params["epochs"]
        if last or self.model.stop_training:
            self._finish()
        else:
            self._take_out()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Does so where another callback has stopped the training."""
        self._finish()
        self._in_training = False
        if self.model.optimizer.built:
            # Keras has assigned the averages to the weights once more. On JAX
            # the two share memory since, and could not be trained on.
            self._set_averages_to_weights()
        self._statistics = None  # It holds what the model computed with.

    def _mend_what_failed(self) -> None:
        """Makes a model fit to train whose last training raised an error."""
        if self._optimizer is self.model.optimizer:
            self._take_out()
        self._are_in = False
        if self.model.optimizer.built:
            for _, average in _weights_and_averages(self.model):
                average.assign(array_of(average))  # See `on_train_end`.

    def _finish(self) -> None:
        if self._to_finish:
            self._to_finish = False
            self._put_in()
            self._are_in = False
            # As Keras is going to assign the averages when `fit` ends.
            self._set_averages_to_weights()

    def _put_in(self) -> None:
        if not self._are_in:
            self._are_in = True
            self._exchange()
            self._own_statistics = self._estimate()

    def _take_out(self) -> None:
        if self._are_in:
            self._are_in = False
            self._exchange()
            for variable, value in self._own_statistics:
                variable.assign(value)

    def _exchange(self) -> None:
        for variable, average in _weights_and_averages(self.model):
            value = array_of(variable)
            variable.assign(array_of(average))
            average.assign(value)

    def _set_averages_to_weights(self) -> None:
        for variable, average in _weights_and_averages(self.model):
            average.assign(array_of(variable))

    def _estimate(self) -> Values:
        """Sets the statistics; returns what they were."""
        if self._statistics is None:
            return []
        return self._statistics.set_to_those_of_the_data()


def _weights_and_averages(
    model: keras.Model,
) -> list[tuple[keras.Variable, keras.Variable]]:
    # Not at the start, as on TensorFlow the first step makes the averages.
    variables = model.optimizer.variables
    averages = [one for one in variables if one.name.endswith("_average")]
    return list(zip(model.trainable_variables, averages, strict=True))


def _check_averages(optimizer: keras.optimizers.Optimizer) -> None:
    # Of a LossScaleOptimizer, the one inside.
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if not getattr(inner, "use_ema", False):
        raise ValueError(
            "The optimizer must keep averages of the weights. Received: "
            f"{type(inner).__name__} without. Compile with an optimizer that "
            "has `use_ema=True` and `ema_momentum`."
        )
