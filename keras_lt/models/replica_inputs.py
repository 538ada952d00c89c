"""What `fit` reads where TensorFlow cuts batches up among replicas."""

import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_lt.data import Batches
from keras_lt.keras_rules import default_batch_size
from keras_lt.keras_rules import num_trained_on
from keras_lt.replicas import has_other_processes
from keras_lt.replicas import sum_over_processes


def for_replicas(x: Any, strategy: Any) -> Any:
    """Returns what Keras is to read in place of `x`.

    Keras takes each process of a strategy to read all batches, and uses a part
    of their rows. `Batches` that are the share of a process are used whole.

    Args:
        x: Whatever `fit` or `evaluate` takes.
        strategy: The strategy of the model.

    Raises:
        ValueError: If the shards are not those of the processes.
    """
    batches = _batches_of(x)
    if batches is None or batches.shard[1] == 1:
        return x
    if not has_other_processes(strategy):
        return x
    _check_shards(batches.shard, strategy)
    return strategy.distribute_datasets_from_function(lambda _: _dataset(x))


def check_outside_of_scope(strategy: Any) -> None:
    """Raises in the scope of a strategy of several processes.

    Whatever a callback predicts there would be that of the first of them.
    """
    import tensorflow as tf

    if has_other_processes(strategy) and tf.distribute.has_strategy():
        raise ValueError(
            "`fit` must be called outside of the scope of a strategy of "
            "several processes. Received: a call in it. Leave only what makes "
            "the model, and `compile`, in `with strategy.scope():`."
        )


def check_parts(
    x: Any, batch_size: int | None, held_out: float, strategy: Any
) -> None:
    """Raises if the last batch leaves a replica without an example.

    Batch normalization would make NaN of nothing, and convolutions of some
    CPUs raise.

    Args:
        x: Arrays or `Batches` to train on; nothing is known of others.
        batch_size: As in `fit`.
        held_out: Share of arrays that is validated on.
        strategy: The strategy of the model.
    """
    replicas = strategy.num_replicas_in_sync
    batches = _batches_of(x)
    if batches is not None:
        count = batches.shard[1]
        size, full = len(batches.labels) // count, batches.batch_size
        own = count > 1 and has_other_processes(strategy)
        if batches.last_batch == "drop" or own:
            return  # A process does not cut its own share up.
    elif isinstance(x, np.ndarray):
        size = num_trained_on(x, held_out)
        full = batch_size or default_batch_size(x)
    else:
        return
    for last in {min(size, full), size % full or full}:
        if math.ceil(last / replicas) * (replicas - 1) >= last:
            raise ValueError(
                "Each of the replicas must have an example of each batch. "
                f"Received: a batch of {last} for {replicas} replicas, which "
                f"get {math.ceil(last / replicas)} each until there are none. "
                'Pass `Batches(last_batch="drop")`, or another `batch_size`.'
            )


def _batches_of(x: Any) -> Batches | None:
    """Returns the `Batches` that `x` is, or that it was drawn from."""
    found = getattr(x, "batches", x)
    return found if isinstance(found, Batches) else None


def _check_shards(shard: tuple[int, int], strategy: Any) -> None:
    here = len(strategy.extended.worker_devices)
    processes = strategy.num_replicas_in_sync // here
    if here > 1:
        raise ValueError(
            "Each process must have one replica where `Batches` are the share "
            f"of a process. Received: {here} replicas, and shard={shard}. "
            "Start a process for each device, or leave `shard` out."
        )
    index, count = shard
    taken = np.zeros(max(count, processes), "float32")
    taken[index] = 1.0
    if count != processes or (sum_over_processes(taken, strategy) != 1).any():
        raise ValueError(
            "Each process must have a share of its own, and together they must "
            f"have all. Received: shard={shard} in one of {processes} "
            f"processes. Pass `shard=(index, {processes})`, with the index of "
            "the process in TF_CONFIG."
        )


def _dataset(batches: keras.utils.PyDataset) -> Any:
    import tensorflow as tf

    def generated() -> Iterator[Any]:
        return (batches[index] for index in range(len(batches)))

    dataset = tf.data.Dataset.from_generator(
        generated,
        output_signature=keras.tree.map_structure(
            lambda values: tf.TensorSpec(
                (None, *values.shape[1:]), values.dtype
            ),
            batches[0],
        ),
    )
    known = tf.data.experimental.assert_cardinality(len(batches))
    return dataset.apply(known).prefetch(tf.data.AUTOTUNE)
