import warnings

import keras
import numpy as np
import pytest

from keras_lt import data
from keras_lt import models
from keras_lt import samplers
from keras_lt import training
from tests.models.exit_models import dense_model
from tests.models.exit_models import vectors
from tests.models.small_models import CLASSES


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def class_means(features, labels):
    return np.stack(
        [unit(features[labels == c]).mean(0) for c in range(CLASSES)]
    )


def identity_model(dim=5):
    inputs = keras.Input((dim,))
    backbone = keras.Model(inputs, keras.layers.Identity()(inputs))
    return models.LongTailModel(backbone, CLASSES, "cosine")


def as_batches(x, y):
    return data.Batches((x, y), 5, samplers.InOrder())


@pytest.mark.parametrize("source", ["arrays", "batches"])
def test_prototypes_are_the_means_of_features_of_length_one(source):
    x, y = vectors(rows=3 * CLASSES + 1)
    model = identity_model()
    given = (x, y) if source == "arrays" else (as_batches(x, y),)
    training.initialize_from_class_means(model, *given)
    means = unit(class_means(x.astype("float64"), y))
    np.testing.assert_allclose(model.classifier.kernel, means.T, 1e-5, 1e-6)
    np.testing.assert_allclose(
        model.predict(x, verbose=0), 30 * unit(x) @ means.T, 1e-4, 1e-4
    )


def test_each_exit_has_means_of_its_own():
    x, y = vectors(rows=3 * CLASSES)
    model = dense_model(classifier="cosine", feature_layers=["two"])
    other = [
        np.array(variable)
        for variable in model.get_weights()
        if variable.shape[-1:] != (CLASSES,)
    ]
    training.initialize_from_class_means(model, x, y)
    values = x
    for name, layer in zip(
        ("one", "two", "three"), model.classifiers(), strict=True
    ):
        values = keras.ops.convert_to_numpy(
            model.backbone.get_layer(name)(values)
        )
        means = unit(class_means(values, y))
        np.testing.assert_allclose(layer.kernel, means.T, 1e-4, 1e-5)
    same = [
        variable
        for variable in model.get_weights()
        if variable.shape[-1:] != (CLASSES,)
    ]
    for one, two in zip(other, same, strict=True):
        np.testing.assert_array_equal(one, two)


def test_starts_where_a_probe_of_good_features_ends():
    """Classes lie in directions of their own; the tail has three images."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(CLASSES), [60, *[3] * (CLASSES - 1)])
    centres = 2.0 * np.eye(8)[:CLASSES]
    x = (centres[y] + rng.normal(0, 0.5, (len(y), 8))).astype("float32")
    y_test = np.repeat(np.arange(CLASSES), 50)
    x_test = centres[y_test] + rng.normal(0, 0.5, (len(y_test), 8))
    keras.utils.set_random_seed(0)
    model = identity_model(8)
    training.initialize_from_class_means(model, x, y)
    hits = model.predict(x_test, verbose=0).argmax(1) == y_test
    assert hits.mean() > 0.95


def test_what_has_no_means_is_named():
    x, y = vectors(rows=3 * CLASSES)
    with pytest.raises(ValueError, match="CosineClassifier.*Dense"):
        training.initialize_from_class_means(dense_model(), x, y)
    with pytest.raises(ValueError, match="LongTailModel or an EarlyExitMod"):
        training.initialize_from_class_means(dense_model().backbone, x, y)
    model = identity_model()
    kernel = np.array(model.classifier.kernel)
    with pytest.raises(ValueError, match=f"1 of {CLASSES} classes.*label 1"):
        training.initialize_from_class_means(model, x[y != 1], y[y != 1])
    x[2, 2] = np.nan
    with pytest.raises(ValueError, match="features"):
        training.initialize_from_class_means(model, x, y)
    np.testing.assert_array_equal(model.classifier.kernel, kernel)


def test_random_transform_brings_a_warning():
    x, y = vectors(rows=3 * CLASSES)

    class Noise(data.transforms.Transform):
        def __call__(self, x, y, generator):
            return x + generator.normal(size=x.shape).astype("float32"), y

    batches = data.Batches((x, y), 5, samplers.InOrder(), Noise())
    with pytest.warns(UserWarning, match="of the batches` must not.*: Noise"):
        training.initialize_from_class_means(identity_model(), batches)
    Noise.random = False
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        training.initialize_from_class_means(identity_model(), batches)
