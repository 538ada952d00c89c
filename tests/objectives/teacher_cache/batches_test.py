"""What a cache gives is what the teachers make of the same images."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

import keras_lt
from keras_lt import objectives
from keras_lt import samplers
from keras_lt.data import transforms
from keras_lt.objectives import TeacherCache
from tests.data.image_folder import write_image
from tests.objectives.teacher_cache.cache_examples import CROPS
from tests.objectives.teacher_cache.cache_examples import LABELS
from tests.objectives.teacher_cache.cache_examples import PLAIN
from tests.objectives.teacher_cache.cache_examples import N
from tests.objectives.teacher_cache.cache_examples import expected
from tests.objectives.teacher_cache.cache_examples import make_batches
from tests.objectives.teacher_cache.cache_examples import make_teacher


def check_outputs(cached, plain, teachers, epochs, tolerance=1e-4):
    """Every batch: images and labels as before, and what teachers say."""
    for epoch in epochs:
        plain.set_epoch(epoch)
        cached.set_epoch(epoch)
        for index in range(len(plain)):
            (x, label), (cached_x, y) = plain[index], cached[index]
            np.testing.assert_array_equal(cached_x, x)
            assert cached_x.dtype == x.dtype
            np.testing.assert_array_equal(y["label"], label)
            found = [expected(teacher, x) for teacher in teachers]
            features = np.concatenate([one[0] for one in found], axis=1)
            assert y["teacher_features"].dtype == "float32"
            close = {"rtol": tolerance, "atol": tolerance}
            np.testing.assert_allclose(y["teacher_features"], features, **close)
            logits = np.mean([one[1] for one in found], axis=0)
            assert y["teacher_logits"].dtype == "float32"
            np.testing.assert_allclose(y["teacher_logits"], logits, **close)


@pytest.mark.parametrize(
    "dtype, tolerance", [("float32", 1e-4), ("float16", 2e-3)]
)
def test_an_entry_per_epoch_and_draw(tmp_path, dtype, tolerance):
    teachers = [make_teacher(1), make_teacher(2, dim=7)]
    cache = TeacherCache(tmp_path, dtype)
    for teacher in teachers:
        cache.add(teacher, make_batches(), epochs=3, verbose=0)
    assert (len(cache), cache.epochs, cache.num_classes) == (2, 3, 4)
    assert (cache.feature_dims, cache.image_shape) == ([5, 7], (6, 6, 3))
    cached = cache.batches(make_batches(num_threads=2))
    check_outputs(cached, make_batches(), teachers, (0, 2, 1), tolerance)
    features = np.load(tmp_path / "teacher_2" / "features.npy", mmap_mode="r")
    assert (features.shape, features.dtype) == ((3, N, 7), dtype)


@pytest.mark.parametrize("transform", [CROPS, PLAIN])
def test_features_alone(tmp_path, transform):
    teachers = [make_teacher(1), make_teacher(2, dim=7)]
    batches = make_batches(transform=transform)
    caches = {}
    for name in ("with", "without"):
        caches[name] = TeacherCache(tmp_path / name, logits=name == "with")
        for teacher in teachers:
            caches[name].add(teacher, batches, epochs=2, verbose=0)
    cache = TeacherCache(tmp_path / "without")
    assert (cache.feature_dims, cache.num_classes) == ([5, 7], None)
    _, y = cache.batches(batches)[1]
    _, expected = caches["with"].batches(batches)[1]
    assert sorted(y) == ["label", "teacher_features"]
    np.testing.assert_array_equal(
        y["teacher_features"], expected["teacher_features"]
    )
    assert not list((tmp_path / "without").glob("*/logits.npy"))
    objectives.FeatureDistillation(cache)
    with pytest.raises(ValueError, match="cache that keeps none.*logits=True"):
        objectives.LogitDistillation(cache)


def test_broken_images_are_replaced_as_in_training(tmp_path):
    pytest.importorskip("PIL")
    paths = [
        write_image(tmp_path / f"{row}.png", 20 * row, (6, 6))
        for row in range(8)
    ]
    paths[2].write_bytes(b"broken")
    options = {
        "examples": (keras_lt.data.ImageFiles(paths, (6, 6)), LABELS[:8]),
        "transform": PLAIN,
        "broken_images": "replace",
    }
    teacher, cache = make_teacher(), TeacherCache(tmp_path / "cache")
    with pytest.warns(UserWarning, match="is replaced"):
        cache.add(teacher, make_batches(**options), verbose=0)
        cached = cache.batches(make_batches(**options))
        check_outputs(cached, make_batches(**options), [teacher], (0, 1))


def test_batches_of_an_epoch_may_come_in_any_order(tmp_path):
    teacher = make_teacher()
    cache = TeacherCache(tmp_path, "float32")
    cache.add(teacher, make_batches(), epochs=2, verbose=0)
    cached = cache.batches(make_batches(num_threads=1))
    for epoch, index in [(1, 2), (0, 1), (1, 0), (0, 2), (0, 2), (1, 1)]:
        cached.set_epoch(epoch)
        x, y = cached[index]
        features = expected(teacher, x)[0]
        np.testing.assert_allclose(y["teacher_features"], features, rtol=1e-4)


@pytest.mark.parametrize("transform", [None, PLAIN])
def test_an_entry_per_row_does_for_all_batches(tmp_path, transform):
    teacher = make_teacher()
    cache = TeacherCache(tmp_path, "float32")
    cache.add(teacher, make_batches(transform=transform), verbose=0)
    assert cache.epochs is None
    features = np.load(tmp_path / "teacher_1" / "features.npy", mmap_mode="r")
    assert features.shape == (N, 5)
    for options in (
        {},
        {"seed": 9, "batch_size": 5, "sampler": samplers.InstanceBalanced()},
        {"sampler": samplers.InOrder(), "last_batch": "drop"},
        {"shard": (1, 2), "num_threads": 2},
    ):
        options["transform"] = transform
        cached = cache.batches(make_batches(**options))
        plain = make_batches(**options)
        check_outputs(cached, plain, [teacher], (0, 40), 1e-3)


@settings(max_examples=12, deadline=None)
@given(
    epochs=st.integers(1, 3),
    batch_size=st.integers(1, N),
    sampler=st.sampled_from(
        [
            samplers.ClassBalanced(),
            samplers.InstanceBalanced(),
            samplers.ClassAware(2),
            samplers.Progressive(3),
        ]
    ),
    transform=st.sampled_from([None, PLAIN, CROPS, transforms.RandomFlip()]),
    seed=st.integers(0, 5),
    shards=st.integers(1, 3),
    last_batch=st.sampled_from(["keep", "drop"]),
)
def test_any_batches(
    tmp_path_factory, teacher, epochs, transform, shards, **options
):
    shard = (shards - 1, shards)
    options = {**options, "transform": transform, "shard": shard}
    options["batch_size"] = min(options["batch_size"], N // shards)
    cache = TeacherCache(tmp_path_factory.mktemp("cache"), "float32")
    cache.add(teacher, make_batches(**options), epochs=epochs, verbose=0)
    cached = cache.batches(make_batches(**options))
    plain = make_batches(**options)
    check_outputs(cached, plain, [teacher], range(epochs), 1e-3)


def test_mixed_images(tmp_path):
    teacher, mixup = make_teacher(), transforms.Mixup(4)
    cache = TeacherCache(tmp_path, "float32")
    options = {"transform": mixup, "one_hot": True, "num_classes": 4}
    cache.add(teacher, make_batches(**options), epochs=2, verbose=0)
    cached = cache.batches(make_batches(**options))
    check_outputs(cached, make_batches(**options), [teacher], (0, 1), 1e-3)


def test_extras_of_the_user_are_kept(tmp_path, teacher):
    extras = {"row": np.arange(N)}
    cache = TeacherCache(tmp_path)
    cache.add(teacher, make_batches(extras=extras), epochs=1, verbose=0)
    _, y = cache.batches(make_batches(extras=extras))[0]
    assert sorted(y) == ["label", "row", "teacher_features", "teacher_logits"]
    np.testing.assert_array_equal(LABELS[y["row"]], y["label"])


@pytest.mark.parametrize("classes", [None, 6])
def test_teachers_of_other_classes_give_features_only(tmp_path, classes):
    cache = TeacherCache(tmp_path)
    first, second = make_teacher(1), make_teacher(2, classes=classes)
    for one in (first, second):
        cache.add(one, make_batches(transform=None), verbose=0)
    assert cache.num_classes is None
    x, y = cache.batches(make_batches(transform=None))[0]
    assert sorted(y) == ["label", "teacher_features"]
    found = [expected(one, x)[0] for one in (first, second)]
    np.testing.assert_allclose(
        y["teacher_features"], np.concatenate(found, axis=1), rtol=2e-3
    )


def test_the_teacher_stays_as_it_is(tmp_path):
    teacher = make_teacher()
    teacher.model.layers[2].trainable = False
    before = [np.array(v) for v in teacher.model.get_weights()]
    cache = TeacherCache(tmp_path)
    cache.add(teacher, make_batches(), epochs=1, verbose=0)
    for old, new in zip(before, teacher.model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    layers = teacher.model.layers
    assert [layer.trainable for layer in layers].count(False) == 1
    assert not layers[2].trainable


def test_batches_stay_as_they_are(tmp_path, teacher):
    batches = make_batches()
    batches.set_epoch(5)
    cache = TeacherCache(tmp_path)
    cache.add(teacher, batches, epochs=1, verbose=0)
    cached = cache.batches(batches)
    cached.set_epoch(0)
    assert (batches.epoch, batches.extras) == (5, {})
    assert isinstance(batches[0][1], np.ndarray)


def test_half_precision_of_the_session_changes_nothing(tmp_path):
    teacher = make_teacher()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        cache = TeacherCache(tmp_path, "float32")
        cache.add(teacher, make_batches(), epochs=1, verbose=0)
    finally:
        keras.config.set_dtype_policy("float32")
    cached = cache.batches(make_batches())
    check_outputs(cached, make_batches(), [teacher], [0])


def test_models_of_the_library_are_teachers(tmp_path):
    images = keras.Input((6, 6, 3))
    maps = keras.layers.Conv2D(5, 3, activation="relu")(images)
    model = keras_lt.LongTailModel(keras.Model(images, maps), num_classes=4)
    cache = TeacherCache(tmp_path, "float32")
    cache.add(model, make_batches(), epochs=1, verbose=0)
    x, y = cache.batches(make_batches())[2]
    outputs = model(x, training=False)
    for name in ("features", "logits"):
        np.testing.assert_allclose(
            y[f"teacher_{name}"],
            keras.ops.convert_to_numpy(outputs[name]),
            rtol=1e-3,
            atol=1e-4,
        )


def test_progress_is_shown(tmp_path, teacher, capsys):
    cache = TeacherCache(tmp_path)
    cache.add(teacher, make_batches(), epochs=2)
    assert "6/6" in capsys.readouterr().out
    cache.remove()
    cache.add(teacher, make_batches(), epochs=2, verbose=0)
    assert capsys.readouterr().out == ""
