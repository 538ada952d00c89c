"""Nearest class means against their definition in double precision."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_lt import posthoc
from keras_lt.data import Batches
from keras_lt.data.transforms import RandomCrop
from tests.checks import to_numpy
from tests.models import exit_models
from tests.models import small_models
from tests.posthoc.changed_copies import check_separate
from tests.posthoc.changed_copies import check_unchanged
from tests.posthoc.changed_copies import trained
from tests.posthoc.changed_copies import values_of

CLASSES = small_models.CLASSES
KINDS = pytest.mark.parametrize("kind", ["cl2n", "l2n", "un"])
DISTANCES = pytest.mark.parametrize("distance", ["l2", "cosine"])


def features(rows=40, dim=6, seed=0):
    """Far from the origin, and the more of a class the smaller its label."""
    rng = np.random.default_rng(seed)
    labels = np.minimum(rng.geometric(0.5, size=rows) - 1, CLASSES - 1)
    labels[:CLASSES] = np.arange(CLASSES)
    centres = rng.normal(size=(CLASSES, dim))
    return 3 + centres[labels] + 0.5 * rng.normal(size=(rows, dim)), labels


def reference(train, labels, test, kind="cl2n", distance="l2"):
    """Logits by the words of the paper, one vector after the other."""
    centre = sum(train) / len(train) if kind == "cl2n" else 0.0

    def point(vector):
        if kind == "un":
            return vector
        return (vector - centre) / np.sqrt(sum((vector - centre) ** 2))

    columns = []
    for label in range(CLASSES):
        own = [
            point(vector)
            for vector, one in zip(train, labels, strict=True)
            if one == label
        ]
        mean = sum(own) / len(own)
        if distance == "l2":
            column = [-sum((point(vector) - mean) ** 2) for vector in test]
        else:
            column = [
                sum(point(vector) * mean)
                / np.sqrt(sum(point(vector) ** 2) * sum(mean**2))
                for vector in test
            ]
        columns.append(column)
    return np.stack(columns, axis=-1)


@KINDS
@DISTANCES
def test_matches_the_definition(kind, distance):
    train, labels = features()
    test, _ = features(seed=1)
    ncm = posthoc.NearestClassMean(CLASSES, kind, distance)
    ncm.adapt(train, labels)
    expected = reference(train, labels, test, kind, distance)
    found = to_numpy(ncm(test))
    np.testing.assert_allclose(found, expected, 1e-4, 1e-5)
    assert found.dtype == "float32"
    assert ncm.trainable_variables == []


def test_means_of_unit_vectors_are_not_scaled_again():
    ncm = posthoc.NearestClassMean(2, "l2n")
    ncm.adapt(np.array([[3.0, 0.0], [0.0, 5.0], [1.0, 1.0]]), [0, 0, 1])
    np.testing.assert_allclose(to_numpy(ncm.means)[0], [0.5, 0.5])
    np.testing.assert_allclose(to_numpy(ncm.centre), 0.0)


def test_centre_is_that_of_examples_not_of_classes():
    ncm = posthoc.NearestClassMean(2)
    train = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [10.0, 4.0]])
    ncm.adapt(train, [0, 0, 0, 1])
    np.testing.assert_allclose(to_numpy(ncm.centre), [4.0, 1.0])


def test_second_adapt_starts_afresh():
    train, labels = features()
    ncm = posthoc.NearestClassMean(CLASSES)
    ncm.adapt(*features(seed=5))
    ncm.adapt(train, labels)
    expected = reference(train, labels, train)
    np.testing.assert_allclose(to_numpy(ncm(train)), expected, 1e-4, 1e-5)


def test_many_examples_in_parts(monkeypatch):
    name = "keras_lt.posthoc.nearest_class_mean._ROWS_AT_A_TIME"
    monkeypatch.setattr(name, 7)
    test_matches_the_definition("cl2n", "l2")


def test_ordinary_model_is_saved_and_loaded(tmp_path):
    train, labels = features()
    inputs = keras.Input((6,))
    body = keras.Model(inputs, layers.Dense(5)(inputs))
    ncm = posthoc.NearestClassMean(CLASSES, "l2n", "cosine")
    ncm.adapt(
        keras.ops.convert_to_tensor(body.predict(train, verbose=0)), labels
    )
    model = keras.Model(inputs, ncm(body(inputs)))
    model.save(tmp_path / "a.keras")
    again = keras.models.load_model(tmp_path / "a.keras")
    expected = reference(
        body.predict(train, verbose=0).astype("float64"),
        labels,
        body.predict(train, verbose=0).astype("float64"),
        "l2n",
        "cosine",
    )
    for one in (model, again):
        found = one.predict(train, verbose=0)
        np.testing.assert_allclose(found, expected, 1e-4, 1e-5)


def test_in_half_precision():
    """Squares of these features are beyond float16."""
    train, labels = features()
    ncm = posthoc.NearestClassMean(CLASSES, "un")
    ncm.adapt(200 * train, labels)
    half = keras.ops.cast(200 * train, "float16")
    found = to_numpy(ncm(half))
    assert found.dtype == "float32"
    expected = reference(
        200 * train, labels, to_numpy(half).astype("float64"), "un"
    )
    np.testing.assert_allclose(found, expected, 1e-3)


def test_long_tail_model():
    model = trained(small_models.small_model(projection_dim=7))
    x, labels = small_models.images(rows=20)
    before = values_of(model)
    train = to_numpy(model(x)["features"]).astype("float64")
    copy = posthoc.with_class_means(model, x, labels)
    expected = reference(train, labels, train)
    scale = np.abs(expected).max()
    found = copy.predict(x, verbose=0)
    np.testing.assert_allclose(found, expected, atol=1e-4 * scale)
    plain = copy.as_functional().predict(x, verbose=0)
    np.testing.assert_allclose(plain, found, atol=1e-5 * scale)
    assert type(copy) is type(model)
    check_unchanged(model, before)
    check_separate(model, copy)


def vector_model_and_data():
    model = exit_models.dense_model(feature_layers=["one"])
    return trained(model), *exit_models.vectors(rows=20)


def test_each_exit():
    model, x, labels = vector_model_and_data()
    model.threshold = [0.3, 0.8]
    before = values_of(model)
    copy = posthoc.with_class_means(model, x, labels, "l2n", "cosine")
    found = to_numpy(copy(x)["exits"])
    maps = x
    for k, stage in enumerate(model.stages):
        maps = stage(maps)
        maps = maps["out"] if isinstance(maps, dict) else maps
        own = to_numpy(model.branches[k].features(maps)).astype("float64")
        expected = reference(own, labels, own, "l2n", "cosine")
        np.testing.assert_allclose(found[:, k], expected, atol=1e-4)
    assert copy.threshold == model.threshold
    check_unchanged(model, before)
    check_separate(model, copy)


def test_model_with_exits_goes_on_as_one(tmp_path):
    model, x, labels = vector_model_and_data()
    copy = posthoc.with_class_means(model, x, labels)
    copy.threshold = [0.0, 0.0]
    answer = copy.predict_with_exits(x, verbose=0)
    assert answer.exits.tolist() == [1] * 20
    found = to_numpy(copy(x)["exits"])
    np.testing.assert_allclose(answer.logits, found[:, 0], atol=1e-5)
    copy.save(tmp_path / "a.keras")
    again = keras.models.load_model(tmp_path / "a.keras")
    np.testing.assert_allclose(to_numpy(again(x)["exits"]), found, atol=1e-5)


def test_batches_and_a_model_with_an_objective():
    model = small_models.small_model()
    model.compile(
        "sgd",
        loss=small_models.SPARSE(from_logits=True),
        objectives=[small_models.MeanFeature()],
    )
    x, labels = small_models.images(rows=20)
    model.fit(x, labels, verbose=0)
    batches = Batches((x, labels), batch_size=8, seed=3)
    found = posthoc.with_class_means(model, batches)
    expected = posthoc.with_class_means(model, x, labels)
    assert found.objectives == []
    assert not found.compiled
    np.testing.assert_allclose(
        found.predict(x, verbose=0), expected.predict(x, verbose=0), atol=1e-5
    )


def test_random_transform_brings_a_warning():
    x, labels = small_models.images(rows=20)
    crop = RandomCrop(padding=1)
    batches = Batches((x, labels), batch_size=8, transform=crop)
    model, match = small_models.small_model(), "of the batches` must.*RandomCr"
    with pytest.warns(UserWarning, match=match) as caught:
        posthoc.with_class_means(model, batches)
    assert caught.pop(UserWarning).filename == __file__


def test_class_without_examples():
    train, labels = features()
    keep = ~np.isin(labels, [1, 3])
    ncm = posthoc.NearestClassMean(CLASSES)
    match = "Received: 2 of 4 classes without examples, first label 1"
    with pytest.raises(ValueError, match=match):
        ncm.adapt(train[keep], labels[keep])
    with pytest.raises(ValueError, match="4 of 4 classes without"):
        ncm.adapt(train[:0], labels[:0])


def test_bad_input():
    train, labels = features()
    ncm = posthoc.NearestClassMean(CLASSES)
    with pytest.raises(ValueError, match=r"\(40, dim\).*\(39, 6\)"):
        ncm.adapt(train[1:], labels)
    with pytest.raises(ValueError, match=r"shape \(40, 2, 3\)"):
        ncm.adapt(train.reshape(40, 2, 3), labels)
    with pytest.raises(ValueError, match="below the number of classes, 4"):
        ncm.adapt(train, labels + 1)
    bad = train.copy()
    bad[7, 2] = np.inf
    with pytest.raises(ValueError, match="first in row 7"):
        ncm.adapt(bad, labels)
    ncm.adapt(train, labels)
    with pytest.raises(ValueError, match="must have the size 6"):
        ncm.adapt(train[:, :3], labels)
    with pytest.raises(ValueError, match=r"shape \(None, 2, 2, 3\)"):
        posthoc.NearestClassMean(CLASSES)(keras.Input((2, 2, 3)))
    with pytest.raises(ValueError, match="`kind` must be one of 'cl2n'"):
        posthoc.NearestClassMean(CLASSES, "unit")
    with pytest.raises(ValueError, match="`distance` must be one of 'l2'"):
        posthoc.NearestClassMean(CLASSES, distance="l1")
    with pytest.raises(ValueError, match="features are known. Received: <Seq"):
        posthoc.with_class_means(keras.Sequential(), train, labels)
