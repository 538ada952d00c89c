"""What a cache refuses, and what becomes of work that was stopped."""

import errno
import json
import shutil
import threading

import keras
import numpy as np
import pytest

from keras_lt import samplers
from keras_lt.data import transforms
from keras_lt.objectives import TeacherCache
from keras_lt.objectives._cache import writer
from keras_lt.objectives._cache.growing_array import GrowingArray
from keras_lt.objectives._cache.lock import only_writer
from keras_lt.objectives._cache.teacher_runner import TeacherRunner
from keras_lt.objectives._cache.writer import PARTIAL
from keras_lt.objectives._cache.writer import CacheWriter
from tests.objectives.cache_examples import CROPS
from tests.objectives.cache_examples import IMAGES
from tests.objectives.cache_examples import LABELS
from tests.objectives.cache_examples import PLAIN
from tests.objectives.cache_examples import expected
from tests.objectives.cache_examples import make_batches
from tests.objectives.cache_examples import make_teacher


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


CHANGED = IMAGES.copy()
CHANGED[21, 5, 5, 2] ^= 1
OTHER_LABELS = np.roll(LABELS, 1)

STALE = [
    ({"seed": 4}, r"order\.seed=4,.* with order\.seed=3"),
    ({"batch_size": 7}, r"order\.batch_size=7"),
    ({"sampler": samplers.InstanceBalanced()}, r"order\.sampler\.class=.*Inst"),
    ({"last_batch": "drop"}, r"order\.last_batch='drop'"),
    ({"shard": (1, 2)}, r"order\.shard\[0\]=1"),
    ({"transform": transforms.RandomFlip(0.1)}, r"transform\.class="),
    (
        {
            "transform": transforms.Compose(
                [transforms.RandomCrop(1), *CROPS.transforms[1:]]
            )
        },
        r"transform\.transforms\[0\]\.padding=1,.*padding=2",
    ),
    ({"transform": PLAIN}, r"transform\.class="),
    ({"examples": (CHANGED, LABELS)}, r"data\.images\.sha256="),
    ({"examples": (IMAGES, OTHER_LABELS)}, r"data\.labels_sha256="),
    ({"examples": (IMAGES[:-1], LABELS[:-1])}, r"data\.examples=21,"),
]


@pytest.mark.parametrize("options, message", STALE)
def test_other_batches_are_refused(folder, teacher, options, message):
    cache = TeacherCache(folder, "float32")
    batches = make_batches(**options)
    with pytest.raises(ValueError, match=message):
        cache.batches(batches)
    for one in (teacher, make_teacher(5)):
        with pytest.raises(ValueError, match=f"{message}.*cache.remove"):
            cache.add(one, batches, epochs=3, verbose=0)
    assert cache.names == ["teacher_1"]


def test_samplers_of_other_settings_are_refused(tmp_path, teacher):
    cache = TeacherCache(tmp_path)
    power = {"sampler": samplers.PowerLaw(0.5)}
    cache.add(teacher, make_batches(**power), epochs=1, verbose=0)
    with pytest.raises(ValueError, match=r"order\.sampler\.q=0\.25"):
        cache.batches(make_batches(sampler=samplers.PowerLaw(0.25)))


def test_more_epochs_are_refused(folder, teacher):
    cache = TeacherCache(folder, "float32")
    with pytest.raises(ValueError, match="epochs=4, and a cache .* epochs=3"):
        cache.add(teacher, make_batches(), epochs=4, verbose=0)
    cached = cache.batches(make_batches())
    cached.set_epoch(3)
    with pytest.raises(ValueError, match="Received: 3 epochs.*epoch 4"):
        cached[0]


def test_other_dtypes_are_refused_where_teachers_are_added(folder, teacher):
    cache = TeacherCache(folder, "float16")
    cache.batches(make_batches())
    with pytest.raises(ValueError, match="dtype='float16'"):
        cache.add(teacher, make_batches(), epochs=3, verbose=0)
    with pytest.raises(ValueError, match="`dtype` must be one of"):
        TeacherCache(folder, "bfloat16")


@pytest.mark.parametrize("key, value", [("format", 0), ("keras_lt", "0.0.1")])
def test_caches_of_other_versions_are_refused(folder, tmp_path, key, value):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    path = copy / "teacher_1" / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, key: value}))
    with pytest.raises(ValueError, match=f"{key}=.*with {key}={value!r}"):
        TeacherCache(copy).batches(make_batches())


@pytest.mark.parametrize(
    "change, message",
    [("weights", "weights_sha256"), ("activation", "config_sha256")],
)
def test_another_teacher_of_the_same_name(folder, change, message, runs):
    other = make_teacher()
    if change == "weights":
        bias = other.model.layers[3].bias
        bias.assign(bias + 1e-6)
    else:
        other.model.layers[3].activation = keras.activations.tanh
    cache = TeacherCache(folder, "float32")
    with pytest.raises(ValueError, match=f"'teacher_1' must be .*{message}"):
        cache.add(other, make_batches(), epochs=3, verbose=0)
    assert not runs


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


@pytest.mark.parametrize("name", ["features.npy", "logits.npy", "marks.npy"])
@pytest.mark.parametrize("harm", ["shorter", "gone", "other"])
def test_files_that_are_not_whole(folder, tmp_path, name, harm):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    path = copy / "teacher_1" / name
    if harm == "shorter":
        path.write_bytes(path.read_bytes()[:-1])
    elif harm == "gone":
        path.unlink()
    else:
        np.save(path, np.load(path)[:-1])
    with pytest.raises(ValueError, match=r"must be whole.*remove\('teacher_1'"):
        TeacherCache(copy)


def test_pickled_arrays_are_not_read(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    objects = np.array([{}, None], dtype=object)
    np.save(copy / "teacher_1" / "marks.npy", objects, allow_pickle=True)
    with pytest.raises(ValueError, match="must be whole"):
        TeacherCache(copy)


def test_transforms_that_cannot_be_cached(tmp_path, teacher):
    noise = np.random.default_rng(0)

    def elsewhere(images, labels, generator):
        return images + noise.normal(size=images.shape), labels

    class Dishonest(transforms.RandomFlip):
        random = False

    for transform in (elsewhere, Dishonest()):
        cache = TeacherCache(tmp_path)
        with pytest.raises(ValueError, match="must give the same images"):
            cache.add(teacher, make_batches(transform=transform), 1, verbose=0)
        assert not len(cache)
    with pytest.raises(ValueError, match="`epochs` must be given where"):
        cache.add(teacher, make_batches(), verbose=0)
    with pytest.raises(ValueError, match="`epochs` must be a whole number"):
        cache.add(teacher, make_batches(), 0, verbose=0)


def brightened(amount):
    def brighten(images, labels, generator):
        return images + amount * generator.random(), labels

    return brighten


@pytest.mark.parametrize("random", [True, False])
def test_images_that_changed_behind_the_description(tmp_path, teacher, random):
    """Functions are told by their names, and images by what they are."""
    first, second = brightened(5.0 * random), brightened(6.0)
    first.random = second.random = random
    cache = TeacherCache(tmp_path)
    cache.add(teacher, make_batches(transform=first), 2, verbose=0)
    cache.batches(make_batches(transform=first))[0]
    with pytest.raises(ValueError, match="8 other images in a batch of 8"):
        cache.batches(make_batches(transform=second))[0]
    if random:
        with pytest.raises(ValueError, match="other images in a batch"):
            batches = make_batches(transform=second)
            cache.add(make_teacher(1), batches, 2, verbose=0)
    assert len(cache) == 1


class Lazy:
    """Images that come from elsewhere."""

    def __init__(self, images):
        self._images = images

    shape = IMAGES.shape

    def __len__(self):
        return len(self._images)

    def __getitem__(self, rows):
        return self._images[rows]


def test_lazy_images_are_compared_batch_by_batch(tmp_path, teacher):
    cache = TeacherCache(tmp_path)
    options = {"transform": None, "sampler": samplers.InOrder()}
    lazy = make_batches(examples=(Lazy(IMAGES), LABELS), **options)
    cache.add(teacher, lazy, verbose=0)
    for index in range(3):
        cache.batches(lazy)[index]
    changed = IMAGES.copy()
    changed[9] = 255 - changed[9]
    other = make_batches(examples=(Lazy(changed), LABELS), **options)
    cached = cache.batches(other)
    cached[0]
    with pytest.raises(ValueError, match="1 other images .* first at place 1"):
        cached[1]


def test_teachers_and_batches_that_do_not_fit(tmp_path, teacher):
    cache = TeacherCache(tmp_path)
    other = make_teacher(shape=(8, 8, 3))
    with pytest.raises(ValueError, match=r"takes \(8, 8, 3\).*\(6, 6, 3\)"):
        cache.add(other, make_batches(), 1, verbose=0)
    with pytest.raises(ValueError, match="Received: none in"):
        cache.batches(make_batches())
    cache.add(teacher, make_batches(), 1, verbose=0)
    cached = cache.batches(make_batches())
    with pytest.raises(ValueError, match="teacher_features', 'teacher_log"):
        cache.batches(cached)
    for name in ("../up", "", ".hidden", "a/b"):
        with pytest.raises(ValueError, match="`name` must be the name"):
            cache.add(other := make_teacher(1), make_batches(), 1, name, 0)
    with pytest.raises(ValueError, match="`name` must be one of 'teacher_1'"):
        cache.remove("teacher_2")
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(ValueError, match="`folder` must be a folder"):
        TeacherCache(path)


def test_outputs_that_cannot_be_stored(tmp_path):
    great, broken = make_teacher(), make_teacher()
    great.model.layers[3].bias.assign(np.full(5, 1e5, "float32"))
    broken.model.layers[5].bias.assign(np.full(4, np.nan, "float32"))
    for teacher in (great, broken):
        cache = TeacherCache(tmp_path / "small")
        with pytest.raises(ValueError, match=" of a teacher must be finite"):
            cache.add(teacher, make_batches(), 1, verbose=0)
        assert not len(cache)
    cache = TeacherCache(tmp_path / "large", "float32")
    cache.add(great, make_batches(), 1, verbose=0)
    assert cache.batches(make_batches())[0][1]["teacher_features"].max() > 9e4


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
            args=(teacher, make_batches(threads=0), 2),
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
