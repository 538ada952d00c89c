"""Training with exits, composed with all that training may be."""

import keras
import numpy as np
import pytest

from keras_lt import callbacks
from keras_lt import counts
from keras_lt import layers
from keras_lt import losses
from keras_lt.models import EarlyExitModel
from tests import early_exit_reference as reference
from tests.checks import to_numpy
from tests.losses import cases
from tests.models import dense_exits
from tests.models.exit_models import dense_model
from tests.models.exit_models import image_model
from tests.models.exit_models import seeded_weights
from tests.models.exit_models import vectors
from tests.models.small_models import CLASSES
from tests.models.small_models import COUNTS
from tests.models.small_models import SPARSE
from tests.models.small_models import MeanFeature
from tests.models.small_models import images
from tests.models.still_models import CRITERION
from tests.models.still_models import THRESHOLDS
from tests.models.still_models import expected_loss
from tests.models.still_models import losses_seen
from tests.models.still_models import still_model


@pytest.mark.parametrize("soft", [False, True], ids=["ids", "soft"])
@pytest.mark.parametrize(
    "pair", cases.PAIRS, ids=lambda pair: "-".join(map(str, pair))
)
def test_composes_with_every_loss(pair, soft):
    name, arguments = pair
    loss = getattr(losses, name)(**arguments)
    head = layers.CosineClassifier(CLASSES, scale=10.0)
    model, x, y = still_model(loss, classifier=head)
    class_weights = np.array([0.5, 1.0, 1.5, 2.0], "float32")
    model.class_weights.assign(class_weights)
    weights = class_weights[y]
    if soft:
        y = 0.75 * np.eye(CLASSES)[y] + 0.25 * np.eye(CLASSES)[y[::-1]]
        y = y.astype("float32")
        weights = y @ class_weights
    logits = to_numpy(model(x)["exits"])
    values = [cases.values(loss, y, logits[:, k]) for k in range(3)]
    expected = reference.total(
        np.stack(values, axis=1),
        dense_exits.exits_of(logits, y, CRITERION, THRESHOLDS),
        weights,
        np.ones(3),
        "batch_weight",
    )
    found = model.compute_loss(x, y, model(x, training=True), training=True)
    np.testing.assert_allclose(float(found), expected, 1e-4)


def test_margin_does_not_decide_who_leaves():
    """Scores are those of the plain logits, or rare classes never leave."""
    head = layers.CosineClassifier(CLASSES, scale=10.0)
    shares = []
    for max_margin in (0.0, 0.9):
        loss = losses.LDAM(COUNTS, max_margin=max_margin, scale=10.0)
        model, x, y = still_model(loss, classifier=head)
        logs = model.train_on_batch(x, y, return_dict=True)
        shares.append(float(logs["hard_share"]))
    assert 0 < shares[0] < 1
    assert shares[0] == shares[1]


def test_deferred_reweighting():
    model, x, y = still_model()
    late = counts.effective_number_weights(COUNTS, 0.99)
    drw = callbacks.DeferredReweighting(COUNTS, start_epoch=1, beta=0.99)
    found = losses_seen(model, x, y, epochs=2, callbacks=[drw])
    expected = [
        expected_loss(model, x, y),
        expected_loss(model, x, y, weights=late[y]),
    ]
    assert abs(expected[0] - expected[1]) > 0.01
    np.testing.assert_allclose(found, expected, 1e-4)


@pytest.mark.parametrize("given", ["class_weight", "sample_weight"])
def test_weights_of_fit(given):
    model, x, y = still_model()
    by_class = {0: 0.5, 1: 1.0, 2: 2.0, 3: 0.2}
    weights = np.array([by_class[label] for label in y], "float32")
    kwargs = {"class_weight": by_class, "sample_weight": weights}
    found = losses_seen(model, x, y, **{given: kwargs[given]})
    expected = expected_loss(model, x, y, weights=weights)
    np.testing.assert_allclose(found, [expected], 1e-4)


def test_mixup_labels_in_training_and_ids_in_validation():
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model, x, y = still_model(loss, {"metrics": ["accuracy"]}, threshold=0.6)
    soft = 0.75 * np.eye(CLASSES)[y] + 0.25 * np.eye(CLASSES)[y[::-1]]
    logs = model.fit(
        x, soft.astype("float32"), validation_data=(x, y), verbose=0
    ).history
    _, logits = dense_exits.forward(model, x)
    exits = dense_exits.exits_of(logits, y, "confidence", [0.6, 0.6])
    answers = logits[np.arange(20), exits - 1]
    correct = answers.argmax(axis=-1) == y
    assert 0 < correct.mean() < 1
    assert logs["accuracy"] == pytest.approx([correct.mean()])
    assert logs["val_accuracy"] == pytest.approx([correct.mean()])
    full = (logits[:, -1].argmax(axis=-1) == y).mean()
    assert logs["val_full_accuracy"] == pytest.approx([full])
    np.testing.assert_allclose(
        logs["loss"], [expected_loss(model, x, soft)], 1e-4
    )
    values = dense_exits.losses(logits, y)[np.arange(20), exits - 1]
    np.testing.assert_allclose(logs["val_loss"], [values.mean()], 1e-4)


def on_features(mask, features, weighted):
    """Returns a model with an objective, its data and the loss in NumPy."""
    objective = MeanFeature(weight=0.5, base_weight=0.3, features=features)
    model, x, y = still_model(
        compiled={"objectives": [objective]},
        mask_objectives=mask,
        feature_layers=["one"],
    )
    centre = np.linspace(-1, 1, objective.centre.shape[0])
    objective.centre.assign(centre)
    weights = np.linspace(0.5, 2.0, 20).astype("float32")
    given = {"sample_weight": weights} if weighted else {}
    if not weighted:
        weights = np.ones(20)
    maps, logits = dense_exits.forward(model, x)
    hard = dense_exits.exits_of(logits, y, CRITERION, THRESHOLDS) == 3
    assert 0 < hard.mean() < 1
    terms = ((maps[1 if features else 3] - centre) ** 2).mean(axis=-1)
    counted = weights * hard if mask else weights
    expected = 0.3 * expected_loss(model, x, y, weights=weights)
    expected += 0.5 * np.average(terms, weights=counted)
    return model, x, y, given, expected


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("features", [None, "one"])
@pytest.mark.parametrize("weighted", [False, True])
def test_objectives_on_features(mask, features, weighted):
    model, x, y, given, expected = on_features(mask, features, weighted)
    outputs = model(x, training=True)
    found = model.compute_loss(x, y, outputs, training=True, **given)
    np.testing.assert_allclose(float(found), expected, 1e-4)


def test_step_with_an_objective_on_features():
    model, x, y, given, expected = on_features(True, "one", True)
    logs = model.train_on_batch(x, y, return_dict=True, **given)
    np.testing.assert_allclose(float(logs["loss"]), expected, 1e-4)


def test_masked_objective_with_nobody_left():
    model, x, y = still_model(
        compiled={"objectives": [MeanFeature()]},
        mask_objectives=True,
        criterion="confidence",
        training_threshold=0.0,
    )
    _, logits = dense_exits.forward(model, x)
    expected = dense_exits.losses(logits, y)[:, 0].mean()
    np.testing.assert_allclose(losses_seen(model, x, y), [expected], 1e-4)


@pytest.mark.parametrize(
    ("policy", "branch"),
    [
        ("mixed_float16", "pooled"),
        ("mixed_float16", "block"),
        ("mixed_bfloat16", "mixed_pool"),
    ],
)
def test_mixed_precision_keeps_heads_and_loss_in_float32(policy, branch):
    x, y = images()
    keras.config.set_dtype_policy(policy)
    try:
        model = image_model(
            classifier="cosine",
            branch=branch,
            trunk_gradient=0.5,
            projection_dim=5,
            training_threshold=0.3,
        )
    finally:
        keras.config.set_dtype_policy("float32")
    kinds = {
        name: keras.backend.standardize_dtype(one.dtype)
        for name, one in model(x).items()
    }
    assert kinds == {
        "exits": "float32",
        "features": "float32",
        "leaves_at": "int32",
    }
    assert model.backbone.get_layer("one_conv").compute_dtype == policy[6:]
    for head in model.classifiers():
        assert head.compute_dtype == "float32"
    model.compile(
        "sgd",
        losses.LDAM(COUNTS),
        metrics=["accuracy"],
        objectives=[MeanFeature()],
    )
    logs = model.fit(x, y, epochs=2, verbose=0).history
    assert np.isfinite(logs["loss"]).all()


def test_recompiling_any_number_of_times():
    x, y = vectors(20)
    model = seeded_weights(dense_model(training_threshold=THRESHOLDS))
    plain = len(model.weights)
    for rate in (0.1, 0.0):
        model.compile(
            keras.optimizers.AdamW(rate, weight_decay=0.5),
            SPARSE(from_logits=True),
            metrics=["accuracy"],
            objectives=[MeanFeature(name="a"), MeanFeature(name="b")],
        )
        model.fit(x, y, verbose=0)
        assert len(model.weights) == plain + 8
    for _ in range(3):
        model.compile("adam", losses.BalancedSoftmax(COUNTS))
    model.compile(keras.optimizers.SGD(0.0), SPARSE(from_logits=True))
    history = model.fit(x, y, verbose=0).history
    assert len(model.weights) == plain
    shares = {f"exit_{k}_share" for k in (1, 2, 3)}
    assert set(history) == {"loss", "hard_share", *shares}
    np.testing.assert_allclose(
        history["loss"], [expected_loss(model, x, y)], 1e-4
    )


def test_loss_falls():
    rng = np.random.default_rng(0)
    y = (np.arange(64) % CLASSES).astype("int32")
    x = np.eye(CLASSES, 5)[y] + 0.1 * rng.normal(size=(64, 5))
    model = seeded_weights(dense_model())
    model.compile(
        keras.optimizers.Adam(0.05),
        SPARSE(from_logits=True),
        metrics=["accuracy"],
    )
    logs = model.fit(
        x.astype("float32"),
        y,
        epochs=12,
        batch_size=16,
        shuffle=False,
        verbose=0,
    ).history
    assert logs["loss"][-1] < 0.3 * logs["loss"][0]
    assert logs["accuracy"][-1] > 0.9 > 0.5 > logs["accuracy"][0]
    # Few are sure at first, and most leave early in the end.
    assert logs["hard_share"][0] > 0.9 > 0.5 > logs["hard_share"][-1]


def test_chain_of_stages_trains_as_the_graph_of_them():
    x, y = vectors()
    parts = [
        keras.layers.Dense(width, activation="tanh", name=name)
        for name, width in (("one", 6), ("two", 5), ("three", 4))
    ]
    model = EarlyExitModel.from_stages(
        parts, ["one", "two"], CLASSES, (5,), training_threshold=THRESHOLDS
    )
    seeded_weights(model)
    model.compile(keras.optimizers.SGD(0.0), SPARSE(from_logits=True))
    np.testing.assert_allclose(
        losses_seen(model, x, y), [expected_loss(model, x, y)], 1e-4
    )


def test_chain_takes_the_inputs_of_its_first_stage():
    ids = keras.Input((5,), dtype="int32")
    words = keras.Model(ids, keras.layers.Embedding(9, 4)(ids))
    stages = [words, keras.layers.GlobalAveragePooling1D(name="pool")]
    model = EarlyExitModel.from_stages(
        [*stages, keras.layers.Dense(4)], ["pool"], CLASSES
    )
    assert model.backbone.inputs[0].dtype == "int32"
