"""Tells Keras's callbacks, the progress bar among them, how far a run is."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_lt.inference._engine.sources import Source


def callback_list(
    callbacks: Any, verbose: Any, source: Source, model: keras.Model | None
) -> keras.callbacks.CallbackList:
    """Returns the callbacks as one, as `keras.Model.predict` has them."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return callbacks
    if isinstance(callbacks, keras.callbacks.Callback):
        callbacks = [callbacks]  # Alone, it would run in a thread of its own.
    return keras.callbacks.CallbackList(
        callbacks,
        add_progbar=verbose != 0,
        model=model,
        verbose=verbose,
        epochs=1,
        steps=source.num_batches,
    )


def watched(
    batches: Iterator[np.ndarray],
    watch: keras.callbacks.CallbackList,
    model: keras.Model | None,
) -> Iterator[np.ndarray]:
    """Yields batches, and ends early if a callback wants to."""
    if model is not None:
        model.stop_predicting = False
    for step, batch in enumerate(batches):
        watch.on_predict_batch_begin(step)
        yield batch
        watch.on_predict_batch_end(step, {})
        if model is not None and model.stop_predicting:
            return
