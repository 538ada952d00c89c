"""A teacher, what a cache has of it, and how often it was asked."""

import pytest

from keras_lt.objectives import TeacherCache
from keras_lt.objectives._cache.teacher_runner import TeacherRunner
from tests.objectives.teacher_cache.cache_examples import make_batches
from tests.objectives.teacher_cache.cache_examples import make_teacher


@pytest.fixture(scope="module")
def teacher():
    return make_teacher()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, teacher):
    """A cache of three epochs, which tests must not change."""
    folder = tmp_path_factory.mktemp("cache")
    cache = TeacherCache(folder, "float32")
    cache.add(teacher, make_batches(), epochs=3, verbose=0)
    return folder


@pytest.fixture
def runs(monkeypatch):
    """The number of batches that teachers have looked at."""
    sizes, outputs = [], TeacherRunner.outputs

    def counted(self, images):
        sizes.append(len(images))
        return outputs(self, images)

    monkeypatch.setattr(TeacherRunner, "outputs", counted)
    return sizes
