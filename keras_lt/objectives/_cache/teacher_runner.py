"""Runs a teacher over batches of images, as one compiled function."""

import keras
import numpy as np

from keras_lt.data.padded_prediction import predict_padded
from keras_lt.objectives.teacher import Teacher
from keras_lt.types import Tensor


class TeacherRunner(keras.Model):
    """Gives the outputs of a teacher for batches of images.

    A batch that is not full is padded, so that one shape is compiled.

    Args:
        teacher: The teacher.
        batch_size: Number of images of a full batch.
    """

    def __init__(self, teacher: Teacher, batch_size: int):
        # The teacher itself casts, where it computes in half precision.
        super().__init__(dtype="float32")
        self.network = teacher.model  # Compiled code needs its variables.
        self.teacher = teacher
        self.batch_size = batch_size

    def call(self, inputs: Tensor) -> dict[str, Tensor]:
        return self.teacher(inputs)

    def outputs(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Returns `features` and, if the teacher has them, `logits`."""
        return predict_padded(self, images, self.batch_size)
