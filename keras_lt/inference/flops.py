"""Counts the work of a model, as the literature does."""

import inspect
import math
import warnings
from typing import Any

import keras

from keras_lt.graph import is_graph
from keras_lt.graph import replay
from keras_lt.graph import tensors_in
from keras_lt.graph.layer_tree import variables_to_train
from keras_lt.inference.operation_flops import LAYER_FLOPS
from keras_lt.inference.operation_flops import OPERATION_FLOPS

_FREE = (
    keras.layers.BatchNormalization,
    keras.layers.Embedding,
    keras.layers.GroupNormalization,
    keras.layers.LayerNormalization,
    keras.layers.Normalization,
    keras.layers.PReLU,
    keras.layers.RMSNormalization,
)


def count_flops(
    model: keras.layers.Layer, input_shape: Any | None = None
) -> int:
    """Counts the multiply-accumulates of one example through a model or layer.

    This is what papers call FLOPs: ResNet-50 has 4.09 billion of them at 224
    pixels, and 3.86 billion with the strides of Keras. One multiplication
    with its addition counts as one. What is counted are the products of
    convolutions, of dense layers and of attention. Normalization,
    activations, pooling, additions and biases count 0, and so does looking up
    an embedding. Pixels that pad an image count as others do, and a layer
    that is called twice counts twice.

    A layer is followed down to its operations, so that your own are counted
    too if they are written with `keras.layers` and `keras.ops`. Where that
    fails, for example at operations of one backend, a warning names the layer,
    and each of its kernels is counted once per position of the output. So it is
    with an `EarlyExitModel`, whose exits have layers of the same names; take
    its `exit_costs()`, which are shares of the backbone and its last branch.

    Args:
        model: A Keras model or layer. One that is not built yet is built.
        input_shape: Shape of the input with the batch axis, as `build` takes
            it, such as `(None, 32, 32, 3)`; for several inputs, a list or a
            mapping of shapes. It may be left out if the model has one of its
            own, without unknown sizes.

    Raises:
        ValueError: If a size is unknown, other than that of the batch, or the
            shape is of another rank than that of the model's input.

    Example:

    >>> count_flops = keras_lt.inference.count_flops
    >>> count_flops(keras.layers.Dense(10), (None, 64))
    640
    >>> convolution = keras.layers.Conv2D(16, 3, padding="same")
    >>> count_flops(convolution, (None, 32, 32, 3)) == 32 * 32 * 3 * 3 * 3 * 16
    True
    """
    inputs = _make_inputs(model, input_shape)
    counter = _Counter()
    # A call builds what is not built; a graph is.
    outputs = None if is_graph(model) else model(inputs)
    total = counter.count(model, (inputs,), {}, outputs)
    for name, reason in counter.unknown.items():
        warnings.warn(
            f"The work of layer {name} is estimated, with each kernel counted "
            f"once per position of the output, since its `call` could not be "
            f"followed: {reason}",
            stacklevel=2,
        )
    return total


class _Counter:
    """Adds up work, and notes the layers that it cannot follow."""

    def __init__(self) -> None:
        self.unknown: dict[str, str] = {}

    def count(
        self, operation: Any, args: Any, kwargs: Any, outputs: Any
    ) -> int:
        """Returns the work of one call, whose tensors are symbolic."""
        if isinstance(operation, _FREE):
            return 0
        if not isinstance(operation, keras.layers.Layer):
            flops = OPERATION_FLOPS.get(type(operation).__name__)
            operands = [*args, *kwargs.values()]
            return flops(operation, operands, outputs) if flops else 0
        for kind, (flops, *kernels) in LAYER_FLOPS.items():
            if isinstance(operation, kind):
                operands = [getattr(operation, name) for name in kernels]
                first = tensors_in((args, kwargs))[0]
                return flops(operation, [first, *operands], outputs)
        if isinstance(operation, keras.layers.TimeDistributed):
            return self._count_steps(operation, tensors_in((args, kwargs))[0])
        if isinstance(operation, keras.layers.RNN):
            steps = tensors_in((args, kwargs))[0].shape[1]
            work = sum(map(math.prod, _kernel_shapes(operation)))
            return steps * _num_positions(operation, outputs) * work
        if is_graph(operation):
            inputs = args[0] if args else kwargs["inputs"]
            return self._count_graph(operation, inputs)
        return self._count_call(operation, args, kwargs, outputs)

    def _count_graph(self, model: keras.Model, inputs: Any) -> int:
        counts = []

        def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
            outputs = operation(*args, **kwargs)
            if isinstance(operation, keras.layers.EinsumDense):
                # Its own output leaves sizes open that are known here.
                (first,) = tensors_in((args, kwargs))
                outputs = keras.ops.einsum(
                    operation.equation, first, operation.kernel
                )
            counts.append(self.count(operation, args, kwargs, outputs))
            return outputs

        replay(model, call, inputs)
        return sum(counts)

    def _count_call(
        self, layer: keras.layers.Layer, args: Any, kwargs: Any, outputs: Any
    ) -> int:
        try:
            inputs, results = _unroll(layer, args, kwargs)
            # A name that several layers inside share is refused here, too.
            graph = keras.Model(inputs, results)
        except Exception as error:
            kernels = _kernel_shapes(layer)
            if not kernels:
                return 0
            label = f"{layer.name!r} ({type(layer).__name__})"
            self.unknown[label] = str(error).partition("\n")[0]
            positions = math.prod(tensors_in(outputs)[0].shape[1:-1])
            return positions * sum(map(math.prod, kernels))
        return self._count_graph(graph, inputs)

    def _count_steps(self, layer: Any, inputs: Any) -> int:
        step = keras.Input(
            batch_shape=(1, *inputs.shape[2:]), dtype=inputs.dtype
        )
        outputs = layer.layer(step)
        return inputs.shape[1] * self.count(layer.layer, (step,), {}, outputs)


def _make_inputs(model: Any, input_shape: Any) -> Any:
    """Returns symbolic inputs of one example."""
    own = list(model.inputs) if is_graph(model) else []
    keys = None
    if input_shape is None:
        shapes = [tensor.shape for tensor in own]
    elif isinstance(input_shape, dict):
        # Keras goes through a mapping in the order of its sorted keys.
        keys = sorted(input_shape)
        shapes = [input_shape[key] for key in keys]
    else:
        shapes = [input_shape] if _is_shape(input_shape) else [*input_shape]
    _check_shapes(model, shapes, [tensor.shape for tensor in own])
    dtypes = [tensor.dtype for tensor in own] or [None] * len(shapes)
    tensors = [
        keras.Input(batch_shape=(1, *shape[1:]), dtype=dtype)
        for shape, dtype in zip(shapes, dtypes, strict=True)
    ]
    if keys:
        return dict(zip(keys, tensors, strict=True))
    return tensors if len(tensors) > 1 else tensors[0]


def _is_shape(value: Any) -> bool:
    return all(size is None or isinstance(size, int) for size in value)


def _check_shapes(model: Any, shapes: list[Any], own: list[Any]) -> None:
    if not shapes:
        raise ValueError(
            "`input_shape` must be given for what is not a graph. Received: "
            f"{model.name!r} without it. Pass the shape with the batch axis, "
            "such as input_shape=(None, 32, 32, 3)."
        )
    ranks = [len(shape) for shape in shapes]
    if own and ranks != [len(shape) for shape in own]:
        raise ValueError(
            "`input_shape` must have the rank of the model's input, with the "
            f"batch axis: {own[0]}. Received: input_shape={shapes[0]}. Write "
            "None for the batch."
        )
    if any(None in shape[1:] for shape in shapes):
        raise ValueError(
            "`input_shape` must hold all sizes but that of the batch, as the "
            f"work depends on them. Received: {shapes[0]}, for {model.name!r}. "
            "Pass it, such as input_shape=(None, 224, 224, 3)."
        )


def _unroll(layer: Any, args: Any, kwargs: Any) -> tuple[list[Any], list[Any]]:
    """Runs `call` on symbolic tensors, which records the operations in it."""
    inputs = {
        id(tensor): keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype)
        for tensor in tensors_in((args, kwargs))
    }

    def renew(value: Any) -> Any:
        return inputs.get(id(value), value)

    args, kwargs = keras.tree.map_structure(renew, (args, kwargs))
    # Keras hands it on to those layers only whose `call` takes it.
    kwargs = {k: value for k, value in kwargs.items() if k != "training"}
    if "training" in inspect.signature(layer.call).parameters:
        kwargs["training"] = False
    outputs = tensors_in(layer.call(*args, **kwargs))
    return list(inputs.values()), outputs


def _kernel_shapes(layer: keras.layers.Layer) -> list[tuple[int, ...]]:
    return [
        tuple(weight.shape)
        for weight in variables_to_train(layer)
        if len(weight.shape) > 1 and "bias" not in weight.name
    ]


def _num_positions(layer: keras.layers.RNN, outputs: Any) -> int:
    """Returns to how many positions kernels are applied in each step.

    There are several in `ConvLSTM2D` and its like.
    """
    rank = getattr(layer.cell, "rank", 0)
    last = -1 if rank and layer.cell.data_format == "channels_last" else None
    shape = tensors_in(outputs)[0].shape[1:last]
    return math.prod(shape[len(shape) - rank :])
