import keras
import numpy as np
import pytest

from applications.judging import data_of
from applications.settings import Settings
from applications.tables.derived import derive
from applications.tables.new_classifier import nearest_class_mean
from applications.tables.new_classifier import tau_normalized
from tests.applications.small_digits import SMALL
from tests.applications.small_digits import quick_recipe
from tests.checks import to_numpy

pytest.importorskip("sklearn")


def run(folder, **settings):
    with quick_recipe():
        SMALL.run(
            Settings(
                epochs=2, output_dir=str(folder), verbose=0, seed=3, **settings
            )
        )
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return run(tmp_path_factory.mktemp("run") / "a", validation_per_class=10)


@pytest.fixture(scope="module")
def model(folder):
    return keras.models.load_model(folder / "model.keras", compile=False)


def features_of(model, folder, part):
    split, evaluation = data_of(folder)
    examples = getattr(split, part)
    images, labels = evaluation(examples.x[:], examples.y)
    values = model.feature_model().predict(images, verbose=0)
    return values.astype("float64"), labels, split


def test_exponent_is_the_best_one_on_held_out_images(folder, model):
    features, labels, split = features_of(model, folder, "validation")
    kernel = to_numpy(model.classifier.kernel).astype("float64")
    norms = np.linalg.norm(kernel, axis=0)

    def accuracy(tau):
        answers = (features @ (kernel / norms**tau)).argmax(axis=1)
        return np.mean([np.mean(answers[labels == c] == c) for c in range(10)])

    made = tau_normalized([folder], split.class_counts)
    taus = np.arange(21) / 10
    assert made.tau in taus
    best = max(accuracy(tau) for tau in taus)
    assert accuracy(made.tau) == pytest.approx(best)
    assert made.tau_is == "chosen on held-out images"
    test, labels, _ = features_of(model, folder, "test")
    expected = test @ (kernel / norms**made.tau)
    np.testing.assert_allclose(made.logits["as_trained"], expected, atol=1e-4)
    assert made.labels.tolist() == labels.tolist()


def test_means_are_those_of_all_training_images(folder, model):
    features, labels, split = features_of(model, folder, "train")
    centre = features.mean(axis=0)

    def unit(x):
        return (x - centre) / np.linalg.norm(x - centre, axis=1, keepdims=True)

    means = [unit(features)[labels == c].mean(axis=0) for c in range(10)]
    test, _, _ = features_of(model, folder, "test")
    distances = (unit(test)[:, None] - np.array(means)) ** 2
    made = nearest_class_mean([folder], split.class_counts)
    np.testing.assert_allclose(
        made.logits["as_trained"], -distances.sum(axis=-1), atol=1e-4
    )


def test_record_says_what_it_is_made_of(folder):
    record = derive("nearest_class_mean", [folder])
    assert record["members"] == ["a"]
    assert record["settings"]["method"] == ["nearest_class_mean"]
    assert record["settings"]["validation_per_class"] == 10
    accuracies = record["class_accuracies"]["as_trained"]
    scores = record["scores"]["as_trained"]
    assert scores["accuracy"] == pytest.approx(np.mean(accuracies))


def test_run_without_held_out_images_is_refused(tmp_path):
    folder = run(tmp_path / "b")
    with pytest.raises(ValueError, match=r"b', which held none out"):
        tau_normalized([folder], [1] * 10)
