"""The layers of a functional model, in the order in which data passes them."""

import dataclasses
import functools
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import keras

from keras_lt.types import Tensor


@dataclasses.dataclass(frozen=True)
class Place:
    """An operation in a graph, or in a model inside that graph.

    `path` is its name, after those of the models that it is inside of. Where
    its output is also that of the model around it, `target` is the path of
    that model, and its own path elsewhere. All data pass its output if
    `is_cut`. It is the end of the whole graph if `is_output`.
    """

    path: str
    target: str
    calls: int
    outputs: int
    is_cut: bool
    is_output: bool

    @property
    def steps(self) -> tuple[str, ...]:
        """Returns the names that the path consists of."""
        return tuple(self.path.split("/"))


def is_graph(operation: Any) -> bool:
    """Tells whether calling a model does what its graph says, and no more."""
    if not isinstance(operation, keras.Model):
        return False
    call = type(operation).call
    return call is _functional_type().call or (
        # It has a graph once it is built.
        call is keras.Sequential.call
        and getattr(operation, "inputs", None) is not None
    )


def replay(
    model: keras.Model, call: Callable[..., Any], inputs: Any = None
) -> keras.Model:
    """Makes the graph of a model anew, with `call(operation, ...)` each time.

    Only the tensors are new, with the shapes of `inputs` if these are given.
    The graph is that of this model, whereas `layer.output` may belong to
    another one that has the same layer.
    """
    if isinstance(model, keras.Sequential):
        plain = keras.Model(model.inputs[0], model.outputs[0])
    else:
        plain = keras.Model(model.input, model.output)
    if inputs is not None:
        new = [
            keras.Input(batch_shape=given.shape, dtype=own.dtype, name=own.name)
            for own, given in zip(
                plain.inputs, keras.tree.flatten(inputs), strict=True
            )
        ]
        inputs = keras.tree.pack_sequence_as(plain.input, new)
    return keras.models.clone_model(
        plain,
        input_tensors=inputs,
        clone_function=lambda operation: operation,
        call_function=call,
    )


def last_operation(model: keras.Model) -> Any:
    """Returns what makes the first output of a graph, maybe its input layer."""
    makers: list[tuple[Any, Any]] = []

    def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = operation(*args, **kwargs)
        makers.append((operation, outputs))
        return outputs

    graph = replay(model, call)
    end = graph.outputs[0]
    found = (
        operation
        for operation, outputs in makers
        if any(tensor is end for tensor in tensors_in(outputs))
    )
    return next(found, graph.layers[0])


def innermost_last(model: keras.Model) -> Any:
    """Returns what makes the first output, in the models inside as well.

    Of a model inside with several outputs, it is that model.
    """
    last = last_operation(model)
    if is_graph(last) and len(last.outputs) == 1:
        return innermost_last(last)
    return last


def activation_name(operation: Any) -> str:
    """Returns what an operation applies at its end, by its name in Keras."""
    activation = getattr(operation, "activation", None)
    return getattr(activation, "__name__", type(operation).__name__.lower())


def gives_probabilities(operation: Any) -> bool:
    """Tells whether an operation ends in probabilities instead of logits."""
    return activation_name(operation) in ("softmax", "sigmoid")


def tensors_in(structure: Any) -> list[Tensor]:
    """Returns the symbolic tensors of a nested structure."""
    return [
        leaf
        for leaf in keras.tree.flatten(structure)
        if isinstance(leaf, keras.KerasTensor)
    ]


def places(model: keras.Model) -> list[Place]:
    """Lists all operations of a graph and of the models inside it, in order."""
    return list(_places(model, "", "", 1, True))


def _places(
    model: keras.Model, prefix: str, target: str, calls: int, in_line: bool
) -> Iterator[Place]:
    graph = _Graph(model)
    times = Counter(id(operation) for operation, *_ in graph.calls)
    seen = set()
    for index, (operation, _, outputs) in enumerate(graph.calls):
        if id(operation) in seen:
            continue
        seen.add(id(operation))
        alone = in_line and not graph.passing[index]
        is_output = alone and graph.is_output(outputs)
        path = prefix + operation.name
        place = Place(
            path=path,
            target=target if is_output and target else path,
            calls=calls * times[id(operation)],
            outputs=len(outputs),
            is_cut=alone and len(outputs) == 1,
            is_output=is_output and not prefix,
        )
        if is_graph(operation):
            yield from _places(
                operation,
                f"{path}/",
                place.target if len(outputs) == 1 else "",
                place.calls,
                alone,
            )
        yield place


class _Graph:
    """The calls of a model, and how many tensors bypass each of them."""

    def __init__(self, model: keras.Model) -> None:
        self.calls: list[tuple[Any, list[Tensor], list[Tensor]]] = []
        self.model = replay(model, self._record)
        self.passing = self._count_passing()

    def is_output(self, outputs: list[Tensor]) -> bool:
        """Tells whether a call makes what the model returns."""
        ends = {id(tensor) for tensor in self.model.outputs}
        return ends == {id(tensor) for tensor in outputs}

    def _record(self, operation: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = operation(*args, **kwargs)
        self.calls.append(
            (operation, tensors_in((args, kwargs)), tensors_in(outputs))
        )
        return outputs

    def _count_passing(self) -> list[int]:
        """Counts, for each call, the tensors made before and used after it."""
        born = {id(tensor): -1 for tensor in self.model.inputs}
        last_use: dict[int, int] = {}
        for index, (_, inputs, outputs) in enumerate(self.calls):
            born.update((id(tensor), index) for tensor in outputs)
            last_use.update((id(tensor), index) for tensor in inputs)
        end = len(self.calls)
        last_use.update((id(tensor), end) for tensor in self.model.outputs)
        change = [0] * (end + 2)
        for tensor, used in last_use.items():
            if used > born[tensor] + 1:
                change[born[tensor] + 1] += 1
                change[used] -= 1
        passing, now = [], 0
        for step in change[:end]:
            now += step
            passing.append(now)
        return passing


@functools.cache
def _functional_type() -> Any:
    """Returns the class of the models that `keras.Model` makes of a graph."""
    tensor = keras.Input((1,))
    return type(keras.Model(tensor, tensor))
