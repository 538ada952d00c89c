"""Computes the outputs of a teacher for a cache."""

from collections.abc import Sequence

import keras

from keras_lt.objectives._cache.image_marks import image_marks
from keras_lt.objectives._cache.stored_outputs import check_marks
from keras_lt.objectives._cache.stored_teacher import StoredTeacher
from keras_lt.objectives._cache.teacher_runner import TeacherRunner
from keras_lt.objectives._cache.views import CacheViews
from keras_lt.objectives._cache.writer import CacheWriter
from keras_lt.objectives.teacher import Teacher


def compute_outputs(
    teacher: Teacher,
    views: CacheViews,
    writer: CacheWriter,
    others: Sequence[StoredTeacher],
    verbose: int,
) -> None:
    """Writes the outputs of all views that are not done yet.

    Args:
        teacher: The teacher.
        views: The images.
        writer: Where the outputs go.
        others: Teachers in the cache, which must have seen the same images.
        verbose: 0 for no progress bar.
    """
    runner = TeacherRunner(teacher, views.batch_size)
    bar = keras.utils.Progbar(len(views), verbose=verbose, unit_name="batch")
    for number, entries, images in views.after(writer.done):
        marks = image_marks(images)
        for other in others:
            check_marks(marks, other.marks.reshape(-1)[entries])
        writer.append({**runner.outputs(images), "marks": marks})
        bar.update(number + 1)
