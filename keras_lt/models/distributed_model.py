"""A model that takes batches of any size on many devices."""

import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_lt.data import Batches
from keras_lt.distribution import num_local_shards
from keras_lt.distribution import num_processes
from keras_lt.distribution import process_shard
from keras_lt.graph import new_input
from keras_lt.inference import StagedPredictor
from keras_lt.keras_rules import default_batch_size
from keras_lt.keras_rules import num_trained_on
from keras_lt.models.jax_memory import KeptWeights
from keras_lt.models.jax_memory import averages_apart
from keras_lt.models.padded_batches import PaddedBatches
from keras_lt.models.padded_batches import is_distributed
from keras_lt.models.padded_batches import pad_batch
from keras_lt.models.padded_batches import padded_batches
from keras_lt.types import Outputs
from keras_lt.types import Tensor

Arguments = dict[str, Any]


class DistributedModel(keras.Model):
    """Pads batches where `keras.distribution` spreads them over devices.

    Keras leaves that to the user, and raises where a batch, as the last one,
    does not divide by the number of devices. With and without a distribution,
    `predict` returns one output alone, and on JAX, weights outlast an error in
    a loop, and `fit` leaves averages of them in arrays of their own. A
    subclass has a `backbone`, and says in `kept_by_predict` which output.
    """

    backbone: keras.Model
    kept_by_predict: Callable[[Any], Any]
    _alone: StagedPredictor | None = None

    def fit(self, x: Any = None, y: Any = None, **kwargs: Any) -> Any:
        if is_distributed():
            _check_batch_size(x, kwargs.get("batch_size"))
            x, y, kwargs = _hold_out(x, y, kwargs)
            kwargs["validation_data"] = _padded_validation(kwargs)
            x, y, kwargs = _padded_arguments(x, y, kwargs, "steps_per_epoch")
        with KeptWeights(self) as kept, averages_apart(self):
            kwargs["callbacks"] = kept.behind(kwargs.get("callbacks"))
            return super().fit(x, y, **kwargs)

    def evaluate(self, x: Any = None, y: Any = None, **kwargs: Any) -> Any:
        if is_distributed():
            x, y, kwargs = _padded_arguments(
                x, y, {"shuffle": False, **kwargs}, "steps"
            )
            del kwargs["shuffle"]
        with KeptWeights(self):
            return super().evaluate(x, y, **kwargs)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Returns the logits, `(n, classes)`.

        The arguments are those of `keras.Model.predict`. Of several
        processes, each answers what it is given.
        """
        if num_processes() > 1 and is_distributed():
            return (
                self._own_predictor()
                .run(x, batch_size, verbose, steps, callbacks, model=self)
                .logits
            )
        if is_distributed():
            x = padded_batches(x, batch_size=batch_size, steps=steps)
            batch_size = None if isinstance(x, PaddedBatches) else batch_size
        with KeptWeights(self):
            return super().predict(x, batch_size, verbose, steps, callbacks)

    def predict_step(self, *args: Any) -> Any:
        # The logits only; the features of a data set are large.
        outputs = super().predict_step(*args)
        if isinstance(outputs, tuple):  # JAX adds the state of the model.
            return self.kept_by_predict(outputs[0]), *outputs[1:]
        return self.kept_by_predict(outputs)

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        **kwargs: Any,
    ) -> Any:
        if is_distributed():
            x, y, sample_weight = _padded_batch(x, y, sample_weight)
        return super().train_on_batch(
            x, y, sample_weight, class_weight, **kwargs
        )

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, **kwargs: Any
    ) -> Any:
        if is_distributed():
            x, y, sample_weight = _padded_batch(x, y, sample_weight)
        return super().test_on_batch(x, y, sample_weight, **kwargs)

    def _own_predictor(self) -> StagedPredictor:
        """Returns what predicts on the devices of this process alone."""
        if self._alone is None:  # Kept, as it is compiled.
            self._alone = self._network_predictor(self.kept_by_predict)
        return self._alone

    def _forget_networks(self) -> None:
        """Lets go of what was compiled of the model as a whole."""
        self._alone = None

    def _network_predictor(
        self, read: Callable[[Outputs], Tensor]
    ) -> StagedPredictor:
        """Returns what predicts, batch by batch, what is read from outputs."""
        images = new_input(self.backbone)
        network = keras.Model(images, read(self(images)))
        as_it_is = keras.layers.Identity(dtype="float32")
        none = keras.Variable(np.zeros(0, "float32"), trainable=False)
        return StagedPredictor([network], [as_it_is], none)


def _padded_arguments(
    x: Any, y: Any, kwargs: Arguments, steps: str
) -> tuple[Any, Any, Arguments]:
    """Returns the arguments of `fit` or `evaluate` with padded batches."""
    _check_shard(x)
    padded = padded_batches(
        x,
        y,
        kwargs.get("sample_weight"),
        kwargs.get("batch_size"),
        kwargs.get(steps),
        kwargs.get("shuffle", True),
    )
    if padded is x:
        return x, y, kwargs
    if not isinstance(x, keras.utils.PyDataset):
        # Arrays are shuffled already; a dataset is read in its own order.
        kwargs = {**kwargs, "shuffle": False}
    left_out = ("sample_weight", "batch_size")
    return padded, None, {k: v for k, v in kwargs.items() if k not in left_out}


def _padded_validation(kwargs: Arguments) -> Any:
    data = kwargs.get("validation_data")
    if data is None:
        return None
    x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
    _check_shard(x)
    size = kwargs.get("validation_batch_size") or kwargs.get("batch_size")
    padded = padded_batches(x, y, weights, size, kwargs.get("validation_steps"))
    return data if padded is x else padded


def _padded_batch(x: Any, y: Any, weights: Any) -> tuple[Any, Any, Any]:
    return keras.utils.unpack_x_y_sample_weight(pad_batch(x, y, weights))


def _hold_out(x: Any, y: Any, kwargs: Arguments) -> tuple[Any, Any, Arguments]:
    """Cuts off the end of arrays to validate on, as Keras does."""
    share = kwargs.get("validation_split", 0.0)
    if not share or y is None:  # Keras says that it takes arrays.
        return x, y, kwargs
    size = num_trained_on(x, share)
    arrays = (x, y, kwargs.get("sample_weight"))
    first, last = (
        keras.tree.map_structure(take, arrays, none_is_leaf=False)
        for take in (lambda one: one[:size], lambda one: one[size:])
    )
    kwargs = {
        **kwargs,
        "validation_split": 0.0,
        "sample_weight": first[2],
        "validation_data": tuple(one for one in last if one is not None),
    }
    return first[0], first[1], kwargs


def _check_batch_size(x: Any, batch_size: int | None) -> None:
    """Warns if devices cannot share the batches of a training."""
    size = getattr(x, "batch_size", None)
    if hasattr(x, "shape"):
        size = batch_size or default_batch_size(x)
    if isinstance(size, int) and size % num_local_shards():
        warnings.warn(
            "The size of batches should divide by the number of devices that "
            f"share them, {num_local_shards()}. Received: batch_size={size}. "
            "What does not divide is computed on every device as a whole, so "
            "that batch normalization sees the batch as it is.",
            stacklevel=4,
        )


def _check_shard(x: Any) -> None:
    """Raises if a process would read what belongs to another."""
    shared = num_processes() > 1
    if shared and isinstance(x, Batches) and x.shard != process_shard():
        raise ValueError(
            "`Batches` must have the shard of this process, "
            f"{process_shard()}. Received: shard={x.shard}. Leave `shard` "
            "out, and make the batches after the distribution is set."
        )
