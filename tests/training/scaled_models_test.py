import keras
import numpy as np
import pytest
from keras import layers

from keras_lt import training
from keras_lt.layers import LearnableWeightScaling
from tests.checks import small_classifier
from tests.checks import to_numpy
from tests.models import exit_models
from tests.models import small_models

CLASSES = small_models.CLASSES


def shaken(model, seed=0):
    """Gives all weights values as after a training, the variances too."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        if not variable.path.endswith("thresholds"):
            variable.assign(rng.uniform(0.1, 1.5, size=variable.shape))
    return model


def values_of(model):
    return [to_numpy(variable).copy() for variable in model.variables]


def logits_of(model, x):
    outputs = model(x)
    if isinstance(outputs, dict):
        outputs = outputs["exits" if "exits" in outputs else "logits"]
    return to_numpy(outputs)


def scaled_layers(model):
    return [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, LearnableWeightScaling)
    ]


def nested(head):
    body = keras.Sequential([layers.Dense(8), layers.BatchNormalization()])
    inputs = keras.Input((4,))
    end = keras.Sequential([layers.Dropout(0.5), head], name="end")
    return keras.Model(inputs, end(body(inputs)))


def sequential(head):
    return keras.Sequential(
        [keras.Input((4,)), layers.Dense(8, activation="relu"), head]
    )


def functional(head):
    return small_classifier(CLASSES, head)


MODELS = {
    "linear": small_models.small_model,
    "cosine": lambda: small_models.small_model(
        classifier="cosine", projection_dim=7, weight_decay=0.1
    ),
    "exits": lambda: exit_models.image_model(
        branch="block", classifier="cosine", threshold=[0.3, 0.8]
    ),
    "exits with projection": lambda: exit_models.image_model(projection_dim=7),
    "functional": lambda: functional(layers.Dense(CLASSES, name="classifier")),
    "sequential": lambda: sequential(layers.Dense(CLASSES, name="classifier")),
    "nested": lambda: nested(layers.Dense(CLASSES, name="classifier")),
}


@pytest.fixture(params=sorted(MODELS))
def model(request):
    return shaken(MODELS[request.param]())


def images_for(model):
    if len(model.backbone.input_shape if hasattr(model, "backbone") else ()):
        return small_models.images()[0]
    rng = np.random.default_rng(1)
    return rng.normal(size=(5, 4)).astype("float32")


def test_copy_gives_the_same_logits_and_trains_its_scales(model, tmp_path):
    x = images_for(model)
    before, logits = values_of(model), logits_of(model, x)
    copy = training.with_weight_scaling(model)
    assert type(copy) is type(model)
    np.testing.assert_array_equal(logits_of(copy, x), logits)
    wrappers = scaled_layers(copy)
    heads = logits.shape[1] if logits.ndim == 3 else 1
    assert len(wrappers) == heads
    assert [layer.name for layer in wrappers] == ["classifier"] * heads

    factors = np.array([1.0, -2.0, 0.5, 3.0])
    for k, layer in enumerate(wrappers):
        layer.scales.assign(factors + k)
    steps = np.arange(heads)[:, None] if logits.ndim == 3 else 0
    expected = logits.astype("float64") * (factors + steps)
    np.testing.assert_allclose(logits_of(copy, x), expected, 1e-5, 1e-5)

    copy.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(logits_of(loaded, x), expected, 1e-5, 1e-5)

    for variable in copy.variables:
        variable.assign(0 * to_numpy(variable))
    for value, old in zip(values_of(model), before, strict=True):
        np.testing.assert_array_equal(value, old)


def test_what_a_model_with_exits_is_told_stays():
    model = exit_models.dense_model(
        threshold=[0.2, 0.6], exit_weights=[1, 2, 3]
    )
    model.class_weights.assign([1.0, 2.0, 3.0, 4.0])
    copy = training.with_weight_scaling(model)
    assert copy.threshold == model.threshold
    np.testing.assert_array_equal(to_numpy(copy.class_weights), [1, 2, 3, 4])
    assert copy.exit_costs() == model.exit_costs()
    x, _ = exit_models.vectors()
    exits = copy.predict_with_exits(x, verbose=0).exits
    np.testing.assert_array_equal(
        exits, model.predict_with_exits(x, verbose=0).exits
    )


def test_after_training_with_an_objective():
    model = small_models.vector_model()
    objective = small_models.MeanFeature()
    loss = small_models.SPARSE(from_logits=True)
    model.compile("sgd", loss, objectives=[objective])
    x = np.eye(4, 3, dtype="float32")
    expected = logits_of(model, x)
    copy = training.with_weight_scaling(model)
    assert copy.objectives == []
    np.testing.assert_array_equal(logits_of(copy, x), expected)


def test_classifier_must_be_one_layer_by_that_name():
    model = sequential(layers.Dense(CLASSES, name="own"))
    match = "Received: classifier='classifier', which is that of 0 among 2"
    with pytest.raises(ValueError, match=match):
        training.with_weight_scaling(model)
    assert training.with_weight_scaling(model, "own").layers[-1].name == "own"


def test_probabilities_are_not_scaled():
    head = layers.Dense(CLASSES, activation="softmax", name="classifier")
    with pytest.raises(ValueError, match="without an activation"):
        training.with_weight_scaling(sequential(head))


def test_model_that_is_no_graph_is_refused():
    class Own(keras.Model):
        pass

    with pytest.raises(ValueError, match="Wrap its backbone in a"):
        training.with_weight_scaling(Own())
