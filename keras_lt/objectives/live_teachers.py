"""Teachers that look at each batch."""

from collections.abc import Sequence
from typing import Any

from keras_lt.image_shapes import common_shape
from keras_lt.image_shapes import shapes_agree
from keras_lt.objectives.frozen_copies import FrozenCopies
from keras_lt.objectives.teacher import Teacher
from keras_lt.types import Tensor


class LiveTeachers:
    """Computes what teachers make of the images that the student gets.

    Args:
        teachers: Models or `Teacher`s, one or more.

    Attributes:
        feature_dims: Size of the features of each.
        num_classes: Number of logits of each; None if they have none, or of
            different classes.
        image_shape: Shape of an image that all of them take.
        copies: A layer with copies of their variables.

    Raises:
        ValueError: If there is none, or they take different images.
    """

    def __init__(self, teachers: Sequence[Any]) -> None:
        if not isinstance(teachers, list | tuple) or not teachers:
            raise ValueError(
                "`teachers` must be a list of one model or more. Received: "
                f"teachers={teachers!r}. Pass `[model]`, trained before."
            )
        self._teachers = [Teacher.of(one) for one in teachers]
        self.feature_dims = [one.feature_dim for one in self._teachers]
        self.image_shape = self._teachers[0].image_shape
        for one in self._teachers:
            self._check_images(one)
            self.image_shape = common_shape(self.image_shape, one.image_shape)
        classes = {one.num_classes for one in self._teachers}
        self.num_classes = classes.pop() if len(classes) == 1 else None
        self.copies = FrozenCopies(
            [variable for one in self._teachers for variable in one.variables]
        )

    def outputs(self, x: Tensor, y: Any) -> tuple[list[Tensor], Tensor | None]:
        """Returns the features of each teacher, and the mean of the logits."""
        with self.copies.in_place():
            found = [teacher(x) for teacher in self._teachers]
        features = [one["features"] for one in found]
        if self.num_classes is None:
            return features, None
        return features, sum(one["logits"] for one in found) / len(found)

    def check_data(self, x: Any, y: Any) -> None:
        """Raises if the data lack something; any data will do."""

    def _check_images(self, teacher: Teacher) -> None:
        if shapes_agree(teacher.image_shape, self.image_shape):
            return
        raise ValueError(
            "Teachers must take the same images. Received: "
            f"{teacher.model.name!r}, which takes {teacher.image_shape}, and "
            f"one that takes {self.image_shape}. Begin one of them with a "
            "`keras.layers.Resizing`."
        )
