"""A saved model with exits comes back whole."""

import json
import zipfile

import h5py
import keras
import numpy as np
import pytest

from keras_lt import layers
from keras_lt import losses
from keras_lt import training
from keras_lt.models import EarlyExitModel
from keras_lt.models import LongTailModel
from keras_lt.models.model_copy import copy_of
from tests.checks import to_numpy
from tests.models.exit_models import changed_model
from tests.models.exit_models import dense_model
from tests.models.exit_models import image_backbone
from tests.models.exit_models import image_model
from tests.models.exit_models import seeded_weights
from tests.models.exit_models import vectors
from tests.models.small_models import CLASSES
from tests.models.small_models import COUNTS
from tests.models.small_models import SPARSE
from tests.models.small_models import MeanFeature
from tests.models.small_models import images


def test_configuration_comes_back_from_json():
    model = changed_model()
    config = json.dumps(model.get_config())
    copy = EarlyExitModel.from_config(json.loads(config))
    assert json.dumps(copy.get_config()) == config
    assert not {id(one) for one in copy.weights} & {
        id(one) for one in model.weights
    }
    x, _ = images()
    shapes = [
        {name: tuple(one.shape) for name, one in made(x).items()}
        for made in (model, copy)
    ]
    assert shapes[0] == shapes[1]
    copy.set_weights(model.get_weights())
    np.testing.assert_allclose(
        to_numpy(copy(x)["exits"]), to_numpy(model(x)["exits"]), 1e-5, 1e-5
    )


def numbers_in_file(path):
    """Returns how many numbers the weights in a file hold."""
    found = []

    def count(name, item):
        if isinstance(item, h5py.Dataset):
            found.append(item.size)

    with h5py.File(path) as file:
        file.visititems(count)
    return sum(found)


@pytest.mark.parametrize("make", [dense_model, changed_model])
def test_each_weight_is_there_once(make, tmp_path):
    """Though a layer is in the backbone, and in one stage or another."""
    model = make()
    numbers = sum(int(np.prod(one.shape)) for one in model.weights)
    assert len({id(one) for one in model.weights}) == len(model.weights)
    assert model.count_params() == numbers
    parts = [model.backbone, *model.branches]
    settings = CLASSES + 2 * (model.num_exits - 1) + model.num_exits
    assert numbers == sum(one.count_params() for one in parts) + settings
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as file:
        file.extract("model.weights.h5", tmp_path)
    assert numbers_in_file(tmp_path / "model.weights.h5") == numbers


def test_weights_load_into_another_model_of_the_kind(tmp_path):
    x, _ = images()
    first = seeded_weights(
        image_model(
            classifier="cosine",
            branch="block",
            threshold=[0.25, 0.5],
            training_threshold=[0.75, 0.5],
            exit_weights=[0.5, 1.0, 2.0],
        )
    )
    first.class_weights.assign([1, 2, 3, 4])
    first.save_weights(tmp_path / "first.weights.h5")
    second = image_model(classifier="cosine", branch="block")
    second.load_weights(tmp_path / "first.weights.h5")
    np.testing.assert_allclose(
        to_numpy(second(x)["exits"]), to_numpy(first(x)["exits"]), 1e-6
    )
    assert second.threshold == [0.25, 0.5]
    assert second.training_threshold == [0.75, 0.5]
    for name in ("class_weights", "thresholds"):
        np.testing.assert_array_equal(
            to_numpy(getattr(second, name)), to_numpy(getattr(first, name))
        )
    assert to_numpy(second.exit_loss.exit_weights).tolist() == [0.5, 1, 2]


@pytest.mark.parametrize(
    "other",
    [{"exits": ["one"]}, {"exits": []}, {"projection_dim": 3}],
    ids=["one exit less", "no exits", "projection"],
)
def test_weights_of_another_model_are_refused(other, tmp_path):
    dense_model().save_weights(tmp_path / "first.weights.h5")
    model = dense_model(**other)
    with pytest.raises(ValueError):
        model.load_weights(tmp_path / "first.weights.h5")


def test_weights_without_the_state_of_an_objective(tmp_path):
    x, y = vectors()
    first = seeded_weights(dense_model())
    first.compile("sgd", SPARSE(from_logits=True))
    first.save_weights(tmp_path / "first.weights.h5")
    second = dense_model()
    second.compile("sgd", SPARSE(from_logits=True), objectives=[MeanFeature()])
    with pytest.warns(UserWarning, match="no state of the objective"):
        second.load_weights(tmp_path / "first.weights.h5")
    np.testing.assert_allclose(
        to_numpy(second(x)["exits"]), to_numpy(first(x)["exits"]), 1e-6
    )
    second.fit(x, y, verbose=0)
    second.save(tmp_path / "second.keras")
    loaded = keras.saving.load_model(tmp_path / "second.keras")
    assert float(loaded.objectives[0].calls) == 1
    np.testing.assert_allclose(
        to_numpy(loaded.objectives[0].centre),
        to_numpy(second.objectives[0].centre),
    )


def test_training_goes_on_alike_after_loading(tmp_path):
    x, y = vectors(20)
    model = dense_model(training_threshold=0.4, classifier="cosine")
    model.compile(
        keras.optimizers.Adam(0.01), losses.LDAM(COUNTS), metrics=["accuracy"]
    )
    model.fit(x, y, verbose=0, shuffle=False)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    histories = [
        one.fit(x, y, verbose=0, epochs=2, shuffle=False).history
        for one in (model, loaded)
    ]
    assert histories[0].keys() == histories[1].keys()
    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, 1e-5)


def test_plain_model_of_full_depth():
    model = seeded_weights(image_model(projection_dim=5))
    x, _ = images()
    plain = model.as_functional()
    assert type(plain).__name__ == "Functional"
    expected = to_numpy(model(x)["exits"])[:, -1]
    np.testing.assert_allclose(to_numpy(plain(x)), expected, 1e-5, 1e-6)


def projected_model():
    return LongTailModel(image_backbone(), CLASSES, projection_dim=5)


@pytest.mark.parametrize("frozen", ["classifier", "backbone"])
@pytest.mark.parametrize("make", [image_model, projected_model])
def test_what_is_frozen_comes_back_frozen(make, frozen, tmp_path, recwarn):
    settings = {"branch": "block"} if make is image_model else {}
    model, (x, y) = make(**settings), images()
    training.set_trainable(model, frozen)
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    model.compile(optimizer, losses.BalancedSoftmax(COUNTS))
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for one, two in (
        (model.trainable_variables, loaded.trainable_variables),
        (model.optimizer.variables, loaded.optimizer.variables),
    ):
        for ours, theirs in zip(one, two, strict=True):
            np.testing.assert_array_equal(to_numpy(ours), to_numpy(theirs))
    assert not [w for w in recwarn if "Skipping variable" in str(w.message)]
    assert len(copy_of(model).trainable_variables) == len(
        model.trainable_variables
    )


def test_what_began_frozen_and_trains_now_comes_back_so(tmp_path):
    model = dense_model(
        branch=keras.layers.Dense(3, trainable=False),
        classifier=keras.layers.Dense(CLASSES, trainable=False),
    )
    frozen = len(model.trainable_variables)
    training.set_trainable(model, "all")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for one in (model, loaded, copy_of(model)):
        # Two bodies and three classifiers, of two variables each.
        assert len(one.trainable_variables) == frozen + 10


@pytest.mark.parametrize("branch", ["block", "mixed_pool"])
def test_branches_keep_their_precision(branch, tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = image_model(branch=branch)
    finally:
        keras.config.set_dtype_policy("float32")
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    for one in (model, copy):
        assert one.branches[0].body.compute_dtype == "bfloat16"
        assert one.branches[0].classifier.compute_dtype == "float32"


def test_layers_inside_of_copies_stay_apart(tmp_path):
    """Keras takes what was one object in the configuration for one again."""
    body = keras.Sequential([keras.layers.Dense(6), keras.layers.ReLU()])
    head = layers.LearnableWeightScaling(keras.layers.Dense(CLASSES))
    model = seeded_weights(dense_model(branch=body, classifier=head))
    x, _ = vectors()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert len(loaded.weights) == len(model.weights)
    np.testing.assert_allclose(
        to_numpy(loaded(x)["exits"]), to_numpy(model(x)["exits"]), 1e-6
    )
