"""What is in the folder of a cache, by name, and whole."""

import json
import shutil

import numpy as np
import pytest

from keras_lt.objectives import TeacherCache
from tests.objectives.teacher_cache.cache_examples import make_batches
from tests.objectives.teacher_cache.cache_examples import make_teacher


@pytest.fixture
def copy(folder, tmp_path):
    """A copy of the cache, to be harmed."""
    shutil.copytree(folder, tmp_path / "copy")
    return tmp_path / "copy"


def test_names_and_order(tmp_path, runs):
    teachers = [make_teacher(seed, dim=3 + seed) for seed in range(4)]
    cache = TeacherCache(tmp_path)
    batches = make_batches(transform=None)
    for teacher in teachers[:2]:
        cache.add(teacher, batches, verbose=0)
    cache.add(teachers[2], batches, name="a_wide_one", verbose=0)
    assert cache.names == ["teacher_1", "teacher_2", "a_wide_one"]
    assert TeacherCache(tmp_path).feature_dims == [3, 4, 5]
    cache.remove("teacher_1")
    assert cache.names == ["teacher_2", "a_wide_one"]
    cache.add(teachers[3], batches, verbose=0)
    assert cache.feature_dims == TeacherCache(tmp_path).feature_dims
    assert cache.names == ["teacher_2", "a_wide_one", "teacher_1"]
    assert cache.feature_dims == [4, 5, 6]
    assert repr(cache).endswith(f"names={cache.names})")
    cache.remove()
    assert (len(cache), cache.image_shape, cache.epochs) == (0, None, None)
    assert not len(TeacherCache(tmp_path))


@pytest.mark.parametrize("name", ["features.npy", "logits.npy", "marks.npy"])
@pytest.mark.parametrize("harm", ["shorter", "gone", "other"])
def test_files_that_are_not_whole(copy, name, harm):
    path = copy / "teacher_1" / name
    if harm == "shorter":
        path.write_bytes(path.read_bytes()[:-1])
    elif harm == "gone":
        path.unlink()
    else:
        np.save(path, np.load(path)[:-1])
    with pytest.raises(
        ValueError, match="must be whole.*teacher_1'.*Delete this folder"
    ):
        TeacherCache(copy)


def test_files_of_an_earlier_format(copy):
    path = copy / "teacher_1" / "manifest.json"
    manifest = {**json.loads(path.read_text()), "format": 1}
    del manifest["logits"]
    path.write_text(json.dumps(manifest))
    with pytest.raises(
        ValueError, match="of format 1, in place of 3. Delete this folder"
    ):
        TeacherCache(copy)


def test_pickled_arrays_are_not_read(copy):
    objects = np.array([{}, None], dtype=object)
    np.save(copy / "teacher_1" / "marks.npy", objects, allow_pickle=True)
    with pytest.raises(ValueError, match="must be whole"):
        TeacherCache(copy)
