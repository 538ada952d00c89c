"""Work that was stopped goes on, and nothing is lost or computed twice."""

import errno
import json
import shutil
import threading

import numpy as np
import pytest

from keras_lt.objectives import TeacherCache
from keras_lt.objectives._cache import writer
from keras_lt.objectives._cache.growing_array import GrowingArray
from keras_lt.objectives._cache.lock import only_writer
from keras_lt.objectives._cache.teacher_runner import TeacherRunner
from keras_lt.objectives._cache.writer import PARTIAL
from keras_lt.objectives._cache.writer import CacheWriter
from tests.objectives.teacher_cache.cache_examples import CROPS
from tests.objectives.teacher_cache.cache_examples import PLAIN
from tests.objectives.teacher_cache.cache_examples import expected
from tests.objectives.teacher_cache.cache_examples import make_batches
from tests.objectives.teacher_cache.cache_examples import make_teacher


def arrays(folder, name="teacher_1"):
    return {
        path.name: np.load(path)
        for path in sorted((folder / name).glob("*.npy"))
    }


def assert_same_arrays(first, second):
    assert sorted(first) == sorted(second)
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name])


def test_what_is_there_is_not_computed_again(folder, teacher, runs):
    rebuilt = make_teacher(0)  # Its layers have other names.
    for one in (teacher, rebuilt):
        cache = TeacherCache(folder, "float32")
        assert (cache.names, cache.epochs) == (["teacher_1"], 3)
        for epochs in (3, 2):
            cache.add(one, make_batches(), epochs=epochs, verbose=0)
        assert cache.names == ["teacher_1"]
    assert not runs
    cache.batches(make_batches())


def stop_after(monkeypatch, count, error=KeyboardInterrupt):
    outputs, calls = TeacherRunner.outputs, []

    def stopping(self, images):
        calls.append(len(images))
        if len(calls) > count:
            raise error
        return outputs(self, images)

    monkeypatch.setattr(TeacherRunner, "outputs", stopping)


@pytest.mark.parametrize("by_row", [True, False])
def test_stopped_work_goes_on(tmp_path, teacher, monkeypatch, by_row):
    options = {"transform": PLAIN if by_row else CROPS, "batch_size": 4}
    whole = TeacherCache(tmp_path / "whole")
    whole.add(teacher, make_batches(**options), epochs=2, verbose=0)
    stopped = tmp_path / "stopped"
    for _ in range(2):
        with monkeypatch.context() as patch:
            stop_after(patch, 2)
            with pytest.raises(KeyboardInterrupt):
                cache = TeacherCache(stopped)
                cache.add(teacher, make_batches(**options), 2, verbose=0)
        assert len(TeacherCache(stopped)) == 0
        with pytest.raises(ValueError, match="one teacher or more"):
            cache.batches(make_batches(**options))
    with monkeypatch.context() as patch:
        stop_after(patch, 2 if by_row else 8)  # What 12 or 6 batches leave.
        cache.add(teacher, make_batches(**options), 2, verbose=0)
    assert_same_arrays(arrays(stopped), arrays(tmp_path / "whole"))
    assert sorted(path.name for path in (stopped / "teacher_1").iterdir()) == [
        "features.npy",
        "logits.npy",
        "manifest.json",
        "marks.npy",
    ]


def test_a_killed_process_loses_what_was_not_saved(
    tmp_path, teacher, monkeypatch, runs
):
    with monkeypatch.context() as patch:
        stop_after(patch, 4)
        patch.setattr(writer, "_SECONDS", -1.0)  # Saves every batch.
        patch.setattr(CacheWriter, "__exit__", lambda *_: None)
        cache = TeacherCache(tmp_path)
        with pytest.raises(KeyboardInterrupt):
            cache.add(teacher, make_batches(), 2, verbose=0)
    progress = json.loads((tmp_path / ".partial" / "progress.json").read_text())
    assert progress["done"] == 30
    # As if one more batch had been on its way to the disk.
    for path in (tmp_path / ".partial").glob("*.npy"):
        with path.open("ab") as file:
            file.write(b"torn" * 7)
    runs.clear()
    cache.add(teacher, make_batches(), 2, verbose=0)
    assert runs == [8, 6]
    cached = cache.batches(make_batches())
    cached.set_epoch(1)
    for index in range(3):
        x, y = cached[index]
        features = expected(teacher, x)[0]
        np.testing.assert_allclose(y["teacher_features"], features, rtol=2e-3)


def test_other_work_starts_over(tmp_path, teacher, monkeypatch, runs):
    cache = TeacherCache(tmp_path)
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            cache.add(teacher, make_batches(), 1, verbose=0)
    runs.clear()
    other = make_teacher(1)
    cache.add(other, make_batches(), 1, verbose=0)
    assert runs == [8, 8, 6]
    x, y = cache.batches(make_batches())[1]
    features = expected(other, x)[0]
    np.testing.assert_allclose(y["teacher_features"], features, rtol=2e-3)
    (tmp_path / ".partial").mkdir()
    (tmp_path / ".partial" / "progress.json").write_text("{")
    cache.add(teacher, make_batches(), 1, verbose=0)
    assert cache.names == ["teacher_1", "teacher_2"]


def test_a_disk_without_room_is_found_before_the_work(
    tmp_path, teacher, monkeypatch, runs
):
    cache = TeacherCache(tmp_path)
    # 2 * 22 entries of 9 numbers of 2 bytes and a mark of 4.
    usage = shutil.disk_usage(tmp_path)._replace(free=2 * 22 * 22 - 1)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: usage)
        with pytest.raises(
            OSError, match="must be room .* 9.68e-07 GB"
        ) as info:
            cache.add(teacher, make_batches(), 2, verbose=0)
        assert info.value.errno == errno.ENOSPC
        assert not runs and not len(cache)
        usage = usage._replace(free=2 * 22 * 22)
        cache.add(teacher, make_batches(), 2, verbose=0)
    assert len(cache) == 1


@pytest.mark.parametrize("method", ["append", "save"])
def test_a_disk_that_fills_up(tmp_path, teacher, monkeypatch, method):
    cache, calls = TeacherCache(tmp_path), []
    original = getattr(GrowingArray, method)

    def full(self, *values):
        calls.append(method)
        if len(calls) > (7 if method == "append" else 1):
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(self, *values)

    with monkeypatch.context() as patch:
        patch.setattr(GrowingArray, method, full)
        with pytest.raises(OSError, match="could not be written: No") as info:
            cache.add(teacher, make_batches(), 2, verbose=0)
    assert info.value.errno == errno.ENOSPC
    assert not len(cache) and not len(TeacherCache(tmp_path))
    cache.add(teacher, make_batches(), 2, verbose=0)
    cached = cache.batches(make_batches())
    cached.set_epoch(1)
    x, y = cached[2]
    features = expected(teacher, x)[0]
    np.testing.assert_allclose(y["teacher_features"], features, rtol=2e-3)


def test_removal_waits_for_a_writer(tmp_path):
    pytest.importorskip("fcntl")
    cache = TeacherCache(tmp_path)
    partial = tmp_path / PARTIAL
    partial.mkdir()
    thread = threading.Thread(target=cache.remove)
    with only_writer(tmp_path):
        thread.start()
        thread.join(timeout=0.3)
        assert thread.is_alive() and partial.exists()
    thread.join()
    assert not partial.exists()


def test_one_of_two_writers_waits_for_the_other(tmp_path, teacher, runs):
    pytest.importorskip("fcntl")
    caches = [TeacherCache(tmp_path) for _ in range(2)]
    threads = [
        threading.Thread(
            target=cache.add,
            args=(teacher, make_batches(num_threads=0), 2),
            kwargs={"verbose": 0},
        )
        for cache in caches
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [cache.names for cache in caches] == [["teacher_1"]] * 2
    assert len(runs) == 6
