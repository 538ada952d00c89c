"""Takes the graph of a model apart into models that share its layers."""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import keras

from keras_lt.graph.operations import replay
from keras_lt.types import Tensor

Steps = tuple[str, ...]
"""The names that lead to an operation, through the models around it."""


class Part(NamedTuple):
    """A part of a graph, and the names of the taps that it returns too."""

    model: keras.Model
    held: Sequence[str]


def single_ends(model: keras.Model) -> keras.Model:
    """Returns the graph of a model that takes one tensor and returns one."""
    return keras.Model(model.inputs[0], model.outputs[0], name=model.name)


def new_input(model: keras.Model) -> keras.KerasTensor:
    """Returns a symbolic input like the one that a model takes."""
    own = model.inputs[0]
    return keras.Input(own.shape[1:], dtype=own.dtype)


def split(
    model: keras.Model,
    cuts: Sequence[Steps],
    taps: Mapping[str, Steps],
    label: str = "part",
) -> list[Part]:
    """Splits a graph at places that are known to be cuts, given in order.

    A part that holds some of `taps`, the places whose outputs are wanted as
    well, returns a mapping with `out` and `features/<name>`. A model inside
    that holds a cut or a tap is itself called in parts, not taken apart into
    its layers: these may have the names of layers outside, and it may have
    been called with arguments that hold for all of them.
    """
    tensors: dict[Steps, Tensor] = {}

    def call(operation: Any, *args: Any, **kwargs: Any) -> Tensor:
        name = operation.name
        inner_cuts = _inside(name, cuts)
        inner_taps = {"/".join(s): s for s in _inside(name, taps.values())}
        if inner_cuts or inner_taps:
            parts = split(operation, inner_cuts, inner_taps)
            outputs, made = _call_parts(parts, inner_cuts, args, kwargs)
            tensors.update({(name, *steps): t for steps, t in made.items()})
        else:
            outputs = operation(*args, **kwargs)
        tensors[(name,)] = outputs
        return outputs

    graph = replay(model, call)
    order = {steps: position for position, steps in enumerate(tensors)}
    starts = [graph.input, *(tensors[steps] for steps in cuts)]
    ends = [*starts[1:], graph.output]
    borders = [-1, *(order[steps] for steps in cuts), len(order)]
    parts = []
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        held = {
            name: tensors[steps]
            for name, steps in taps.items()
            if borders[number] < order[steps] <= borders[number + 1]
        }
        outputs = {f"features/{name}": tensor for name, tensor in held.items()}
        part = _between(
            start,
            {"out": end, **outputs} if held else end,
            f"{model.name}_{label}_{number + 1}",
        )
        parts.append(Part(part, list(held)))
    return parts


def _between(start: Any, end: Any, name: str) -> keras.Model:
    """Makes a model of what is between tensors of one graph."""
    # A graph that begins at an inner tensor cannot return one tensor twice,
    # but a graph that begins at an input can.
    tensors = {id(tensor): tensor for tensor in keras.tree.flatten(end)}
    part = keras.Model(start, list(tensors.values()))
    made = dict(zip(tensors, part.outputs, strict=True))
    outputs = keras.tree.map_structure(lambda tensor: made[id(tensor)], end)
    return keras.Model(part.input, outputs, name=name)


def _inside(name: str, places: Iterable[Steps]) -> list[Steps]:
    return [steps[1:] for steps in places if steps[0] == name and steps[1:]]


def _call_parts(
    parts: Sequence[Part],
    cuts: Sequence[Steps],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[Any, dict[Steps, Tensor]]:
    """Calls parts one after the other, as the whole was called.

    Returns the outputs of the last, and the tensors at taps and cuts.
    """
    training = kwargs.get("training")
    made: dict[Steps, Tensor] = {}
    outputs: Any = None
    for number, part in enumerate(parts):
        outputs = part.model(*args, **kwargs)
        if part.held:
            for name in part.held:
                made[tuple(name.split("/"))] = outputs[f"features/{name}"]
            outputs = outputs["out"]
        if number < len(cuts):
            made[cuts[number]] = outputs
        args, kwargs = (outputs,), {"training": training}
    return outputs, made
