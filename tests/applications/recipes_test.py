import dataclasses
import json

import keras
import numpy as np
import pytest

import applications
from applications import backbones
from applications import cifar
from applications import find_recipe
from applications import judging
from applications.batches import in_order
from applications.cifar10_lt.recipe import RECIPE as CIFAR10_LT
from applications.cifar100_lt.recipe import RECIPE as CIFAR100_LT
from applications.digits_lt.network import digits_network
from applications.digits_lt.recipe import RECIPE as DIGITS_LT
from applications.distillation_settings import DistillationSettings
from applications.image_folder.recipe import RECIPE as IMAGE_FOLDER
from applications.settings import Settings
from applications.training_settings import TrainingSettings
from keras_lt import report
from keras_lt import training
from keras_lt.data import transforms

QUIET = {"verbose": 0, "epochs": 1}


def small_network(shape):
    """Compiles in a second, unlike what the recipes train."""
    images = keras.Input(shape)
    x = keras.layers.Conv2D(4, 3, 4, activation="relu", name="stage_1")(images)
    return keras.Model(images, keras.layers.Dense(4)(x))


SMALL_DIGITS = dataclasses.replace(
    DIGITS_LT, backbone=lambda: small_network((8, 8, 1))
)


@pytest.fixture
def cifar_dir(tmp_path, monkeypatch):
    """CIFAR with 16 images of each class, and a network that is quick."""
    monkeypatch.setattr(cifar.models, "resnet32", small_network)
    generator = np.random.default_rng(0)
    for classes in (10, 100):
        labels = np.arange(16 * classes) % classes
        images = generator.integers(0, 256, (len(labels), 32, 32, 3), "uint8")
        np.savez(
            tmp_path / f"cifar{classes}.npz",
            x_train=images,
            y_train=labels,
            x_test=images[: 2 * classes],
            y_test=labels[: 2 * classes],
        )
    return str(tmp_path)


def test_run_without_its_reports_is_not_finished(monkeypatch, tmp_path):
    folder = tmp_path / "run"

    def stop(card, path):
        assert (folder / "model.keras").exists()
        raise KeyboardInterrupt

    settings = Settings(**QUIET, output_dir=str(folder), resume=True)
    with monkeypatch.context() as patch:
        patch.setattr(report.ReportCard, "save", stop)
        with pytest.raises(KeyboardInterrupt):
            SMALL_DIGITS.run(settings)
    assert not (folder / "result.json").exists()
    result = SMALL_DIGITS.run(settings)
    record = json.loads((folder / "result.json").read_text())
    assert record == json.loads(json.dumps(result.record()))
    assert (folder / "report" / "adjusted" / "report.json").exists()


@pytest.mark.parametrize("recipe", [CIFAR10_LT, CIFAR100_LT])
def test_cifar_leaves_a_run_that_can_be_judged(cifar_dir, tmp_path, recipe):
    folder = tmp_path / "run"
    settings = Settings(
        **QUIET,
        method=("ldam", "drw"),
        imbalance_factor=8,
        data_dir=cifar_dir,
        output_dir=str(folder),
        validation_fraction=0.2,
    )
    result = recipe.run(settings)

    record = json.loads((folder / "result.json").read_text())
    assert record == json.loads(json.dumps(result.record()))
    assert record["application"] == recipe.name
    assert record["settings"]["method"] == ["ldam", "drw"]
    assert record["split"]["imbalance_factor"] == 8
    assert record["tau_is"] == "chosen on held-out images"
    assert record["backend"] == keras.config.backend()
    assert sum(record["groups"].values()) == len(record["class_counts"])
    assert len(record["history"]["loss"]) == 1
    hits = result.logits.argmax(-1) == result.split.test.y
    assert record["scores"]["as_trained"]["accuracy"] == hits.mean()
    card = report.load(folder / "report" / "as_trained")
    assert card.accuracy == hits.mean()

    again = judging.judge(folder)
    assert again.class_accuracies == card.class_accuracies
    stored = judging.judge(folder, tau=result.tau, predict=False)
    assert stored.class_accuracies == result.cards["adjusted"].class_accuracies


def test_cifar_with_exits_says_what_they_do(cifar_dir, tmp_path):
    folder = tmp_path / "run"
    settings = Settings(
        **QUIET,
        method=("ldam_drw", "elf"),
        imbalance_factor=8,
        data_dir=cifar_dir,
        output_dir=str(folder),
        validation_per_class=2,
        exits=("stage_1",),
        max_accuracy_loss=0.1,
    )
    result = CIFAR10_LT.run(settings)

    record = json.loads((folder / "result.json").read_text())
    assert record == json.loads(json.dumps(result.record()))
    assert record["settings"]["exits"] == ["stage_1"]
    assert record["split"]["validation_per_class"] == 2
    assert {"exit_1_share", "hard_share"} <= set(record["history"])
    found = record["exits"]
    assert found["thresholds_are"] == "chosen on held-out images"
    for name in ("as_trained", "full_depth", "exit_average"):
        assert (folder / "report" / name / "report.json").exists()
    test = result.split.test
    exit_logits = result.exits.exit_logits
    odds = np.exp(exit_logits) / np.exp(exit_logits).sum(-1, keepdims=True)
    for name, logits in {
        "as_trained": result.logits,
        "full_depth": exit_logits[:, -1],
        "exit_average": odds.mean(axis=1),
    }.items():
        hits = logits.argmax(-1) == test.y
        assert record["scores"][name]["accuracy"] == hits.mean()
    lines = result.table().splitlines()
    assert "ldam_drw + elf, at full depth" in lines[4]
    assert "ldam_drw + elf, mean of exits" in lines[5]
    assert "exit 2 %" in lines[9]
    assert set(record["held_out"]) == {
        "images",
        "as_trained",
        "adjusted",
        "exit_average",
    }

    again = judging.judge(folder)  # The model of the file has the thresholds.
    assert again.accuracy == record["scores"]["as_trained"]["accuracy"]


@pytest.mark.parametrize("augmentation", ["plain", "strong"])
def test_cifar_is_augmented_as_asked(cifar_dir, monkeypatch, augmentation):
    monkeypatch.setattr(
        "applications.recipe.train_and_judge", lambda setup: setup
    )
    settings = Settings(
        imbalance_factor=8, data_dir=cifar_dir, augmentation=augmentation
    )
    setup = CIFAR10_LT.run(settings)
    expected = transforms.cifar(training=augmentation)
    images = setup.split.train.x[:8]
    found = [
        transform(images, np.zeros(8, int), np.random.default_rng(3))[0]
        for transform in (setup.batches().transform, expected)
    ]
    np.testing.assert_array_equal(*found)
    other = {"plain": "strong", "strong": "plain"}[augmentation]
    different = transforms.cifar(training=other)(
        images, np.zeros(8, int), np.random.default_rng(3)
    )[0]
    assert np.abs(found[0] - different).max() > 0


def test_unknown_augmentation_is_refused(cifar_dir):
    settings = Settings(
        imbalance_factor=8, data_dir=cifar_dir, augmentation="much"
    )
    with pytest.raises(ValueError, match="'plain', 'strong'.*Received"):
        CIFAR10_LT.run(settings)


def test_finished_run_is_not_trained_again(cifar_dir, tmp_path):
    settings = Settings(
        **QUIET,
        imbalance_factor=8,
        data_dir=cifar_dir,
        output_dir=str(tmp_path / "run"),
        resume=True,
    )
    first = CIFAR10_LT.run(settings)
    second = CIFAR10_LT.run(settings)
    assert first.history == second.history
    (resumed,) = second.provenance.pop("resumed")
    assert first.provenance == second.provenance
    assert resumed["commit"] == first.provenance["commit"]
    np.testing.assert_allclose(first.logits, second.logits, atol=1e-5)


def test_digits_say_what_they_do():
    pytest.importorskip("sklearn")
    settings = Settings(**QUIET, method=("progressive_sampling",))
    result = SMALL_DIGITS.run(settings)
    assert result.split.class_counts[0] == 144
    assert result.split.class_counts[-1] == 2
    assert result.tau == 1.0
    lines = result.table().splitlines()
    assert "few %" in lines[0]
    assert "progressive_sampling, then tau=1" in lines[3]


def test_digits_network_has_the_size_it_names():
    network = digits_network()
    assert network.count_params() == 84_256
    names = [layer.name for layer in network.layers]
    assert {"stage_1", "stage_2", "stage_3"} <= set(names)
    assert network.output_shape == (None, 2, 2, 64)


@pytest.fixture
def photos(tmp_path):
    image_module = pytest.importorskip("PIL.Image")
    generator = np.random.default_rng(0)
    for name, number in {"cat": 20, "dog": 10}.items():
        (tmp_path / "photos" / name).mkdir(parents=True)
        for index in range(number):
            pixels = generator.integers(0, 256, (20, 24, 3), "uint8")
            path = tmp_path / "photos" / name / f"{index}.png"
            image_module.fromarray(pixels).save(path)
    return str(tmp_path / "photos")


def test_own_images_are_split_and_judged(photos, monkeypatch):
    monkeypatch.setattr(backbones.models, "resnet20", small_network)
    settings = Settings(**QUIET, data_dir=photos, image_size=(16, 16))
    result = IMAGE_FOLDER.run(settings)
    assert result.record()["application"] == "image_folder"
    assert result.split.class_names == ["cat", "dog"]
    assert result.split.class_counts == [16, 8]
    assert result.logits.shape == (6, 2)


def test_own_images_are_tested_on_those_left_out(photos, monkeypatch, tmp_path):
    """Where one has another name, others are left out."""
    monkeypatch.setattr(backbones.models, "resnet20", small_network)
    folder = tmp_path / "run"
    settings = Settings(
        **QUIET, data_dir=photos, image_size=(16, 16), output_dir=str(folder)
    )
    IMAGE_FOLDER.run(settings)
    again = judging.judge(folder)
    cats = tmp_path / "photos" / "cat"
    (cats / "0.png").rename(cats / "last.png")
    with pytest.raises(ValueError, match="had other train images"):
        judging.judge(folder)
    with pytest.raises(ValueError, match="started with, or it is tested on"):
        IMAGE_FOLDER.run(dataclasses.replace(settings, resume=True))
    for name in ("initial_run", "teacher_runs"):
        with pytest.raises(ValueError, match="the same images, or it was"):
            IMAGE_FOLDER.run(started_from(folder, settings, name))
    stored = judging.judge(folder, predict=False)
    assert stored.accuracy == again.accuracy
    assert stored.meta["examples"] == again.meta["examples"]


def test_own_images_that_are_broken_are_replaced(photos, monkeypatch):
    monkeypatch.setattr(backbones.models, "resnet20", small_network)
    settings = Settings(
        **QUIET,
        data_dir=photos,
        image_size=(16, 16),
        method=("cosine", "logit_adjusted"),
        broken_images="replace",
        training=TrainingSettings(classifier_start="class_means"),
    )
    images = IMAGE_FOLDER.load(settings).train.x
    with open(images.encoded(0), "wb") as file:
        file.write(b"no image")
    with pytest.warns(UserWarning, match="Row 0 is replaced"):
        result = IMAGE_FOLDER.run(settings)
    assert np.isfinite(result.logits).all()


def started_from(folder, settings, name):
    own = {"data_dir": settings.data_dir, "image_size": (16, 16)}
    if name == "initial_run":
        return Settings(
            **QUIET, **own, method=("crt",), initial_run=str(folder)
        )
    taught = DistillationSettings(teacher_runs=(str(folder),))
    return Settings(**QUIET, **own, method=("cbd",), distillation=taught)


def test_own_images_are_as_imbalanced_as_they_are(photos):
    for name, value in {"imbalance_factor": 10, "profile": "step"}.items():
        settings = Settings(data_dir=photos, **{name: value})
        with pytest.raises(ValueError, match=f"Leave out --{name}"):
            IMAGE_FOLDER.run(settings)
    with pytest.raises(ValueError, match="Pass --data_dir"):
        IMAGE_FOLDER.run(Settings())


def test_nothing_is_left_over_of_own_images(photos):
    settings = Settings(data_dir=photos, validation_per_class=5)
    with pytest.raises(ValueError, match="--validation_fraction instead"):
        IMAGE_FOLDER.run(settings)


@pytest.mark.parametrize(
    "freezing", [{"lora_rank": 2}, {"trainable_layers": 0}]
)
def test_own_images_fine_tune_weights_of_a_file(
    photos, monkeypatch, tmp_path, freezing
):
    monkeypatch.setattr(backbones.models, "resnet20", small_network)
    weights = tmp_path / "own.weights.h5"
    network = small_network((16, 16, 3))
    network.save_weights(weights)
    settings = Settings(
        **QUIET,
        data_dir=photos,
        image_size=(16, 16),
        pretrained_weights=str(weights),
        output_dir=str(tmp_path / "run"),
        method=("cosine", "logit_adjusted"),
        training=TrainingSettings(classifier_start="class_means", **freezing),
    )
    result = IMAGE_FOLDER.run(settings)
    record = result.record()
    assert record["settings"]["pretrained_weights"] == "own.weights.h5"
    assert record["schedule"]["learning_rate"] == 0.01
    model = keras.models.load_model(tmp_path / "run" / "model.keras")
    for one, two in zip(network.layers, model.backbone.layers, strict=True):
        if one.weights:
            kernel, bias = one.get_weights()
            found = two.get_weights()
            kept = "lora_rank" not in freezing
            assert np.array_equal(kernel, found[0]) is kept
            np.testing.assert_array_equal(bias, found[1])
    again = judging.judge(tmp_path / "run")
    assert again.accuracy == record["scores"]["as_trained"]["accuracy"]
    # One step away from where the prototypes started.
    (trained,) = model.classifier.get_weights()
    seen = in_order(result.split.train, IMAGE_FOLDER.evaluation(settings))
    training.initialize_from_class_means(model, seen)
    (means,) = model.classifier.get_weights()
    lengths = np.linalg.norm(trained, axis=0) * np.linalg.norm(means, axis=0)
    assert ((trained * means).sum(0) / lengths > 0.98).all()


def test_every_application_has_a_recipe():
    found = {name: find_recipe(name) for name in applications.APPLICATIONS}
    assert [recipe.name for recipe in found.values()] == list(found)
    plain = {name for name, recipe in found.items() if not recipe.has_strong}
    assert plain == {"digits_lt", "image_folder"}
