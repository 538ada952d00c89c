"""The model against NumPy, and against a plain model."""

import warnings

import keras
import numpy as np
import pytest

import keras_lt
from keras_lt import layers
from keras_lt import losses
from keras_lt.models import LongTailModel
from tests.checks import to_numpy
from tests.models.small_models import CLASSES
from tests.models.small_models import COUNTS
from tests.models.small_models import SPARSE
from tests.models.small_models import MeanFeature
from tests.models.small_models import images
from tests.models.small_models import small_backbone
from tests.models.small_models import small_model
from tests.models.small_models import softmax
from tests.models.small_models import vector_model


def test_outputs():
    model = small_model(feature_layers=["stage_1"], projection_dim=7)
    x, _ = images()
    outputs = model(x)
    assert {key: tuple(value.shape) for key, value in outputs.items()} == {
        "logits": (12, CLASSES),
        "features": (12, 7),
        "features/stage_1": (12, 4, 4, 5),
    }
    maps = to_numpy(model.backbone(x)).mean(axis=(1, 2))
    kernel, bias = (to_numpy(w) for w in model.projection.weights)
    expected = np.maximum(maps @ kernel + bias, 0)
    np.testing.assert_allclose(to_numpy(outputs["features"]), expected, 1e-4)


@pytest.mark.parametrize("classifier", ["linear", "cosine"])
def test_as_functional_and_predict_give_the_logits(classifier):
    model = small_model(classifier=classifier)
    x, _ = images()
    logits = to_numpy(model(x)["logits"])
    plain = model.as_functional()
    assert type(plain).__name__ == "Functional"
    np.testing.assert_allclose(to_numpy(plain(x)), logits, 1e-5, 1e-6)
    np.testing.assert_allclose(
        model.predict(x, batch_size=5, verbose=0), logits, 1e-5, 1e-6
    )
    np.testing.assert_allclose(model.predict_on_batch(x), logits, 1e-5, 1e-6)


def one_of(kind):
    """Returns a backbone whose last layer has other outputs, or no layer."""
    inputs = keras.Input((5, 3))
    low = keras.layers.Dense(2)(inputs)
    high = keras.layers.Dense(4)(low)
    if kind == "list":
        _, end = keras.Model(inputs, [low, high])(inputs)
    elif kind == "dict":
        end = keras.Model(inputs, {"low": low, "high": high})(inputs)["high"]
    elif kind == "dict of one":
        end = keras.Model(inputs, {"high": high})(inputs)["high"]
    elif kind == "states":
        _, end, _ = keras.layers.LSTM(4, return_state=True)(inputs)
    else:
        end = inputs
    return keras.Model(inputs, end)


@pytest.mark.parametrize(
    "kind", ["list", "dict", "dict of one", "states", "no layer"]
)
def test_backbone_of_one_of_several_outputs(kind):
    backbone = one_of(kind)
    model = LongTailModel(backbone, CLASSES)
    x = np.random.default_rng(0).normal(size=(4, 5, 3)).astype("float32")
    expected = to_numpy(backbone(x))
    if expected.ndim == 3:
        expected = expected.mean(axis=1)
    found = to_numpy(model(x)["features"])
    np.testing.assert_allclose(found, expected, 1e-4, 1e-5)


@pytest.mark.filterwarnings("ignore:Layer .* `quantize`")
def test_quantized_model_answers_alike():
    model = vector_model(dim=16)
    x = np.random.default_rng(0).normal(size=(8, 16)).astype("float32")
    before = model.predict(x, verbose=0)
    model.quantize("int8")
    assert model.classifier.kernel.dtype == "int8"
    after = model.predict(x, verbose=0)
    assert 0 < np.abs(after - before).max() < 0.02 * np.abs(before).max()


def test_predict_follows_new_weights():
    model = small_model()
    x, y = images()
    model.compile(keras.optimizers.SGD(0.5), SPARSE(from_logits=True))
    before = model.predict(x, verbose=0)
    model.fit(x, y, verbose=0)
    after = model.predict(x, verbose=0)
    assert np.abs(after - before).max() > 1e-3
    np.testing.assert_allclose(after, to_numpy(model(x)["logits"]), 1e-4, 1e-5)


def test_three_steps_equal_numpy():
    """Softmax regression with class and sample weights, in float64."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, 3))
    y = np.array([0, 1, 2, 3, 0, 0, 1, 0])
    sample_weight = rng.uniform(0.5, 2.0, size=8)
    class_weights = np.array([0.3, 0.7, 1.0, 2.0])
    kernel, bias = rng.normal(size=(3, CLASSES)), np.zeros(CLASSES)

    model = vector_model()
    model.classifier.set_weights([kernel, bias])
    model.class_weights.assign(class_weights)
    model.compile(keras.optimizers.SGD(0.5), SPARSE(from_logits=True))
    losses_seen = [
        model.train_on_batch(
            x.astype("float32"), y, sample_weight=sample_weight.astype("f4")
        )
        for _ in range(3)
    ]

    weights = class_weights[y] * sample_weight
    weights /= weights.sum()
    expected = []
    for _ in range(3):
        p = softmax(x @ kernel + bias)
        expected.append(-(weights * np.log(p[np.arange(8), y])).sum())
        error = weights[:, None] * (p - np.eye(CLASSES)[y])
        kernel, bias = kernel - 0.5 * x.T @ error, bias - 0.5 * error.sum(0)
    np.testing.assert_allclose(np.ravel(losses_seen), expected, 1e-4)
    np.testing.assert_allclose(
        to_numpy(model.classifier.kernel), kernel, 1e-4, 1e-5
    )
    np.testing.assert_allclose(
        to_numpy(model.classifier.bias), bias, 1e-4, 1e-5
    )


def test_trains_as_a_plain_model_does():
    x, y = images(20)
    model = small_model()
    plain = model.as_functional()
    twin = keras.models.clone_model(plain)
    twin.set_weights(plain.get_weights())
    for one in (model, twin):
        one.compile(
            keras.optimizers.SGD(0.1, momentum=0.9), SPARSE(from_logits=True)
        )
        one.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    for ours, theirs in zip(
        plain.get_weights(), twin.get_weights(), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, 1e-4, 1e-5)


def test_saving_keeps_optimizer_and_training_goes_on_alike(tmp_path):
    x, y = images()
    model = LongTailModel(
        small_backbone(),
        CLASSES,
        classifier="cosine",
        feature_layers=["stage_2"],
        weight_decay=0.1,
    )
    model.compile(
        keras.optimizers.Adam(0.01), losses.LDAM(COUNTS), metrics=["accuracy"]
    )
    model.class_weights.assign([1.0, 2.0, 3.0, 4.0])
    model.fit(x, y, verbose=0, shuffle=False)
    model.save(tmp_path / "model.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert int(loaded.optimizer.iterations) == int(model.optimizer.iterations)
    histories = [
        one.fit(x, y, verbose=0, epochs=2, shuffle=False).history
        for one in (model, loaded)
    ]
    assert set(histories[1]) == {"loss", "accuracy"}
    np.testing.assert_allclose(histories[0]["loss"], histories[1]["loss"], 1e-5)
    for ours, theirs in zip(
        model.get_weights(), loaded.get_weights(), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, 1e-4, 1e-6)


@pytest.mark.parametrize("loss", [losses.LogitAdjusted(COUNTS), "keras"])
def test_soft_training_labels_and_integer_validation_labels(loss):
    if loss == "keras":
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    x, y = images(16)
    soft = 0.7 * np.eye(CLASSES)[y] + 0.3 * np.eye(CLASSES)[y[::-1]]
    model = small_model()
    model.compile(keras.optimizers.SGD(0.0), loss, metrics=["accuracy"])
    history = model.fit(
        x, soft.astype("float32"), validation_data=(x, y), verbose=0
    ).history
    predicted = model.predict(x, verbose=0).argmax(-1)
    np.testing.assert_allclose(
        history["val_accuracy"][0], (predicted == y).mean(), 1e-6
    )


def test_soft_labels_weigh_by_the_mean_of_their_classes():
    x, y = images()
    model = small_model()
    model.compile("sgd", keras.losses.CategoricalCrossentropy(from_logits=True))
    model.class_weights.assign([1.0, 2.0, 3.0, 10.0])
    outputs = model(x)
    hard = model.compute_loss(x, y, outputs)
    same = model.compute_loss(x, np.eye(CLASSES, dtype="f4")[y], outputs)
    np.testing.assert_allclose(float(hard), float(same), 1e-5)
    mixed = np.array([[0.75, 0, 0, 0.25], [0, 0.5, 0.5, 0]], "float32")
    weights = to_numpy(model.example_weights(mixed, None))
    np.testing.assert_allclose(weights, [3.25, 2.5], 1e-6)


def test_labels_with_extras():
    x, y = images()
    model = small_model()
    model.compile("sgd", SPARSE(from_logits=True), metrics=["accuracy"])
    extras = {"label": y, "row": np.arange(len(y))}
    found = model.test_on_batch(x, extras, return_dict=True)
    expected = model.test_on_batch(x, y, return_dict=True)
    assert {key: float(value) for key, value in found.items()} == {
        key: float(value) for key, value in expected.items()
    }
    with pytest.raises(ValueError, match="under the key 'label'"):
        model.train_on_batch(x, {"labels": y})


@pytest.mark.parametrize("projection_dim", [None, 6])
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_keeps_heads_and_loss_in_float32(
    policy, projection_dim
):
    x, y = images()
    keras.config.set_dtype_policy(policy)
    try:
        model = small_model(classifier="cosine", projection_dim=projection_dim)
    finally:
        keras.config.set_dtype_policy("float32")
    outputs = model(x)
    kinds = {keras.backend.standardize_dtype(one.dtype) for one in
             outputs.values()}  # fmt: skip
    assert kinds == {"float32"}
    assert model.get_layer("classifier").compute_dtype == "float32"
    assert model.backbone.get_layer("stage_1").compute_dtype == policy[6:]
    model.compile(
        "sgd", losses.LDAM(COUNTS), metrics=["accuracy"],
        objectives=[MeanFeature()],
    )  # fmt: skip
    history = model.fit(x, y, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_logits_of_an_own_classifier_are_float32():
    head = keras.layers.Dense(CLASSES, dtype="mixed_bfloat16")
    model = small_model(classifier=head)
    logits = model(images()[0])["logits"]
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"


def test_float_pool_of_tokens_and_vectors():
    inputs = keras.Input((5, 3))
    tokens = keras.Model(inputs, keras.layers.Dense(4)(inputs))
    model = LongTailModel(tokens, CLASSES)
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    expected = to_numpy(tokens(x)).mean(axis=1)
    np.testing.assert_allclose(to_numpy(model(x)["features"]), expected, 1e-5)
    assert model.feature_shape(None) == (None, 4)


def test_sequential_backbone_and_own_classifier(tmp_path):
    backbone = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4, name="first")]
    )
    model = LongTailModel(
        backbone,
        CLASSES,
        classifier=layers.CosineClassifier(CLASSES, scale=16.0),
        feature_layers=["first"],
    )
    x = np.ones((2, 3), "float32")
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.classifier.scale == 16.0
    np.testing.assert_allclose(
        to_numpy(loaded(x)["logits"]), to_numpy(model(x)["logits"]), 1e-6
    )
    np.testing.assert_allclose(
        to_numpy(model(x)["features/first"]), to_numpy(backbone(x)), 1e-6
    )


def test_batches_are_told_the_epoch():
    x, y = images()
    batches = keras_lt.data.Batches((x, y), batch_size=4, seed=3)
    model = small_model()
    model.compile("sgd", SPARSE(from_logits=True))
    model.fit(batches, epochs=5, initial_epoch=3, verbose=0)
    assert batches.epoch == 4


def test_batches_keep_their_order(monkeypatch):
    """Whatever Keras would shuffle them by, the last does not come first."""
    monkeypatch.setattr("random.shuffle", list.reverse)
    batches = keras_lt.data.Batches(images(), batch_size=4)
    model = small_model()
    model.compile("sgd", SPARSE(from_logits=True))
    model.fit(batches, verbose=0)  # Raises if they come in another order.


def test_export_writes_images_to_logits(monkeypatch):
    """Keras would say that the model must be called first, for ever."""
    exported = []
    monkeypatch.setattr(
        keras.Model, "export", lambda *args, **kwargs: exported.append(args)
    )
    model = small_model()
    model.export("folder", "onnx")
    ((network, *others),) = exported
    assert others == ["folder", "onnx"]
    x, _ = images()
    np.testing.assert_allclose(
        to_numpy(network(x)), model.predict(x, verbose=0), 1e-5, 1e-6
    )
