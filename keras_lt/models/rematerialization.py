"""Computes the maps of a network a second time instead of keeping them."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_lt.types import Outputs
from keras_lt.types import Tensor


class Rematerialization:
    """Runs a network in parts, of each of which only the input is kept.

    The backward pass runs a part anew, with the same random numbers, when it
    needs the maps inside. `keras.RematScope` does so for layers that have no
    state; with batch normalization or dropout it fails on JAX and TensorFlow,
    and on torch it changes the result. Here the state goes in and out of a
    part as values.

    It is no layer, so that the parts, which share all they have with the
    network, are not saved with the model once more.

    Args:
        parts: Models that follow one another, as `cut` makes them.
    """

    def __init__(self, parts: Sequence[keras.Model]) -> None:
        self._parts = [_Part(part) for part in parts]

    def __call__(self, inputs: Tensor) -> Outputs:
        """Returns what the parts return in training.

        Returns:
            A mapping with `out`, and the features that the parts hold.
        """
        outputs: dict[str, Tensor] = {}
        x = inputs
        for part in self._parts:
            found = part(x)
            outputs.update(found if isinstance(found, dict) else {"out": found})
            x = outputs["out"]
        return outputs


class _Part(keras.layers.Layer):
    """Calls a model in training; a layer so that nothing is cast on the way."""

    def __init__(self, part: keras.Model) -> None:
        super().__init__(name=part.name, autocast=False)
        self.part = part
        self.built = True

    def compute_output_spec(self, inputs: Any) -> Any:
        return self.part.compute_output_spec(inputs, training=True)

    def call(self, inputs: Tensor) -> Any:
        trained = [
            ops.convert_to_tensor(one) for one in self.part.trainable_variables
        ]
        # Copies, as torch would run it anew with what is assigned below.
        state = [
            ops.copy(ops.convert_to_tensor(one))
            for one in self.part.non_trainable_variables
        ]
        changed: list[int] = []

        def run(inputs: Tensor, trained: Any, state: Any) -> Any:
            outputs, after, losses = self.part.stateless_call(
                trained, state, inputs, training=True, return_losses=True
            )
            self._check_no_more(losses)
            pairs = enumerate(zip(state, after, strict=True))
            changed[:] = [i for i, (one, two) in pairs if one is not two]
            return outputs, [after[i] for i in changed]

        outputs, after = keras.remat(run)(inputs, trained, state)
        for index, value in zip(changed, after, strict=True):
            self.part.non_trainable_variables[index].assign(value)
        return outputs

    def _check_no_more(self, losses: Sequence[Tensor]) -> None:
        """Raises if layers add losses, which would be lost on the way out."""
        penalties = [
            one for one in self.part.trainable_variables if one.regularizer
        ]
        if len(losses) > len(penalties):
            raise ValueError(
                "`rematerialize` must go with layers that add no losses of "
                "their own. Received: a backbone with an "
                "`activity_regularizer` or a layer that calls `add_loss`, "
                f"between the layers of {self.part.name!r}. Leave out "
                "`rematerialize`, or these losses."
            )
