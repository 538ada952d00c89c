"""What of the robust term is saved, and what comes back."""

import warnings

import keras
import numpy as np
import pytest

from keras_lt.objectives import Robustness
from tests.checks import check_serialization
from tests.checks import to_numpy
from tests.objectives.robust_models import COUNTS
from tests.objectives.robust_models import crossentropy
from tests.objectives.robust_models import examples
from tests.objectives.robust_models import small_model
from tests.objectives.robust_models import total_loss


def test_state_is_saved_and_restored(tmp_path):
    images, labels = examples()
    model = small_model()
    term = Robustness(COUNTS, radius="learned", mean_radius=0.7)
    model.compile("sgd", crossentropy(), objectives=[term])
    model.fit(images, labels, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    (restored,) = copy.objectives
    assert restored.get_config() == term.get_config()
    for name in ("centroids", "known"):
        np.testing.assert_array_equal(
            to_numpy(getattr(restored, name)), to_numpy(getattr(term, name))
        )
    np.testing.assert_array_equal(
        restored.current_radii(), term.current_radii()
    )
    np.testing.assert_allclose(
        total_loss(copy, images, labels),
        total_loss(model, images, labels),
        rtol=1e-6,
    )


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("radius", ["sqrt_n", "learned"])
def test_a_file_brings_radii_that_were_trained_alone(tmp_path, radius, frozen):
    images, labels = examples()
    models = [small_model(seed) for seed in range(2)]
    terms = [Robustness(COUNTS, radius, mean_radius=r) for r in (0.5, 0.0)]
    for model, term in zip(models, terms, strict=True):
        model.compile("sgd", crossentropy(), objectives=[term])
    models[0].fit(images, labels, verbose=0)
    models[0].save_weights(tmp_path / "a.weights.h5")
    terms[1].trainable = not frozen
    models[1].load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(terms[1].current_radii(), 0.0)
    trained = [to_numpy(term.radii.values) for term in terms]
    equal = np.array_equal(*trained)
    assert equal == (radius == "learned")
    np.testing.assert_array_equal(
        to_numpy(terms[1].centroids), to_numpy(terms[0].centroids)
    )


def test_weights_of_an_earlier_stage_load_with_one_warning(tmp_path):
    first = small_model(seed=1)
    first.compile("sgd", crossentropy())
    first.save_weights(tmp_path / "first.weights.h5")
    second = small_model(seed=2)
    second.compile("sgd", crossentropy(), objectives=[Robustness(COUNTS)])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        second.load_weights(tmp_path / "first.weights.h5")
    own = [one for one in caught if "holds no state" in str(one.message)]
    assert len(own) == 1
    images, _ = examples()
    np.testing.assert_allclose(
        second.predict(images, verbose=0), first.predict(images, verbose=0)
    )


@pytest.mark.parametrize(
    ("saved", "loaded"), [("sqrt_n", "learned"), ("learned", "released")]
)
def test_a_file_of_radii_of_another_kind(tmp_path, saved, loaded):
    """Their variables are others; the centroids are the same."""
    images, labels = examples()
    terms = [Robustness(COUNTS, saved)]
    with warnings.catch_warnings(action="ignore"):
        terms.append(Robustness(COUNTS, loaded))
    models = [small_model(seed) for seed in range(2)]
    for model, term in zip(models, terms, strict=True):
        model.compile("sgd", crossentropy(), objectives=[term])
    models[0].fit(images, labels, verbose=0)
    models[0].save_weights(tmp_path / "a.weights.h5")
    radii = terms[1].current_radii()
    variable = terms[1].radii.values.name
    with pytest.warns(UserWarning, match=f"holds no '{variable}' of the obj"):
        models[1].load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(terms[1].current_radii(), radii)
    np.testing.assert_array_equal(
        to_numpy(terms[1].centroids), to_numpy(terms[0].centroids)
    )


def test_config_round_trip():
    term = Robustness(
        np.array(COUNTS),
        radius=[0.1, 0.2, 0.3],
        mean_radius=0.25,
        bound="strict",
        distance="squared_euclidean",
        temperature=0.5,
        centroids="moving_average",
        momentum=0.5,
        class_weights=(1, 2, 3),
        radius_penalty=0.1,
        weight=0.5,
        base_weight=0.25,
        features="layer",
    )
    check_serialization(term)
    check_serialization(Robustness(COUNTS))
