"""ImageNet-LT, iNaturalist and Places-LT, with as many classes as they have."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from applications import judging
from applications import large_images
from applications.distillation_settings import DistillationSettings
from applications.imagenet_lt.recipe import BENCHMARK
from applications.imagenet_lt.recipe import RECIPE as IMAGENET_LT
from applications.inaturalist2018.recipe import RECIPE as INATURALIST2018
from applications.places_lt.recipe import RECIPE as PLACES_LT
from applications.settings import Settings
from keras_lt import report
from keras_lt.data import transforms
from tests.applications.published_lists import write_lists
from tests.data.prepared_folder import prepare

SMALL = {"image_size": (8, 8), "epochs": 1, "verbose": 0}
RECIPES = [IMAGENET_LT, INATURALIST2018, PLACES_LT]


def small_backbone(name, image_size, pretrained):
    """Two stages that compile in a second."""
    x = images = keras.Input((*image_size, 3))
    for stage in ("stage_1", "stage_2"):
        x = keras.layers.Conv2D(4, 3, 2, "same", name=f"{stage}_conv")(x)
        x = keras.layers.ReLU(name=stage)(x)
    return keras.Model(images, x)


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    save = report.ReportCard.save
    monkeypatch.setattr("applications.recipe.make_backbone", small_backbone)
    monkeypatch.setattr(
        report.ReportCard,
        "save",
        lambda card, folder: save(card, folder, plots=False),
    )
    monkeypatch.delenv("KERAS_LT_DATA", raising=False)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "nothing"))


def counts_of(num_classes, many=5, medium=2):
    """Few images a class, but not of all classes alike."""
    counts = np.ones(num_classes, int)
    counts[:many] = 3
    counts[many : many + medium] = 2
    return counts


@pytest.fixture
def lists(tmp_path):
    labels = np.repeat(np.arange(1000), counts_of(1000))
    held_out = np.arange(0, 1000, 5)
    write_lists(
        tmp_path / "data",
        {
            "ImageNet_LT_train": labels,
            "ImageNet_LT_val": held_out,
            "ImageNet_LT_test": held_out + 1,
        },
        compressed=["ImageNet_LT_val"],
    )
    return str(tmp_path / "data")


def test_lists_are_trained_on_judged_and_resumed(lists, tmp_path):
    folder = tmp_path / "run"
    settings = Settings(
        **SMALL,
        method=("ldam_drw",),
        data_dir=lists,
        output_dir=str(folder),
        resume=True,
    )
    result = IMAGENET_LT.run(settings)
    record = json.loads((folder / "result.json").read_text())
    assert record["class_counts"] == counts_of(1000).tolist()
    assert record["groups"] == {"many": 0, "medium": 0, "few": 1000}
    assert record["schedule"]["batch_size"] == 512
    assert record["settings"]["backbone"] == "ResNet50"
    assert record["tau_is"] == "chosen on held-out images"
    assert result.logits.shape == (200, 1000)
    assert result.split.validation.y.tolist() == list(range(0, 1000, 5))
    hits = result.logits.argmax(-1) == result.split.test.y
    card = judging.judge(folder)
    assert card.accuracy == pytest.approx(hits.mean(), abs=1e-6)

    again = IMAGENET_LT.run(settings)
    assert again.history == result.history
    longer = dataclasses.replace(settings, epochs=2)
    with pytest.raises(ValueError, match="resumed with the settings"):
        IMAGENET_LT.run(longer)


@pytest.mark.slow
def test_all_three_methods_together(lists, tmp_path):
    settings = Settings(
        **SMALL,
        method=("elf", "dro_lt", "cbd"),
        exits=("stage_1",),
        distillation=DistillationSettings(teachers=1),
        data_dir=lists,
        output_dir=str(tmp_path / "run"),
    )
    result = IMAGENET_LT.run(settings)
    assert np.isfinite(result.history[-1]["loss"])
    assert result.exits.exit_logits.shape == (200, 2, 1000)
    path = tmp_path / "run" / "teacher_1" / "result.json"
    teacher = json.loads(path.read_text())
    assert teacher["settings"]["image_size"] == [8, 8]
    # Of several teachers, the second half would see distorted colours.
    assert all(recipe.has_strong for recipe in RECIPES)


@pytest.mark.slow
def test_prepared_data_with_the_classes_of_inaturalist(tmp_path):
    pytest.importorskip("tensorflow_datasets")
    counts = counts_of(8142)
    parts = {
        "train": np.repeat(np.arange(8142), counts),
        "validation": np.arange(0, 8142, 40),
        "test": np.full(3, -1),
    }
    prepare(tmp_path / "data", "i_naturalist2018", parts, num_classes=8142)
    settings = Settings(
        **SMALL,
        method=("class_balanced_sampling",),
        data_dir=str(tmp_path / "data"),
        output_dir=str(tmp_path / "run"),
    )
    result = INATURALIST2018.run(settings)
    assert result.split.class_counts == counts.tolist()
    assert result.schedule.weight_decay == 1e-4
    assert result.logits.shape == (204, 8142)
    # The stored order is another one than that of the labels.
    assert sorted(result.split.test.y.tolist()) == list(range(0, 8142, 40))
    card = judging.judge(tmp_path / "run")
    hits = result.logits.argmax(-1) == result.split.test.y
    assert card.accuracy == pytest.approx(hits.mean(), abs=1e-6)


def test_prepared_data_with_the_classes_of_imagenet(tmp_path):
    pytest.importorskip("tensorflow_datasets")
    parts = {
        "train": np.repeat(np.arange(1000), counts_of(1000)),
        "validation": np.arange(1000),
        "test": np.arange(0, 1000, 2),
    }
    prepare(tmp_path, "imagenet_lt", parts, num_classes=1000)
    split = IMAGENET_LT.load(Settings(**SMALL, data_dir=str(tmp_path)))
    assert split.class_counts == counts_of(1000).tolist()
    assert [len(part) for part in split.parts().values()] == [1012, 1000, 500]
    assert split.train.x.shape == (1012, 8, 8, 3)


def test_prepared_data_in_the_usual_folder(tmp_path, monkeypatch):
    pytest.importorskip("tensorflow_datasets")
    parts = dict.fromkeys(("train", "validation", "test"), np.arange(1000))
    prepare(tmp_path / "usual", "imagenet_lt", parts, num_classes=1000)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "usual"))
    assert len(IMAGENET_LT.load(Settings()).train) == 1000


def test_broken_images_are_replaced_if_asked(lists, tmp_path):
    with open(f"{lists}/train/3.JPEG", "wb") as file:
        file.write(b"text")
    settings = Settings(**SMALL, data_dir=lists)
    with pytest.raises(ValueError, match="3.JPEG"):
        IMAGENET_LT.run(settings)
    batches = []
    replaced = dataclasses.replace(settings, broken_images="replace")

    def judge(setup):
        batches.append(setup.batches())
        return setup

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("applications.recipe.train_and_judge", judge)
        IMAGENET_LT.run(replaced)
    with (
        pytest.warns(UserWarning, match="is replaced by another one"),
        pytest.raises(ValueError, match="none of whose 1 images"),
    ):
        list(batches[0])


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: r.name)
def test_schedules_are_those_of_the_papers(recipe):
    def schedule(name):
        settings = Settings(schedule=name)
        found = recipe.schedule(recipe.filled(settings))
        return dataclasses.astuple(found)[:6]

    decoupling, distillation = {
        "imagenet_lt": [
            (90, 512, 5e-4, 0, "cosine", 0.2),
            (90, 128, 2.5e-4, 0, "cosine", 0.05),
        ],
        "inaturalist2018": [
            (90, 512, 1e-4, 0, "cosine", 0.2),
            (200, 128, 1e-4, 0, "cosine", 0.05),
        ],
        "places_lt": [
            (30, 256, 5e-4, 0, "cosine", 0.01),
            (90, 128, 2.5e-4, 0, "cosine", 0.05),
        ],
    }[recipe.name]
    assert schedule(None) == schedule("decoupling") == decoupling
    assert schedule("distillation") == distillation


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: r.name)
def test_augmentations_are_those_of_the_papers(recipe):
    def kinds(transform):
        return [type(one).__name__ for one in transform.transforms]

    def training(**options):
        settings = Settings(**options)
        return kinds(recipe.augmentation(settings))

    colors = [] if recipe is INATURALIST2018 else ["ColorJitter"]
    crop = ["RandomResizedCrop", "RandomFlip"]
    assert training() == [*crop, *colors, "Normalize"]
    strong = [*crop, "ColorJitter", "RandomGrayscale", "Normalize"]
    assert training(augmentation="strong") == strong
    assert kinds(recipe.evaluation(Settings())) == ["CenterCrop", "Normalize"]
    own = recipe.evaluation(Settings(pretrained=True, backbone="ResNet50"))
    white = np.full((1, 4, 4, 3), 255, "uint8")
    found, _ = own(white, np.zeros(1), None)
    expected = keras.applications.resnet50.preprocess_input(
        white.astype("float32")
    )
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize(
    ("backbone", "takes_pixels"),
    [
        ("EfficientNetB0", True),
        ("MobileNetV3Small", True),
        ("keras_cv/resnet50", True),
        ("keras_hub/resnet_18_imagenet", False),
        ("ResNet50", False),
        ("resnet20", False),
    ],
)
def test_networks_that_scale_pixels_get_them_as_they_are(
    backbone, takes_pixels
):
    settings = Settings(backbone=backbone)
    images = np.full((1, 4, 4, 3), 255, "uint8")
    images[:, :2] = 0
    expected = images.astype("float32")
    if not takes_pixels:
        expected = (expected / 255 - BENCHMARK.mean) / BENCHMARK.std
    found, _ = IMAGENET_LT.evaluation(settings)(images, np.zeros(1), None)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_inaturalist_has_colors_of_its_own():
    normalize = INATURALIST2018.evaluation(Settings()).transforms[-1]
    assert normalize.mean.tolist() == [0.466, 0.471, 0.380]
    assert isinstance(normalize, transforms.Normalize)


def test_exits_of_the_network_are_taken_by_default():
    filled = IMAGENET_LT.filled
    elf = Settings(method=("elf",))
    assert filled(elf).exits == ("conv3_block4_out", "conv4_block6_out")
    own = dataclasses.replace(elf, exits=("a",))
    assert filled(own).exits == ("a",)
    own = dataclasses.replace(elf, backbone="resnet20")
    assert filled(own).exits == ("stage_1", "stage_2")
    assert filled(Settings()).exits == Settings.exits
    assert PLACES_LT.filled(Settings()).backbone == "ResNet152"


@pytest.mark.parametrize(
    ("name", "trainable"),
    [("ResNet50", 23_534_592), ("ResNet152", 58_219_520)],
)
def test_exits_by_default_are_layers(name, trainable):
    model = getattr(keras.applications, name)(weights=None, include_top=False)
    sizes = [int(np.prod(v.shape)) for v in model.trainable_variables]
    assert sum(sizes) == trainable
    names = [layer.name for layer in model.layers]
    first, second = large_images.EXITS[name]
    assert names.index(first) < names.index(second) < len(names) - 1
    assert f"{first.split('_')[0]}_block{int(first[11:-4]) + 1}_out" not in (
        names
    )


@pytest.mark.parametrize(
    "options, message",
    [
        ({"imbalance_factor": 10}, "Leave out --imbalance_factor"),
        ({"profile": "step"}, "Received: profile='step'. Leave out"),
        ({"validation_per_class": 2}, "Leave out --validation_per_class"),
        ({"validation_fraction": 0.1}, "are published for imagenet_lt"),
        ({}, "ImageNet_LT_test.txt .*None, which .*imagenet_lt/README.md"),
    ],
)
def test_what_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        IMAGENET_LT.load(Settings(**options))


def test_wrong_data_is_noticed(tmp_path):
    labels = {
        "ImageNet_LT_train": np.arange(10),
        "ImageNet_LT_val": np.arange(10),
        "ImageNet_LT_test": np.arange(10),
    }
    write_lists(tmp_path, labels)
    with pytest.raises(ValueError, match="1000 classes. Received: 10"):
        IMAGENET_LT.load(Settings(data_dir=str(tmp_path)))
    (tmp_path / "ImageNet_LT_val.txt").unlink()
    with pytest.raises(ValueError, match="tfds build imagenet_lt --file"):
        IMAGENET_LT.load(Settings(data_dir=str(tmp_path)))
