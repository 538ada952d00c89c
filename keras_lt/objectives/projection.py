"""How wide the features of a student have to be."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_lt.layers.pooling import make_pooling
from keras_lt.objectives.cached_teachers import CachedTeachers
from keras_lt.objectives.teacher import Teacher
from keras_lt.validation import check_choice

PROJECTION_MODES = ("auto", "always", "distill_only")


def projection_dim(
    teachers: Sequence[Any],
    backbone: keras.Model | None = None,
    projection_mode: str = "auto",
) -> int | None:
    """Returns the `projection_dim` of a student of these teachers.

    Args:
        teachers: Models or `Teacher`s, one or more; or a `TeacherCache`.
        backbone: That of the student. Without it, its features are taken to
            be of another size than those of a teacher.
        projection_mode: `"auto"` for no projection if there is one teacher
            with features of the size that the backbone has, and else one;
            `"always"` for one; `"distill_only"` for none, as
            `FeatureDistillation` then brings its own.

    Returns:
        The sum of the sizes of the teachers' features, or None.

    Example:

    >>> from keras_lt import models, objectives
    >>> backbone = models.resnet20((8, 8, 1))
    >>> teacher = models.LongTailModel(models.resnet20((8, 8, 1)), 10)
    >>> objectives.projection_dim([teacher, teacher])
    128
    >>> objectives.projection_dim([teacher], backbone) is None
    True
    """
    check_choice("projection_mode", projection_mode, PROJECTION_MODES)
    if hasattr(teachers, "feature_dims"):
        dims = CachedTeachers(teachers).feature_dims
    else:
        dims = [Teacher.of(one).feature_dim for one in teachers]
    if projection_mode == "distill_only":
        return None
    if projection_mode == "auto" and backbone is not None and len(dims) == 1:
        shape = backbone.outputs[0].shape
        if make_pooling(shape).compute_output_shape(shape)[-1] == dims[0]:
            return None
    return sum(dims)
