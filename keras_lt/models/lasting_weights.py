"""Class weights that a training changes for a while."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from keras_lt.types import Tensor


class LastingWeights:
    """Remembers the class weights of a model while `fit` has others.

    Weights that belong to an epoch must not come out of a file, nor stay after
    an error, or the next training would go on with them in silence.

    Args:
        variable: The class weights.
    """

    def __init__(self, variable: keras.Variable) -> None:
        self._variable = variable
        self._lasting: Tensor | None = None

    def replace(self, values: Any) -> None:
        """Sets class weights until `put_back`."""
        if self._lasting is None:
            self._lasting = self._now()
        # A copy, as a step of JAX takes the memory of what is assigned.
        self._variable.assign(
            ops.copy(ops.convert_to_tensor(values, "float32"))
        )

    def put_back(self) -> None:
        """Ends what `replace` began, if it did."""
        if self._lasting is not None:
            self._variable.assign(self._lasting)
            self._lasting = None

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Puts them back in a `with` block, which may save or load them."""
        if self._lasting is None:
            yield
            return
        now = self._now()
        self._variable.assign(self._lasting)
        try:
            yield
            self._lasting = self._now()
        finally:
            self._variable.assign(now)

    def _now(self) -> Tensor:
        # Not by NumPy, which cannot read what is on other machines.
        return ops.copy(ops.convert_to_tensor(self._variable))
