"""The model against NumPy, and against what the obvious way gets wrong."""

import warnings

import keras
import numpy as np
import pytest
from keras import ops

import keras_lt
from keras_lt import layers
from keras_lt import losses
from keras_lt.models import LongTailModel
from keras_lt.objectives import Objective

CLASSES = 4
COUNTS = [40, 30, 20, 10]
SPARSE = keras.losses.SparseCategoricalCrossentropy


@keras.saving.register_keras_serializable(package="keras_lt_tests")
class MeanFeature(Objective):
    """Pulls the features towards a vector, and counts its calls."""

    def build(self, features_shape):
        self.centre = self.add_weight(name="centre", shape=features_shape[1:])
        self.calls = self.add_weight(
            name="calls", shape=(), initializer="zeros", trainable=False
        )

    def call(self, features, labels, **others):
        self.calls.assign_add(1.0)
        return ops.mean((features - self.centre) ** 2, axis=-1)


def images(rows=12, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 6, 6, 3)).astype("float32")
    return x, (np.arange(rows) % CLASSES).astype("int32")


def small_backbone(dropout=0.0):
    inputs = keras.Input((6, 6, 3))
    x = keras.layers.Conv2D(5, 3, name="stage_1")(inputs)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.ReLU(name="stage_2")(x)
    if dropout:
        x = keras.layers.Dropout(dropout)(x)
    return keras.Model(inputs, x, name="small")


def small_model(**kwargs):
    return LongTailModel(small_backbone(), CLASSES, **kwargs)


def vector_model(dim=3, **kwargs):
    inputs = keras.Input((dim,))
    backbone = keras.Model(inputs, keras.layers.Identity()(inputs))
    return LongTailModel(backbone, CLASSES, **kwargs)


def to_numpy(value):
    return ops.convert_to_numpy(value)


def softmax(logits):
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


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


def test_evaluation_leaves_weights_and_objectives_out():
    x, y = images()
    model = small_model()
    model.class_weights.assign([0.1, 5.0, 1.0, 1.0])
    model.compile(
        "sgd", SPARSE(from_logits=True), objectives=[MeanFeature(weight=9.0)]
    )
    logits = to_numpy(model(x)["logits"]).astype("float64")
    expected = -np.log(softmax(logits)[np.arange(len(y)), y]).mean()
    found = model.evaluate(x, y, batch_size=5, verbose=0)
    np.testing.assert_allclose(found, expected, 1e-4)
    assert float(model.objectives[0].calls) == 0


def test_objectives_are_added_and_scale_the_base_loss():
    x, y = images()
    model = small_model()
    model.compile(
        keras.optimizers.SGD(0.0),
        SPARSE(from_logits=True),
        objectives=[
            MeanFeature(weight=0.5, base_weight=0.6, name="one"),
            MeanFeature(weight=2.0, base_weight=0.5, name="two"),
        ],
    )
    outputs = model(x, training=True)
    logits = to_numpy(outputs["logits"]).astype("float64")
    base = -np.log(softmax(logits)[np.arange(len(y)), y]).mean()
    features = to_numpy(outputs["features"])
    terms = [
        ((features - to_numpy(one.centre)) ** 2).mean()
        for one in model.objectives
    ]
    expected = 0.3 * base + 0.5 * terms[0] + 2.0 * terms[1]
    found = model.compute_loss(x, y, outputs, training=True)
    np.testing.assert_allclose(float(found), expected, 1e-4)


def test_factor_of_an_objective_may_change_while_training():
    x, y = images()
    model = small_model()
    objective = MeanFeature(weight=0.0)
    model.compile(
        keras.optimizers.SGD(0.0),
        SPARSE(from_logits=True),
        objectives=[objective],
    )

    def change(epoch, logs):
        objective.weight.assign(float(epoch))

    history = model.fit(
        x,
        y,
        epochs=3,
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_begin=change)],
    )
    steps = np.diff(history.history["loss"])
    assert (steps > 1e-3).all()
    np.testing.assert_allclose(steps[0], steps[1], 1e-2)


def test_objective_state_is_updated_and_saved(tmp_path):
    x, y = images()
    model = small_model()
    model.compile("sgd", SPARSE(from_logits=True), objectives=[MeanFeature()])
    model.fit(x, y, batch_size=4, epochs=2, verbose=0)
    assert float(model.objectives[0].calls) == 6
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert float(loaded.objectives[0].calls) == 6
    np.testing.assert_allclose(
        to_numpy(loaded.objectives[0].centre),
        to_numpy(model.objectives[0].centre),
    )


def test_recompiling_drops_objectives():
    x, y = images()
    model = small_model()
    loss = SPARSE(from_logits=True)
    plain = len(model.weights)
    first = MeanFeature(name="first")
    model.compile("adam", loss, objectives=[first])
    model.fit(x, y, verbose=0)
    assert len(model.weights) == plain + 4
    for _ in range(3):
        model.compile(
            keras.optimizers.AdamW(0.1, weight_decay=0.5),
            loss,
            objectives=[MeanFeature(), MeanFeature(name="b")],
        )
        model.fit(x, y, verbose=0)
    assert len(model.weights) == plain + 8
    centre = to_numpy(first.centre)
    model.compile(keras.optimizers.AdamW(0.1, weight_decay=0.5), loss)
    model.fit(x, y, verbose=0)
    assert len(model.weights) == plain
    assert not any(one is first.centre for one in model.variables)
    np.testing.assert_array_equal(to_numpy(first.centre), centre)


def test_metrics_of_an_earlier_compile_are_gone():
    x, y = images()
    model = small_model()
    model.compile("sgd", SPARSE(from_logits=True), metrics=["accuracy"])
    model.fit(x, y, verbose=0)
    model.compile("sgd", SPARSE(from_logits=True))
    assert set(model.fit(x, y, verbose=0).history) == {"loss"}


def test_checkpoint_of_a_stage_without_the_objective_loads(tmp_path):
    x, y = images()
    first = small_model()
    first.compile("sgd", SPARSE(from_logits=True))
    first.fit(x, y, verbose=0)
    first.save_weights(tmp_path / "first.weights.h5")
    second = small_model()
    second.compile("sgd", SPARSE(from_logits=True), objectives=[MeanFeature()])
    with pytest.warns(UserWarning, match="no state of the objective") as seen:
        second.load_weights(tmp_path / "first.weights.h5")
    assert len([one for one in seen if "objective" in str(one.message)]) == 1
    np.testing.assert_allclose(
        to_numpy(second(x)["logits"]), to_numpy(first(x)["logits"]), 1e-6
    )


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


def test_regularizers_count_in_training_and_evaluation():
    x, y = images()
    model = small_model(weight_decay=0.2)
    model.compile(keras.optimizers.SGD(0.0), SPARSE(from_logits=True))
    trainable = [to_numpy(one) for one in model.trainable_variables]
    penalty = 0.1 * sum((one.astype("float64") ** 2).sum() for one in trainable)
    bare = small_model()
    bare.set_weights(model.get_weights())
    bare.compile(keras.optimizers.SGD(0.0), SPARSE(from_logits=True))
    difference = model.evaluate(x, y, verbose=0) - bare.evaluate(
        x, y, verbose=0
    )
    np.testing.assert_allclose(difference, penalty, 1e-3)


def test_evaluate_is_traced_once():
    traces = []

    @keras.saving.register_keras_serializable(package="keras_lt_tests")
    class Traced(keras.losses.Loss):
        def call(self, y_true, y_pred):
            traces.append(1)
            return ops.mean(y_pred, axis=-1)

    x, y = images(8)
    model = small_model()
    model.compile("sgd", Traced())
    for _ in range(4):
        model.evaluate(x, y, batch_size=4, verbose=0)
    # Torch does not trace: it calls the loss at each of the 2 steps.
    assert len(traces) <= (8 if keras.config.backend() == "torch" else 2)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_keeps_heads_and_loss_in_float32(policy):
    x, y = images()
    keras.config.set_dtype_policy(policy)
    try:
        model = small_model(classifier="cosine", projection_dim=6)
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


def test_ldam_wants_a_cosine_classifier_of_its_scale():
    with pytest.raises(ValueError, match="'classifier', a Dense"):
        small_model().compile("sgd", losses.LDAM(COUNTS))
    model = small_model(classifier="cosine")
    with pytest.raises(ValueError, match=r"a CosineClassifier with scale=30"):
        model.compile("sgd", losses.LDAM(COUNTS, scale=10.0))
    model.compile("sgd", losses.LDAM(COUNTS, scale=30.0))


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ("sparse_categorical_crossentropy", "must be a `keras.losses.Loss`"),
        (None, "must be a `keras.losses.Loss`"),
        (SPARSE(), "from_logits=False"),
    ],
)
def test_unfit_losses(loss, message):
    with pytest.raises(ValueError, match=message):
        small_model().compile("sgd", loss)


def test_loss_weights_are_refused():
    with pytest.raises(ValueError, match="`loss_weights` must not be given"):
        small_model().compile("sgd", SPARSE(from_logits=True), loss_weights=[1])


def test_soft_labels_with_a_sparse_loss():
    x, y = images()
    model = small_model()
    model.compile("sgd", SPARSE(from_logits=True))
    with pytest.raises(ValueError, match="must get class ids"):
        model.train_on_batch(x, np.eye(CLASSES, dtype="f4")[y])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0, 1, 4]), "below the number of classes, 4. Received: 4"),
        (np.array([0, -1, 1]), "must be 0 or greater"),
        (np.array([0.0, 1.0, 2.0]), "must be integer class ids"),
        (np.array(["a", "b", "c"]), "must be integer class ids"),
        (np.zeros((3, 2, 2), int), "one class id per example"),
    ],
)
def test_bad_labels(labels, message):
    x, _ = images(3)
    model = small_model()
    model.compile("sgd", SPARSE(from_logits=True))
    with pytest.raises(ValueError, match=message):
        model.fit(x, labels, verbose=0)
    with pytest.raises(ValueError, match=message):
        model.evaluate(x, labels, verbose=0)
    with pytest.raises(ValueError, match=message):
        model.fit(x, np.zeros(3, int), validation_data=(x, labels), verbose=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 0}, "whole number, 1 or greater"),
        ({"classifier": "cos"}, "must be 'linear', 'cosine' or a layer"),
        ({"classifier": keras.layers.Dense(3)}, "one logit per class, 4"),
        (
            {"classifier": keras.layers.Dense(4, activation="softmax")},
            "without an activation",
        ),
        ({"feature_layers": ["stage_3"]}, r"nearest of.*stage_"),
        ({"weight_decay": -1.0}, "0 or greater"),
        ({"projection_dim": 0}, "1 or greater"),
        ({"backbone": "resnet"}, "must be a functional Keras model"),
    ],
)
def test_bad_arguments(arguments, message):
    arguments = {
        "backbone": small_backbone(),
        "num_classes": CLASSES,
        **arguments,
    }
    with pytest.raises(ValueError, match=message):
        LongTailModel(**arguments)


def test_backbones_that_are_no_graph():
    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ValueError, match="subclassed or unbuilt"):
        LongTailModel(Own(), CLASSES)
    inputs = keras.Input((3,))
    two = keras.Model(inputs, [inputs, keras.layers.Dense(2)(inputs)])
    with pytest.raises(ValueError, match="2 outputs"):
        LongTailModel(two, CLASSES)


def test_layer_called_twice_is_refused():
    inputs = keras.Input((3,))
    shared = keras.layers.Dense(3, name="shared")
    backbone = keras.Model(inputs, shared(shared(inputs)))
    with pytest.raises(ValueError, match="calls 2 times"):
        LongTailModel(backbone, CLASSES, feature_layers=["shared"])


def test_objectives_that_do_not_fit():
    model = small_model()
    loss = SPARSE(from_logits=True)
    with pytest.raises(ValueError, match="features='stage_2'"):
        model.compile("sgd", loss, objectives=[MeanFeature(features="stage_2")])
    with pytest.raises(ValueError, match="a name of its own"):
        model.compile(
            "sgd",
            loss,
            objectives=[MeanFeature(name="a"), MeanFeature(name="a")],
        )


def test_training_without_compile():
    model = small_model()
    x, y = images()
    with pytest.raises(ValueError, match="with a loss before training"):
        model.compute_loss(x, y, model(x))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_images_must_be_finite(value):
    x, y = images(4)
    x[2, 0, 0, 0] = value
    model = small_model()
    model.compile("sgd", SPARSE(from_logits=True))
    with pytest.raises(ValueError, match="`x` must be finite.*in row 2"):
        model.fit(x, y, verbose=0)
    with pytest.raises(ValueError, match="`x` must be finite.*in row 2"):
        model.evaluate(x, y, verbose=0)
