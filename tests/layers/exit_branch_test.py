import keras
import numpy as np

from keras_lt import layers
from keras_lt import models
from tests.checks import to_numpy

MAPS = np.random.default_rng(0).normal(size=(4, 6, 6, 2)).astype("float32")


def whole_branch(**kwargs):
    return layers.ExitBranch(
        keras.layers.Dense(3, name="classifier"),
        body=layers.ExitBlock([5]),
        pooling=keras.layers.GlobalAveragePooling2D(),
        projection=keras.layers.Dense(7, activation="relu"),
        **kwargs,
    )


def test_runs_its_parts_in_a_row():
    branch = whole_branch()
    logits = to_numpy(branch(MAPS))
    features = to_numpy(branch.body(MAPS)).mean(axis=(1, 2))
    for layer in (branch.projection, branch.classifier):
        kernel, bias = (to_numpy(one) for one in layer.weights)
        if layer is branch.classifier:
            np.testing.assert_allclose(
                to_numpy(branch.features(MAPS)), features, 1e-4, 1e-5
            )
        features = features @ kernel + bias
        if layer is branch.projection:
            features = np.maximum(features, 0)
    np.testing.assert_allclose(logits, features, 1e-4, 1e-5)
    found = to_numpy(branch.logits(branch.features(MAPS)))
    np.testing.assert_array_equal(found, logits)
    assert branch.feature_shape((None, 6, 6, 2)) == (None, 7)
    assert branch.compute_output_shape((None, 6, 6, 2)) == (None, 3)


def test_classifier_alone():
    branch = layers.ExitBranch(layers.CosineClassifier(3))
    features = MAPS.reshape(4, -1)
    np.testing.assert_array_equal(
        to_numpy(branch(features)), to_numpy(branch.classifier(features))
    )
    assert branch.feature_shape((None, 72)) == (None, 72)


class Silent(keras.layers.Layer):
    """Doubles the channels, and says nothing of its shape."""

    def build(self, input_shape):
        dim = input_shape[-1]
        self.kernel = self.add_weight(name="kernel", shape=(dim, 2 * dim))

    def call(self, inputs):
        return keras.ops.matmul(inputs, self.kernel)


def test_layers_that_do_not_compute_their_shape():
    pooling = keras.layers.GlobalAveragePooling2D()
    branch = layers.ExitBranch(Silent(), body=Silent(), pooling=pooling)
    branch.build(MAPS.shape)
    assert len(branch.weights) == 2
    assert branch.feature_shape((None, 6, 6, 2)) == (None, 4)
    assert branch.compute_output_shape((None, 6, 6, 2)) == (None, 8)
    scaled = layers.LearnableWeightScaling(Silent())
    assert tuple(scaled(MAPS[:, 0, 0]).shape) == (4, 4)


def test_models_of_layers_that_do_not_compute_their_shape():
    backbone = keras.Sequential(
        [keras.Input((2,)), Silent(name="one"), Silent(name="two")]
    )
    model = models.LongTailModel(backbone, 16, classifier=Silent())
    assert tuple(model(MAPS[:, 0, 0])["logits"].shape) == (4, 16)
    model = models.EarlyExitModel(
        backbone, ["one"], 16, classifier=Silent(), branch=Silent()
    )
    assert tuple(model(MAPS[:, 0, 0])["exits"].shape) == (4, 2, 16)


def test_training_reaches_the_body():
    branch = whole_branch()
    branch.build(MAPS.shape)
    (mean,) = (
        one for one in branch.weights if one.path.endswith("moving_mean")
    )
    branch(MAPS)
    np.testing.assert_array_equal(to_numpy(mean), np.zeros(5))
    branch(MAPS, training=True)
    assert np.abs(to_numpy(mean)).max() > 1e-3


def test_logits_are_float32_whatever_the_parts_are():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        branch = whole_branch()
    finally:
        keras.config.set_dtype_policy("float32")
    assert branch.classifier.compute_dtype == "bfloat16"
    found = branch(MAPS)
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    inputs = keras.Input((6, 6, 2))
    assert branch(inputs).dtype == "float32"


def test_layers_that_are_built_keep_their_weights():
    classifier = keras.layers.Dense(3)
    classifier.build((None, 4))
    kernel = to_numpy(classifier.kernel)
    branch = layers.ExitBranch(classifier)
    branch(np.ones((2, 4), "float32"))
    np.testing.assert_array_equal(to_numpy(branch.classifier.kernel), kernel)
