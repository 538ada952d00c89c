"""What replicas tell each other where TensorFlow cuts a batch up among them.

Under a `tf.distribute` strategy, a step runs on each replica with its part of
the batch. Everything here but `scope_of` does nothing where there is one
replica, and on the other backends: under `keras.distribution`, a step of JAX
sees whole batches.
"""

import contextlib
import functools
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lt import distribution
from keras_lt.types import Tensor


def replica_context() -> Any:
    """Returns the context of this replica; None if it is alone, or in none."""
    if keras.config.backend() != "tensorflow":
        return None
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return None
    return context


def strategy_of(model: keras.Model) -> Any:
    """Returns what cuts the batches of a model up; None if nothing does."""
    found = getattr(model, "distribute_strategy", None)
    if found is None or found.num_replicas_in_sync == 1:
        return None
    return found


def scope_of(model: keras.Model) -> contextlib.AbstractContextManager[Any]:
    """Returns the scope in which variables of a model are to be made."""
    # Also of one replica, whose variables know the strategy as well.
    strategy = getattr(model, "distribute_strategy", None)
    return contextlib.nullcontext() if strategy is None else strategy.scope()


def has_other_processes(strategy: Any) -> bool:
    """Tells whether some replicas of a strategy are those of others."""
    here = len(strategy.extended.worker_devices)
    return bool(strategy.num_replicas_in_sync > here)


def check_made_in_scope(
    variables: Sequence[keras.Variable], strategy: Any
) -> None:
    """Raises if replicas would not have copies of each of the variables."""
    made = strategy.extended.variable_created_in_scope
    other = next((v for v in variables if not made(v.value)), None)
    if other is not None:
        raise ValueError(
            "A model, its backbone, objectives and optimizer must all be made "
            f"in the scope of one strategy. Received: {other.path!r}, made "
            "elsewhere. Put all of it, and `compile`, into `with "
            "strategy.scope():`."
        )


def process_name(strategy: Any) -> str | None:
    """Returns what tells a process from the others; None if it is alone."""
    if strategy is None:
        return distribution.process_name()
    if not has_other_processes(strategy):
        return None
    cluster = strategy.cluster_resolver
    return f"{cluster.task_type}_{cluster.task_id}"


def sum_over_processes(values: np.ndarray, strategy: Any) -> np.ndarray:
    """Returns the sum of what each process has that trains a part of a batch.

    All of them have to call this; on a single one it gives what it got.

    Args:
        values: Of one shape in all processes.
        strategy: The strategy of the model; None where there is none, but
            maybe a `keras.distribution`.
    """
    if strategy is None:
        return distribution.sum_of_processes(values)
    if not has_other_processes(strategy):
        return values
    total = _summed(strategy)(ops.convert_to_tensor(values))
    own = strategy.experimental_local_results(total)[0]
    return np.asarray(own.numpy() / len(strategy.extended.worker_devices))


@functools.lru_cache(maxsize=1)
def _summed(strategy: Any) -> Callable[[Tensor], Any]:
    """Returns a compiled sum over the replicas; it is traced for each shape."""
    import tensorflow as tf

    def of_replica(values: Tensor) -> Tensor:
        context = tf.distribute.get_replica_context()
        # The copy is on the device of the replica, as the sum is to be.
        return context.all_reduce("SUM", tf.identity(values))

    @tf.function
    def summed(values: Tensor) -> Any:
        return strategy.run(of_replica, args=(values,))

    return summed


def mean_over_replicas(total: Tensor, weight: Tensor) -> Tensor:
    """Returns the sum of totals over that of weights, on each replica.

    Its gradient is that of this replica's total alone, since Keras adds up the
    gradients of the replicas; and as it multiplies the loss that it logs by
    their number, the value is divided by that.

    Args:
        total: Weighted sum of this replica, a scalar.
        weight: Sum of its weights, likewise.
    """
    context = replica_context()
    if context is None:
        return ops.divide_no_nan(total, weight)
    all_totals, all_weights = context.all_reduce("SUM", [total, weight])
    share = ops.divide_no_nan(total, all_weights)
    mean = ops.divide_no_nan(all_totals, all_weights)
    value = mean / context.num_replicas_in_sync
    return share + ops.stop_gradient(value - share)


def share_overflows(optimizer: keras.optimizers.LossScaleOptimizer) -> None:
    """Lets an optimizer leave a step out where any of the replicas overflows.

    Keras 3.15 asks the first replica alone, as if gradients were added up by
    then. An overflow on another would make NaN of all weights.
    """
    own = type(optimizer).check_finite

    def check_finite(gradients: Sequence[Any]) -> Tensor:
        finite = own(optimizer, gradients)
        context = replica_context()
        if context is None:
            return finite
        overflows = ops.cast(ops.logical_not(finite), "float32")
        return ops.equal(context.all_reduce("SUM", overflows), 0.0)

    optimizer.check_finite = check_finite


def on_whole_batch(
    function: Callable[[Tensor, Tensor], Any], features: Tensor, labels: Tensor
) -> Any:
    """Calls `function` with the whole batch; returns what is this replica's.

    The gradient of the features goes back to the replicas that they are of.

    Args:
        function: Takes features and labels; gives tensors with an entry per
            example, or scalars, which are left as they are.
        features: Those of this replica, `(part, ...)`.
        labels: Class ids, `(part,)`.
    """
    context = replica_context()
    if context is None:
        return function(features, labels)

    def gathered(values: Tensor) -> Tensor:
        # As floats, since not every device sends integers.
        return context.all_gather(ops.cast(values, "float32"), axis=0)

    size = ops.shape(labels)[0]
    ends = ops.cast(ops.cumsum(gathered(ops.stack([size]))), "int32")
    end = ends[context.replica_id_in_sync_group]
    own = slice(end - size, end)
    found = function(
        gathered(features), ops.cast(gathered(labels), labels.dtype)
    )
    return keras.tree.map_structure(
        lambda values: values[own] if len(values.shape) else values, found
    )
