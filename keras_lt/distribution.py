"""How `keras.distribution` spreads batches over devices and processes."""

from typing import Any

import keras
import numpy as np

from keras_lt.types import Tensor


def num_data_shards() -> int:
    """Returns over how many devices a batch is spread."""
    distribution = keras.distribution.distribution()
    if distribution is None:
        return 1
    mesh = distribution.device_mesh
    return mesh.shape[mesh.axis_names.index(distribution.batch_dim_name)]


def num_processes() -> int:
    """Returns how many processes train one model together."""
    distribution = keras.distribution.distribution()
    return 1 if distribution is None else distribution.num_processes


def process_name() -> str | None:
    """Returns what tells this process from the others; None if it is alone."""
    if num_processes() == 1:
        return None
    import jax

    return f"process_{jax.process_index()}"


def process_shard() -> tuple[int, int]:
    """Returns which part of a batch this process brings, and of how many.

    Processes that hold parts of the same replica of a model bring the same.
    """
    if num_processes() == 1:
        return 0, 1
    distribution = keras.distribution.distribution()
    count = min(distribution.num_processes, num_data_shards())
    return distribution.data_shard_id, count


def num_local_shards() -> int:
    """Returns over how many devices of this process its rows are spread."""
    return num_data_shards() // process_shard()[1]


def laid_out(rows: Tensor) -> Tensor:
    """Spreads rows over the devices of this process, which they divide by."""
    distribution = keras.distribution.distribution()
    if distribution is None or keras.config.backend() != "jax":
        return rows
    layout = distribution.get_data_layout(rows.shape).backend_layout
    return keras.distribution.distribute_tensor(rows, _own(layout))


def own_value(variable: keras.Variable) -> Tensor:
    """Returns the value of a variable, to be computed with in this process.

    Raises:
        ValueError: If other processes hold parts of it.
    """
    value = variable.value
    if num_processes() == 1:
        return value
    import jax

    layout = _own(value.sharding)
    if value.is_fully_replicated:
        # JAX lists no shards of an array with one device in each process.
        return jax.device_put(value.addressable_data(0), layout)
    parts = [shard.data for shard in value.addressable_shards]
    if layout.shard_shape(value.shape) != parts[0].shape:
        raise ValueError(
            "A process must hold all parts of a variable to answer on its "
            f"own. Received: {variable.path!r}, of which other processes hold "
            "a part. Make the model axis of the mesh as long as a process has "
            "devices, or shorter."
        )
    return jax.make_array_from_single_device_arrays(value.shape, layout, parts)


def on_own_devices(model: keras.Model) -> Any:
    """Returns what has `predict_on_batch` like a model, for this process.

    Of several processes, each gets answers to what it asks, and none waits for
    the others, which `predict_on_batch` of Keras does not promise.
    """
    return model if num_processes() == 1 else _OwnAnswers(model)


def sum_of_processes(values: np.ndarray) -> np.ndarray:
    """Returns the sum over the parts of a batch that processes bring."""
    count = process_shard()[1]
    if count == 1:
        return values
    gathered = _gathered(np.asarray(values, "float64"))
    total = gathered[:: num_processes() // count].sum(axis=0)
    return total.reshape(np.shape(values))


def check_equal(what: str, number: int) -> None:
    """Raises in every process if they do not have the same number.

    Processes that do not do as many steps wait for each other for ever.
    """
    if num_processes() == 1:
        return
    numbers = _gathered(np.asarray([number], "float64"))[:, 0].astype(int)
    if len(set(numbers)) > 1:
        raise ValueError(
            f"Every process must have as many {what}. Received: "
            f"{numbers.tolist()}, by process. Give each a share of equal size, "
            'or pass `data.Batches(shard="auto")`, which do.'
        )


class _OwnAnswers:
    """Computes with the values that a process has of the variables."""

    def __init__(self, model: keras.Model) -> None:
        import jax

        self.model = model
        self.compiled = jax.jit(self._answers)

    def predict_on_batch(self, images: Tensor) -> Any:
        values = [own_value(one) for one in self.model.variables]
        return self.compiled(values, laid_out(images))

    def _answers(self, values: list[Tensor], images: Tensor) -> Any:
        mapping = list(zip(self.model.variables, values, strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            return self.model(images, training=False)


def _gathered(values: np.ndarray) -> np.ndarray:
    """Returns the float64 values of all processes, in their order."""
    from jax.experimental import multihost_utils

    # As bits, since JAX would round them to float32.
    bits = np.ascontiguousarray(values).view("uint32")
    return np.asarray(multihost_utils.process_allgather(bits)).view("float64")


def _own(layout: Any) -> Any:
    """Returns the part of a layout of JAX that is about this process."""
    if num_processes() == 1:
        return layout
    import jax

    return jax.sharding.NamedSharding(layout.mesh.local_mesh, layout.spec)
