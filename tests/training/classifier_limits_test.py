"""Classifiers whose weights are kept small in a second stage."""

import keras
import numpy as np
import pytest

from keras_lt import data
from keras_lt import layers
from keras_lt import models
from keras_lt import samplers
from keras_lt import training
from tests.checks import small_classifier
from tests.checks import small_data
from tests.checks import to_numpy

RATE = 0.5


def balanced(size=8):
    return data.Batches(small_data(3), size, samplers.ClassBalanced(), seed=1)


def head_of(model):
    return model.get_layer("classifier")


def norms_of(kernel):
    return np.linalg.norm(to_numpy(kernel), axis=0)


def model_with_norms(*norms):
    """A plain model whose classes have weights of these norms."""
    model = small_classifier(3)
    kernel, bias = head_of(model).get_weights()
    kernel *= np.array(norms) / np.linalg.norm(kernel, axis=0)
    head_of(model).set_weights([kernel, bias])
    return model


def retrain(model, epochs=1, batch_size=8, **options):
    stage = training.retrained_classifier(
        balanced(batch_size), epochs, RATE, reset=(), **options
    )
    training.train(model, [stage], verbose=0)


def test_limit_lies_between_the_norms():
    model = model_with_norms(1.0, 2.0, 5.0)
    for share, expected in ((0.0, 1.0), (0.1, 1.4), (1.0, 5.0)):
        assert training.norm_limits(model, share) == pytest.approx([expected])


def test_each_exit_has_a_limit():
    images = keras.Input((4,))
    x = keras.layers.Dense(8, activation="relu", name="one")(images)
    backbone = keras.Model(images, keras.layers.Dense(6)(x))
    model = models.EarlyExitModel(backbone, ["one"], 3)
    limits = training.norm_limits(model, 0.5)
    for head, limit in zip(model.classifiers(), limits, strict=True):
        norms = norms_of(head.kernel)
        assert limit == pytest.approx((norms.min() + norms.max()) / 2)
    assert limits[0] != limits[1]
    retrain(model, 2, max_norm=limits)
    for head, limit in zip(model.classifiers(), limits, strict=True):
        assert norms_of(head.kernel).max() == pytest.approx(limit, rel=1e-5)


def one_step(model, weight_decay=0.0):
    """One step of the classifier from here, in double precision."""
    x, y = (part[:6] for part in small_data(3))
    hidden = model.get_layer("hidden")
    kernel, bias = (to_numpy(v) for v in hidden.weights)
    features = np.maximum(x.astype("float64") @ kernel + bias, 0)
    kernel, bias = (
        to_numpy(v).astype("float64") for v in head_of(model).weights
    )
    odds = np.exp(features @ kernel + bias)
    odds /= odds.sum(1, keepdims=True)
    error = (odds - np.eye(3)[y]) / len(y)
    kernel = kernel - RATE * (features.T @ error + weight_decay * kernel)
    return kernel, bias - RATE * (error.sum(0) + weight_decay * bias)


def step_of_the_stage(model, **options):
    examples = tuple(part[:6] for part in small_data(3))
    batches = data.Batches(examples, 6)
    stage = training.retrained_classifier(batches, 1, RATE, reset=(), **options)
    training.train(model, [stage], verbose=0)


def test_bound_holds_after_a_step():
    model = model_with_norms(1.0, 2.0, 5.0)
    kernel, bias = one_step(model)
    norms = np.linalg.norm(kernel, axis=0)
    assert norms[0] < 1.5 < norms[1]
    step_of_the_stage(model, max_norm=1.5)
    found = head_of(model).get_weights()
    expected = kernel * np.minimum(1.5 / norms, 1)
    np.testing.assert_allclose(found[0], expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found[1], bias, rtol=1e-4, atol=1e-6)


def test_decay_is_that_of_the_stage():
    model = model_with_norms(1.0, 2.0, 5.0)
    models.add_weight_decay(model, 0.3)
    kernel, bias = one_step(model, weight_decay=0.1)
    step_of_the_stage(model, weight_decay=0.1)
    found = head_of(model).get_weights()
    np.testing.assert_allclose(found[0], kernel, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found[1], bias, rtol=1e-4, atol=1e-6)


def test_limits_end_with_the_stage():
    model = model_with_norms(1.0, 2.0, 5.0)
    models.add_weight_decay(model, 0.3)
    kernel = head_of(model).kernel
    before = kernel.regularizer
    retrain(model, max_norm=1.5, weight_decay=0.1)
    assert kernel.constraint is None
    assert kernel.regularizer is before
    plain = model_with_norms(1.0, 2.0, 5.0)
    retrain(plain)
    assert norms_of(head_of(plain).kernel).max() > 2.0


def test_limits_are_not_in_what_is_compiled_afterwards():
    model = model_with_norms(1.0, 2.0, 5.0)
    retrain(model, max_norm=1.5)
    kernel = head_of(model).kernel
    kernel.assign(10.0 * kernel)
    model.fit(balanced(), verbose=0)
    assert norms_of(kernel).min() > 5.0


def test_decay_is_not_in_what_is_compiled_afterwards():
    model = model_with_norms(1.0, 2.0, 5.0)
    stage = training.retrained_classifier(
        balanced(8),
        1,
        RATE,
        reset=(),
        weight_decay=0.5,
        validation=small_data(3),
    )
    training.train(model, [stage], verbose=0)
    x, y = small_data(3)
    found = model.evaluate(x, y, verbose=0)
    logits = model.predict(x, verbose=0).astype("float64")
    top = np.log(np.exp(logits).sum(1))
    expected = (top - logits[np.arange(len(y)), y]).mean()
    np.testing.assert_allclose(found, expected, 1e-4)


class Cut(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise InterruptedError


def test_stage_goes_on_where_it_was_cut(tmp_path):
    def run(folder, *callbacks):
        keras.utils.set_random_seed(0)
        model = model_with_norms(1.0, 2.0, 5.0)
        stage = training.retrained_classifier(
            balanced(), 3, reset=(), max_norm=1.5, callbacks=callbacks
        )
        training.train(model, [stage], folder, verbose=0)
        return model.get_weights()

    with pytest.raises(InterruptedError):
        run(tmp_path, Cut())
    for one, two in zip(run(tmp_path), run(None), strict=True):
        np.testing.assert_array_equal(one, two)


def test_cosine_has_no_norms_to_bound():
    model = small_classifier(3, layers.CosineClassifier(3, name="classifier"))
    with pytest.raises(ValueError, match="a CosineClassifier. Use a linear"):
        training.norm_limits(model)
    with pytest.raises(ValueError, match="a CosineClassifier. Use a linear"):
        retrain(model, max_norm=1.0)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"max_norm": 0.0}, "`max_norm` must be .* greater than 0"),
        ({"max_norm": [1.0, -1.0]}, "`max_norm` must be .* greater than 0"),
        ({"weight_decay": -0.1}, "`weight_decay` must be"),
    ],
)
def test_wrong_limits_are_refused(options, match):
    with pytest.raises(ValueError, match=match):
        training.retrained_classifier(balanced(), **options)


def test_number_of_limits_is_that_of_the_classifiers():
    with pytest.raises(ValueError, match="2 numbers for 1 classifiers"):
        retrain(small_classifier(3), max_norm=[1.0, 2.0])


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_share_is_checked(share):
    with pytest.raises(ValueError, match="`share` must be"):
        training.norm_limits(small_classifier(3), share)


def test_failed_training_leaves_no_limits():
    model = model_with_norms(1.0, 2.0, 5.0)
    kernel = head_of(model).kernel
    before = kernel.constraint, kernel.regularizer

    def fail(batch, logs):
        assert kernel.constraint is not None and kernel.regularizer is not None
        raise InterruptedError

    failing = keras.callbacks.LambdaCallback(on_train_batch_end=fail)
    with pytest.raises(InterruptedError):
        retrain(model, max_norm=1.5, weight_decay=0.1, callbacks=[failing])
    assert (kernel.constraint, kernel.regularizer) == before
