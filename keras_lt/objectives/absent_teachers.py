"""What a saved student knows of its teachers."""

from collections.abc import Sequence
from typing import Any
from typing import NoReturn

from keras_lt.types import Tensor


class AbsentTeachers:
    """Stands for the teachers of a student that was loaded from a file.

    Args:
        feature_dims: Size of the features of each teacher.
        num_classes: Number of logits; None if there were none.
    """

    image_shape = None
    copies = None

    def __init__(
        self, feature_dims: Sequence[int], num_classes: int | None
    ) -> None:
        self.feature_dims = list(feature_dims)
        self.num_classes = num_classes

    def outputs(self, x: Tensor, y: Any) -> NoReturn:
        """Raises, as there is nothing to learn from."""
        self.check_data(x, y)

    def check_data(self, x: Any, y: Any) -> NoReturn:
        """Raises, whatever the data."""
        raise ValueError(
            "A student must have its teachers to be trained. Received: a model "
            "from a file, which does not hold them. Call `compile` with "
            "`objectives=[...]`, made of the teachers, before `fit`."
        )
