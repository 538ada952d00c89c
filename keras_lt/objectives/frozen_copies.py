"""Variables that a compiled step reads, and nobody trains or saves."""

from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lt.validation import check_finite


class FrozenCopies(keras.layers.Layer):
    """Holds copies of the variables of models that are only read.

    A compiled step of JAX takes the variables that a model tracks as
    arguments, and builds all others into the program as constants. So those of
    teachers have to be tracked; as copies, since what is tracked is trained if
    its owner says so. They stay out of files: a student is whole without its
    teachers.

    Args:
        variables: What to copy.
    """

    def __init__(self, variables: Sequence[keras.Variable]) -> None:
        super().__init__(name="teachers", dtype="float32", trainable=False)
        self._originals = _Untracked(variables)
        self.copies = [
            self._copy(index, variable)
            for index, variable in enumerate(variables)
        ]
        self.built = True

    def in_place(self) -> Any:
        """Returns a context in which the models compute with the copies.

        What they would assign in it is dropped.
        """
        values = [ops.convert_to_tensor(copy) for copy in self.copies]
        pairs = zip(self._originals, values, strict=True)
        return keras.StatelessScope(state_mapping=list(pairs))

    def save_own_variables(self, store: Any) -> None:
        """Saves nothing."""

    def load_own_variables(self, store: Any) -> None:
        """Loads nothing."""

    def _copy(self, index: int, variable: keras.Variable) -> keras.Variable:
        value = np.array(ops.convert_to_numpy(variable))
        check_finite(
            f"variable {variable.path} of a teacher", np.atleast_1d(value)
        )
        copy = self.add_weight(
            name=f"variable_{index}",
            shape=variable.shape,
            dtype=variable.dtype,
            initializer="zeros",
            trainable=False,
        )
        copy.assign(value)
        return copy


class _Untracked:
    """A sequence that Keras does not look into."""

    def __init__(self, items: Sequence[Any]) -> None:
        self._items = tuple(items)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)
