"""What a cache refuses, so that no batch gets the outputs of another."""

import json
import shutil

import keras
import numpy as np
import pytest

from keras_lt import samplers
from keras_lt.data import transforms
from keras_lt.objectives import FeatureDistillation
from keras_lt.objectives import LogitDistillation
from keras_lt.objectives import TeacherCache
from keras_lt.objectives import projection_dim
from tests.objectives.teacher_cache.cache_examples import CROPS
from tests.objectives.teacher_cache.cache_examples import IMAGES
from tests.objectives.teacher_cache.cache_examples import LABELS
from tests.objectives.teacher_cache.cache_examples import PLAIN
from tests.objectives.teacher_cache.cache_examples import make_batches
from tests.objectives.teacher_cache.cache_examples import make_teacher

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


def test_epochs_are_those_that_all_teachers_have(tmp_path, teacher):
    cache = TeacherCache(tmp_path, "float32")
    cache.add(teacher, make_batches(), epochs=2, verbose=0)
    cache.add(make_teacher(1), make_batches(), epochs=1, verbose=0)
    assert cache.epochs == 1
    cached = cache.batches(make_batches())
    assert len(cached[0][1]["teacher_features"]) == 8
    cached.set_epoch(1)
    with pytest.raises(ValueError, match="Received: 1 epochs.*epoch 2"):
        cached[0]


def test_other_dtypes_are_refused_where_teachers_are_added(folder, teacher):
    cache = TeacherCache(folder, "float16")
    cache.batches(make_batches())
    with pytest.raises(ValueError, match="dtype='float16'"):
        cache.add(teacher, make_batches(), epochs=3, verbose=0)
    with pytest.raises(ValueError, match="`dtype` must be one of"):
        TeacherCache(folder, "bfloat16")


def test_a_cache_has_the_logits_of_all_teachers_or_of_none(folder, teacher):
    cache = TeacherCache(folder, "float32", logits=False)
    with pytest.raises(ValueError, match="logits=False.*with logits=True"):
        cache.add(teacher, make_batches(), epochs=3, verbose=0)


def test_caches_of_other_versions_are_refused(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    path = copy / "teacher_1" / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "keras_lt": "0.0.1"}))
    with pytest.raises(ValueError, match="keras_lt=.*with keras_lt='0.0.1'"):
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


def test_names_that_something_else_has(tmp_path, teacher, runs):
    (tmp_path / "teacher_1").mkdir()
    cache = TeacherCache(tmp_path)
    with pytest.raises(ValueError, match="teacher_1', which holds no teacher"):
        cache.add(teacher, make_batches(), 1, verbose=0)
    assert not runs
    cache.add(teacher, make_batches(), 1, "other", verbose=0)
    assert cache.names == ["other"]


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
    for make in (FeatureDistillation, LogitDistillation, projection_dim):
        with pytest.raises(ValueError, match="A cache must hold one teacher"):
            make(cache)
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
