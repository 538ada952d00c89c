"""The training images on the device, while `fit` runs."""

import contextlib
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import keras

from keras_lt.data import DeviceBatches
from keras_lt.distribution import num_processes
from keras_lt.replicas import has_other_processes
from keras_lt.replicas import scope_of
from keras_lt.replicas import strategy_of
from keras_lt.types import Tensor

IMAGES = "images"
"""The output under which a model passes on the images that it has made."""


class DeviceImages(keras.layers.Layer):
    """Holds all training images where the compiled step finds them.

    They are a weight, as a step of JAX would build anything else into the
    program, and they are in no file. A model that has run its `build` takes
    no new weights, but this layer has none to run, so that it may be filled at
    the start of `fit` and emptied at its end.
    """

    def __init__(self) -> None:
        super().__init__(name="device_images", dtype="float32")
        self.items: list[_Table] = []
        self.batches = _Held()
        self.built = True

    @contextlib.contextmanager
    def holding(
        self,
        batches: DeviceBatches,
        strategy: Any = None,
        scope: contextlib.AbstractContextManager[Any] | None = None,
    ) -> Iterator[None]:
        """Holds the images of `batches` in a `with` block.

        Args:
            batches: What `fit` is given.
            strategy: How TensorFlow distributes the model, if it does.
            scope: In which the variables of the model are made.

        Raises:
            ValueError: If images are mixed with those on another replica, or
                several processes train together.
        """
        _check_processes(strategy)
        _check_replicas(batches, getattr(strategy, "num_replicas_in_sync", 1))
        # On each replica, or all of it would go there in each step.
        with scope or contextlib.nullcontext():
            self.items.append(_Table(batches.images))
        self.batches.held = batches
        try:
            yield
        finally:
            self.items.clear()
            self.batches.held = None

    def of(self, inputs: Any) -> Tensor | None:
        """Returns the images of a batch of draws; None for other inputs.

        Raises:
            ValueError: If no images are held.
        """
        if not isinstance(inputs, Mapping) or "draws" not in inputs:
            return None
        if self.batches.held is None:
            raise ValueError(
                "What `DeviceBatches.drawn` gives must go through `fit` of the "
                "model, which has the images. Received: draws outside of "
                "`fit`. Pass the `DeviceBatches` themselves, or images."
            )
        images = self.items[0].images
        return self.batches.held.images_of(
            keras.ops.convert_to_tensor(images),
            # The replicas of TensorFlow are built with floats.
            keras.ops.cast(inputs["draws"], "int32"),
        )


@contextlib.contextmanager
def images_held(model: Any, batches: DeviceBatches) -> Iterator[None]:
    """Holds the images of a training in a `with` block, and nothing after it.

    Args:
        model: A `ClassificationModel`.
        batches: What its `fit` is given.
    """
    _forget_steps(model)
    try:
        held = model.device_images.holding(
            batches, strategy_of(model), scope_of(model)
        )
        with held:
            yield
    finally:
        _forget_steps(model)


def _forget_steps(model: keras.Model) -> None:
    """Lets go of steps that are compiled with the images, or without them."""
    model.train_function = None
    if keras.distribution.distribution() is not None:
        # They are compiled for where each variable is.
        model.test_function = model.predict_function = None


def _check_replicas(batches: DeviceBatches, replicas: int) -> None:
    if replicas > 1 and getattr(batches.transform, "mixes_examples", False):
        raise ValueError(
            "A transform of `DeviceBatches` must not mix examples where "
            "TensorFlow cuts batches up among replicas. Received: "
            f"{type(batches.transform).__name__}, which mixes them, for "
            f"{replicas} replicas. Use `Batches`, or JAX."
        )


def _check_processes(strategy: Any) -> None:
    of_tensorflow = strategy is not None and has_other_processes(strategy)
    if of_tensorflow or num_processes() > 1:
        raise ValueError(
            "`DeviceBatches` must be trained on in one process, whose devices "
            "hold all images. Received: several processes. Use `Batches`, of "
            "which each process reads its own share."
        )


class _Table(keras.layers.Layer):
    """One array on the device, which no file holds."""

    def __init__(self, images: Any) -> None:
        super().__init__(name="images", dtype="float32", trainable=False)
        self.images = self.add_weight(
            name="images",
            shape=images.shape,
            dtype=str(images.dtype),
            initializer="zeros",
            trainable=False,
            # In half precision, steps would not see the images as they are.
            autocast=False,
        )
        self.images.assign(images)
        self.built = True

    def save_own_variables(self, store: Any) -> None:
        """Saves nothing."""

    def load_own_variables(self, store: Any) -> None:
        """Loads nothing."""


class _Held:
    """Keeps batches where Keras does not look."""

    held: DeviceBatches | None = None
