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
from tests.losses import common_test as losses_test
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

CRITERION = "correct_and_confident"
THRESHOLDS = [0.5, 0.7]


def still_model(loss=None, compiled=(), **settings):
    """Returns a model that is compiled not to move, with its data."""
    settings = {"training_threshold": THRESHOLDS, **settings}
    model = seeded_weights(dense_model(**settings))
    model.compile(
        keras.optimizers.SGD(0.0),
        loss or SPARSE(from_logits=True),
        **dict(compiled),
    )
    return model, *vectors(20)


def expected_loss(
    model,
    x,
    y,
    thresholds=THRESHOLDS,
    weights=None,
    exit_weights=(1.0, 1.0, 1.0),
):
    """Returns the loss in NumPy, of weights that are not scaled."""
    _, logits = dense_exits.forward(model, x)
    return reference.total(
        dense_exits.losses(logits, y),
        dense_exits.exits_of(logits, y, CRITERION, thresholds),
        np.ones(len(y)) if weights is None else weights,
        np.array(exit_weights),
        "batch_weight",
    )


def losses_seen(model, x, y, **kwargs):
    return model.fit(x, y, verbose=0, **kwargs).history["loss"]


@pytest.mark.parametrize("soft", [False, True], ids=["ids", "soft"])
@pytest.mark.parametrize(
    "pair", losses_test.PAIRS, ids=lambda pair: "-".join(map(str, pair))
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
    values = [losses_test.values(loss, y, logits[:, k]) for k in range(3)]
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


def test_all_that_leave_at_the_first_exit_train_nothing_after_it():
    model = image_model(criterion="confidence", training_threshold=0.0)
    model.compile(keras.optimizers.SGD(0.5), SPARSE(from_logits=True))
    early = [*model.stages[0].layers, model.branches[0]]
    moving = {id(v) for layer in early for v in layer.trainable_variables}
    before = [to_numpy(one) for one in model.trainable_variables]
    model.fit(*images(), batch_size=4, verbose=0)
    for variable, old in zip(model.trainable_variables, before, strict=True):
        if id(variable) not in moving:
            np.testing.assert_array_equal(to_numpy(variable), old)
        elif "bias" not in variable.path or "classifier" in variable.path:
            assert np.abs(to_numpy(variable) - old).max() > 1e-4, variable.path


def moves_of_one_step(trunk_gradient):
    """Returns what a step adds to the trunk and to the first branch.

    The last exit weighs nothing, so all that the trunk gets is from early ones.
    """
    model = seeded_weights(
        image_model(
            trunk_gradient=trunk_gradient,
            training_threshold=1.0,
            exit_weights=[1.0, 1.0, 0.0],
            branch="block",
        )
    )
    model.compile(keras.optimizers.SGD(1.0), SPARSE(from_logits=True))
    parts = (model.backbone, model.branches[0])
    before = [
        [to_numpy(one) for one in part.trainable_variables] for part in parts
    ]
    model.train_on_batch(*images())
    after = [
        [to_numpy(one) for one in part.trainable_variables] for part in parts
    ]
    return [
        [new - old for new, old in zip(*both, strict=True)]
        for both in zip(after, before, strict=True)
    ]


def test_share_of_the_early_gradient_that_reaches_the_trunk():
    whole_trunk, whole_branch = moves_of_one_step(1.0)
    assert max(np.abs(one).max() for one in whole_trunk) > 0.05
    for share in (0.0, 0.5):
        trunk, branch = moves_of_one_step(share)
        for found, whole in zip(trunk, whole_trunk, strict=True):
            np.testing.assert_allclose(found, share * whole, 1e-3, 1e-5)
        for found, whole in zip(branch, whole_branch, strict=True):
            np.testing.assert_allclose(found, whole, 1e-3, 1e-5)


def test_share_of_the_gradient_leaves_the_outputs_alone():
    x, _ = images()
    outputs = [
        to_numpy(seeded_weights(image_model(trunk_gradient=share))(x)["exits"])
        for share in (0.0, 0.5, 1.0)
    ]
    np.testing.assert_array_equal(outputs[0], outputs[2])
    np.testing.assert_allclose(outputs[1], outputs[2], 1e-5, 1e-6)


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


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("features", [None, "one"])
@pytest.mark.parametrize("weighted", [False, True])
def test_objectives_on_features(mask, features, weighted):
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


def test_training_settings_change_while_training():
    model, x, y = still_model()
    thresholds = [[0.5, 0.7], [1.0, 1.0], [0.0, 0.0], [0.9, 0.3]]
    exit_weights = [[1, 1, 1], [1, 1, 1], [2, 1, 0.5], [0, 0, 1]]
    schedules = [
        callbacks.VariableSchedule(
            model.exit_loss.thresholds, thresholds.__getitem__
        ),
        callbacks.VariableSchedule(
            model.exit_loss.exit_weights, exit_weights.__getitem__
        ),
    ]
    found = losses_seen(model, x, y, epochs=4, callbacks=schedules)
    expected = [
        expected_loss(model, x, y, t, exit_weights=w)
        for t, w in zip(thresholds, exit_weights, strict=True)
    ]
    np.testing.assert_allclose(found, expected, 1e-4)
    assert np.abs(np.diff(expected)).min() > 0.01
    # And between one fit and the next, without another compile.
    model.training_threshold = 1.0
    model.exit_loss.exit_weights.assign([1.0, 2.0, 3.0])
    expected = expected_loss(model, x, y, [1, 1], exit_weights=[1, 2, 3])
    np.testing.assert_allclose(losses_seen(model, x, y), [expected], 1e-4)


def test_thresholds_in_use_change_while_training():
    model, x, y = still_model(compiled={"metrics": ["accuracy"]})
    thresholds = [[0.0, 0.0], [1.0, 1.0], [0.6, 0.5]]
    schedule = callbacks.VariableSchedule(
        model.thresholds, thresholds.__getitem__
    )
    logs = model.fit(
        x,
        y,
        epochs=3,
        callbacks=[schedule],
        validation_data=(x, y),
        verbose=0,
    ).history
    _, logits = dense_exits.forward(model, x)
    for epoch, values in enumerate(thresholds):
        exits = dense_exits.exits_of(logits, y, "confidence", values)
        correct = logits[np.arange(20), exits - 1].argmax(axis=-1) == y
        for prefix in ("", "val_"):
            assert logs[f"{prefix}accuracy"][epoch] == pytest.approx(
                correct.mean()
            )
            for k in (1, 2, 3):
                share = logs[f"{prefix}exit_{k}_share"][epoch]
                assert share == pytest.approx((exits == k).mean())
    model.threshold = [0.9, 0.0]
    exits = dense_exits.exits_of(logits, y, "confidence", [0.9, 0.0])
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    assert logs["exit_2_share"] == pytest.approx((exits == 2).mean())
    assert logs["exit_3_share"] == 0


def test_thresholds_of_training_and_of_use_are_two():
    model = dense_model(threshold=0.25, training_threshold=[0.5, 0.75])
    assert model.threshold == [0.25, 0.25]
    assert model.training_threshold == [0.5, 0.75]
    model.threshold = [0.5, 1.0]
    model.training_threshold = 0.0
    assert model.threshold == [0.5, 1.0]
    assert model.training_threshold == [0.0, 0.0]
    assert to_numpy(model.thresholds).tolist() == [0.5, 1.0]
    assert to_numpy(model.exit_loss.thresholds).tolist() == [0.0, 0.0]
    for one in (model.thresholds, model.exit_loss.thresholds):
        assert not one.trainable
        assert any(one is weight for weight in model.weights)


@pytest.mark.parametrize("what", ["stage", "branch"])
def test_frozen_parts_stay_and_others_move(what):
    model = image_model(branch="block", training_threshold=1.0)
    frozen = model.stages[0] if what == "stage" else model.branches[0]
    frozen.trainable = False
    still = {id(one) for one in frozen.variables}
    assert still
    model.compile(keras.optimizers.SGD(0.5), SPARSE(from_logits=True))
    assert not still & {id(one) for one in model.trainable_variables}
    before = [to_numpy(one) for one in model.variables]
    model.fit(*images(), batch_size=6, verbose=0)
    moved = set()
    for variable, old in zip(model.variables, before, strict=True):
        if np.any(to_numpy(variable) != old):
            moved.add(id(variable))
    assert not still & moved
    assert moved >= {
        id(one)
        for one in model.trainable_variables
        if "kernel" in one.path or "gamma" in one.path
    }


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


def test_batch_statistics_move_in_training_alone():
    """Those of the branches too, though all have left before."""
    x, y = images()
    model = image_model(
        branch="block", criterion="confidence", training_threshold=0.0
    )
    model.compile(keras.optimizers.SGD(0.0), SPARSE(from_logits=True))
    means = [one for one in model.variables if one.path.endswith("moving_mean")]
    assert len(means) == 4  # Two of the backbone, one of each branch.
    before = [to_numpy(one) for one in means]
    model.evaluate(x, y, verbose=0)
    for one, old in zip(means, before, strict=True):
        np.testing.assert_array_equal(to_numpy(one), old)
    model.fit(x, y, verbose=0)
    for one, old in zip(means, before, strict=True):
        assert np.abs(to_numpy(one) - old).max() > 1e-4


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
