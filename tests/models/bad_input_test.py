"""What the models refuse, and in which words."""

import keras
import numpy as np
import pytest

import keras_lt
from keras_lt import losses
from keras_lt import metrics
from keras_lt.models import LongTailModel
from tests.models.exit_models import dense_model
from tests.models.small_models import CLASSES
from tests.models.small_models import COUNTS
from tests.models.small_models import SPARSE
from tests.models.small_models import images
from tests.models.small_models import small_backbone
from tests.models.small_models import small_model


def ending_with(activation):
    """A classifier of two layers, one of which is a model."""
    end = keras.Sequential([keras.layers.Activation(activation)])
    return keras.Sequential([keras.layers.Dense(CLASSES), end])


def test_ldam_wants_a_cosine_classifier_of_its_scale():
    with pytest.raises(ValueError, match="'classifier', a Dense"):
        small_model().compile("sgd", losses.LDAM(COUNTS))
    model = small_model(classifier="cosine")
    with pytest.raises(ValueError, match=r"a CosineClassifier with scale=30"):
        model.compile("sgd", losses.LDAM(COUNTS, scale=10.0))
    model.compile("sgd", losses.LDAM(COUNTS, scale=30.0))
    inner = keras_lt.layers.CosineClassifier(CLASSES)
    head = keras.Sequential([keras.layers.Dropout(0.5), inner])
    model = small_model(classifier=head)
    with pytest.raises(
        ValueError, match="which ends with a CosineClassifier with scale=30"
    ):
        model.compile("sgd", losses.LDAM(COUNTS, scale=10.0))
    model.compile("sgd", losses.LDAM(COUNTS, scale=30.0))


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ("sparse_categorical_crossentropy", "must be a `keras.losses.Loss`"),
        (None, "must be a `keras.losses.Loss`"),
        (SPARSE(), "from_logits=False"),
        (keras.losses.KLDivergence(), "Received: KLDivergence, which"),
        (
            keras.losses.CategoricalGeneralizedCrossEntropy(),
            "Received: CategoricalGeneralizedCrossEntropy, which",
        ),
        (keras.losses.MeanSquaredError(), "Received: MeanSquaredError, which"),
        (keras.losses.CategoricalHinge(), "Received: CategoricalHinge, which"),
        (SPARSE(from_logits=True, reduction="sum"), "reduction='sum'"),
    ],
)
def test_unfit_losses(loss, message):
    with pytest.raises(ValueError, match=message):
        small_model().compile("sgd", loss)


@pytest.mark.parametrize("argument", ["metrics", "weighted_metrics"])
@pytest.mark.parametrize(
    "kind", ["CategoricalAccuracy", "TopKCategoricalAccuracy"]
)
def test_metrics_of_one_hot_labels(kind, argument):
    made = getattr(keras.metrics, kind)
    function = made(name=None)._fn
    for metric in (made, made(), function, function.__name__, kind):
        message = f"must take class ids.*Use `keras.metrics.Sparse{kind}\\("
        with pytest.raises(ValueError, match=message):
            small_model().compile(
                "sgd", SPARSE(from_logits=True), **{argument: [metric]}
            )


@pytest.mark.parametrize(
    "metric",
    [
        "crossentropy",
        "ce",
        "sparse_categorical_crossentropy",
        keras.metrics.SparseCategoricalCrossentropy(),
        keras.losses.sparse_categorical_crossentropy,
        keras.metrics.CategoricalCrossentropy(from_logits=True),
    ],
)
def test_metrics_of_probabilities(metric):
    message = r"class ids and logits.*Use `.*entropy\(from_logits=True\)`"
    with pytest.raises(ValueError, match=message):
        small_model().compile("sgd", SPARSE(from_logits=True), metrics=[metric])


@pytest.mark.parametrize(
    "metric",
    [
        keras.metrics.Recall(class_id=1),
        keras.metrics.Precision,
        "f1_score",
        "AUC",
        "mse",
        keras.metrics.hinge,
        keras.metrics.Accuracy(),
    ],
)
def test_metrics_of_one_class_or_of_numbers(metric):
    message = r"class ids and logits.*Use .*(keras_lt.metrics|SparseCategor)"
    with pytest.raises(ValueError, match=message):
        small_model().compile("sgd", SPARSE(from_logits=True), metrics=[metric])


@pytest.mark.parametrize("name", ["metrics", "weighted_metrics"])
def test_metrics_come_in_a_list(name):
    loss = SPARSE(from_logits=True)
    for given in ("accuracy", keras.metrics.SparseCategoricalAccuracy()):
        with pytest.raises(ValueError, match=f"`{name}` must be a list"):
            dense_model().compile("sgd", loss, **{name: given})


def test_exit_shares_of_other_classes():
    shares = metrics.ExitShares(3, class_counts=[9, 5])
    with pytest.raises(ValueError, match=f"2 counts for {CLASSES} classes"):
        dense_model().compile("sgd", SPARSE(from_logits=True), metrics=[shares])


class Recall(keras.metrics.Recall):
    """Takes ids and logits, unlike that of Keras."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        own = keras.ops.equal(keras.ops.argmax(y_pred, axis=-1), 1)
        super().update_state(keras.ops.equal(y_true, 1), own)


def test_metrics_of_ones_own_are_taken():
    x, y = images()
    model, own = small_model(), Recall(name="recall")
    model.compile("sgd", SPARSE(from_logits=True), metrics=[own, count])
    found = model.evaluate(x, y, verbose=0, return_dict=True)
    answers = model.predict(x, verbose=0).argmax(axis=-1)
    assert found["recall"] == pytest.approx((answers[y == 1] == 1).mean())
    assert found["count"] == 1.0


def count(y_true, y_pred):
    return keras.ops.ones(keras.ops.shape(y_true)[:1])


def test_crossentropy_of_logits_as_a_metric():
    x, y = images()
    model = small_model()
    metric = keras.metrics.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", SPARSE(from_logits=True), metrics=[metric])
    loss, logged = model.evaluate(x, y, verbose=0)
    np.testing.assert_allclose(logged, loss, 1e-5)


def test_metrics_of_one_hot_labels_have_counterparts():
    x, y = images()
    model = small_model()
    model.compile(
        "sgd",
        keras_lt.losses.BalancedSoftmax(COUNTS),
        metrics=["accuracy", "sparse_categorical_accuracy"],
    )
    right = model.predict(x, verbose=0).argmax(axis=-1) == y
    found = model.evaluate(x, np.eye(CLASSES)[y], verbose=0)
    assert 0 < right.mean() < 1
    np.testing.assert_allclose(found[1:], 2 * [right.mean()], 1e-6)


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
    ("arguments", "message"),
    [
        ({"num_classes": 0}, "whole number, 1 or greater"),
        ({"num_classes": 1}, "must be 2 or greater. Received: num_classes=1"),
        ({"classifier": "cos"}, "must be 'linear', 'cosine' or a layer"),
        ({"classifier": keras.layers.Dense(3)}, "one logit per class, 4"),
        (
            {"classifier": keras.layers.Dense(4, activation="softmax")},
            "without an activation",
        ),
        ({"classifier": keras.layers.Softmax()}, "ends with '.*', a softmax"),
        ({"classifier": ending_with("softmax")}, "ends with '.*', a softmax"),
        ({"classifier": ending_with("sigmoid")}, "ends with '.*', a sigmoid"),
        ({"feature_layers": "stage_1"}, "`feature_layers` must be a list"),
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
    ends = [inputs, keras.Input((3,))]
    two = keras.Model(ends, keras.layers.Add()(ends))
    with pytest.raises(ValueError, match="2 inputs"):
        LongTailModel(two, CLASSES)
    named = keras.Model(inputs, {"end": keras.layers.Dense(2)(inputs)})
    with pytest.raises(ValueError, match="return a tensor.*a dict of one"):
        LongTailModel(named, CLASSES)


@pytest.mark.parametrize(
    "end",
    [
        keras.layers.Dense(4, "softmax", name="end"),
        keras.layers.Activation("softmax", name="end"),
        keras.layers.Softmax(name="end"),
        keras.Sequential([keras.Input((3,)), keras.layers.Softmax(name="end")]),
    ],
    ids=["dense", "activation", "softmax", "inside"],
)
def test_backbone_that_ends_with_a_softmax(end):
    inputs = keras.Input((3,))
    whole = keras.Model(inputs, end(inputs), name="whole")
    match = (
        "not probabilities.*'whole'.*softmax in the layer 'end'.*include_top"
    )
    for model in (whole, keras.Sequential([inputs, whole], name="whole")):
        with pytest.raises(ValueError, match=match):
            LongTailModel(model, CLASSES)


def test_softmax_inside_of_a_backbone_is_taken():
    inputs = keras.Input((3,))
    gate = keras.layers.Softmax()(keras.layers.Dense(3)(inputs))
    model = LongTailModel(keras.Model(inputs, inputs * gate), CLASSES)
    assert tuple(model(np.ones((2, 3)))["logits"].shape) == (2, CLASSES)


def test_layer_called_twice_is_refused():
    inputs = keras.Input((3,))
    shared = keras.layers.Dense(3, name="shared")
    backbone = keras.Model(inputs, shared(shared(inputs)))
    with pytest.raises(ValueError, match="calls 2 times"):
        LongTailModel(backbone, CLASSES, feature_layers=["shared"])


def test_training_without_compile():
    model = small_model()
    x, y = images()
    with pytest.raises(ValueError, match="with a loss before training"):
        model.compute_loss(x, y, model(x))


def test_callback_list_that_takes_no_more():
    x, y = images()
    model = small_model()
    model.compile("sgd", SPARSE(from_logits=True))
    made = keras.callbacks.CallbackList(add_history=True, model=model)
    batches = keras_lt.data.Batches((x, y), batch_size=4)
    with pytest.raises(ValueError, match="must be a list of callbacks"):
        model.fit(batches, callbacks=made, verbose=0)
    model.fit(x, y, callbacks=made, verbose=0)


@pytest.mark.parametrize(
    "objectives",
    [
        None,
        keras_lt.objectives.Robustness(COUNTS),
        [keras_lt.objectives.Robustness],
        [losses.Focal()],
    ],
)
def test_objectives_are_a_list_of_them(objectives):
    with pytest.raises(ValueError, match="`objectives` must be a list of"):
        small_model().compile(
            "sgd", losses.BalancedSoftmax(COUNTS), objectives=objectives
        )


def test_exits_are_timed_at_least_once():
    model = dense_model()
    for name in ("batch_size", "repeats"):
        with pytest.raises(ValueError, match=f"`{name}` must be a whole"):
            model.exit_seconds(**{name: 0})
