"""Finds layers of a backbone by name, and says what to do if it cannot."""

import difflib
from collections.abc import Sequence

import keras

from keras_lt.graph.operations import Place
from keras_lt.graph.operations import is_graph
from keras_lt.graph.operations import places


class LayerNames:
    """Finds the places in a backbone that a user names.

    A name is that of a layer or operation, `inner/layer` for a layer of a
    model inside the backbone, or a level of a feature pyramid, such as `P3`,
    in the backbones of keras-cv and keras-hub.
    """

    def __init__(self, backbone: keras.Model) -> None:
        self.backbone = backbone
        self.places = places(backbone)
        self.by_path = {place.path: place for place in self.places}
        self.levels = _pyramid_levels(backbone, "")

    def find(self, argument: str, name: str) -> Place:
        """Returns the one call that `name` stands for."""
        place = self.by_path.get(self.levels.get(name, name))
        place = self.by_path.get(name, place)
        if place is None:
            raise ValueError(self._unknown(argument, name))
        if place.calls > 1:
            raise ValueError(
                f"`{argument}` must name layers that are called once. "
                f"Received: {name!r}, which {self.backbone.name!r} calls "
                f"{place.calls} times. Follow it by a layer of its own, such "
                "as `keras.layers.Identity(name=...)`, and name that."
            )
        if place.outputs != 1:
            raise ValueError(
                f"`{argument}` must name layers with one output. "
                f"Received: {name!r}, which has {place.outputs}. Follow it by "
                "a layer that takes the one that matters, and name that."
            )
        return self.by_path[place.target]

    def find_exit(self, argument: str, name: str) -> Place:
        """Returns the call after which the backbone can be cut."""
        place = self.find(argument, name)
        if place.is_output:
            raise ValueError(
                f"`{argument}` must name layers before the output of the "
                f"backbone, which is the last exit anyway. Received: {name!r}, "
                f"whose output is that of {self.backbone.name!r}. Leave it "
                "out."
            )
        if not place.is_cut:
            raise ValueError(
                f"`{argument}` must name layers that all data pass. "
                f"Received: {name!r}, which other paths through "
                f"{self.backbone.name!r} lead around. {self._nearest(place)}"
            )
        return place

    def valid_exits(self) -> list[str]:
        """Returns the paths at which the backbone can be cut, in order."""
        return [
            place.path
            for place in self.places
            if place.is_cut
            and place.path == place.target
            and place.calls == 1
            and not place.is_output
        ]

    def _nearest(self, place: Place) -> str:
        valid = set(self.valid_exits())
        index = self.places.index(place)
        before = [p.path for p in self.places[:index] if p.path in valid]
        after = [p.path for p in self.places[index:] if p.path in valid]
        nearest = []
        if before:
            nearest.append(f"{before[-1]!r} before it")
        if after:
            nearest.append(f"{after[0]!r} after it")
        if not nearest:
            return "The backbone cannot be cut anywhere."
        return f"The nearest that will do: {' and '.join(nearest)}."

    def _unknown(self, argument: str, name: str) -> str:
        names = [*self.by_path, *self.levels]
        ends = {path.rsplit("/", 1)[-1]: path for path in reversed(names)}
        wanted = name.rsplit("/", 1)[-1]
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.3)
        inside = difflib.get_close_matches(wanted, ends, n=1, cutoff=0.8)
        near = list(dict.fromkeys([*(ends[end] for end in inside), *near]))
        return (
            f"`{argument}` must name layers of the backbone. Received: "
            f"{name!r}, which {self.backbone.name!r} does not have. The "
            f"nearest of its {len(names)} names: {near[:3] or names[-3:]}."
        )


def _pyramid_levels(model: keras.Model, prefix: str) -> dict[str, str]:
    """Returns the path that each pyramid level stands for, also of models."""
    levels = {}
    for layer in model.layers:
        if is_graph(layer):
            levels.update(_pyramid_levels(layer, f"{prefix}{layer.name}/"))
    # keras-cv gives names of layers, keras-hub gives tensors.
    named = dict(getattr(model, "pyramid_level_inputs", None) or {})
    tensors = getattr(model, "pyramid_outputs", None) or {}
    if tensors:
        ends = keras.Model(model.input, list(tensors.values()))
        named.update(zip(tensors, ends.output_names, strict=True))
    levels.update({f"{prefix}{key}": prefix + to for key, to in named.items()})
    return levels


def check_names(argument: str, names: Sequence[str]) -> tuple[str, ...]:
    """Returns the names, or raises unless they are a sequence of strings."""
    if isinstance(names, str):
        raise ValueError(
            f"`{argument}` must be a list of names. Received: the string "
            f"{names!r}. Write {argument}=[{names!r}]."
        )
    names = tuple(names)
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong:
        raise ValueError(
            f"`{argument}` must be a list of names. Received: {wrong[0]!r} "
            "among them. Use the `name` of the layer."
        )
    return names
