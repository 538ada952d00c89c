"""Teachers of all kinds: what is read from each, and what is refused."""

import json
import pathlib

import keras
import numpy as np
import pytest

from keras_lt.models import EarlyExitModel
from keras_lt.models import LongTailModel
from keras_lt.objectives import FeatureDistillation
from keras_lt.objectives import LogitDistillation
from keras_lt.objectives import Teacher
from tests.checks import to_numpy
from tests.models import backbones_test as backbones
from tests.models.exit_models import image_model
from tests.models.small_models import CLASSES
from tests.models.small_models import images
from tests.models.small_models import small_backbone
from tests.objectives.distillation_models import SIZE
from tests.objectives.distillation_models import crossentropy
from tests.objectives.distillation_models import examples
from tests.objectives.distillation_models import linear_model
from tests.objectives.distillation_models import seeded
from tests.objectives.distillation_models import state_of
from tests.objectives.distillation_models import teachers
from tests.quick_weights import draw_with_numpy


def check_reads(teacher, x, features, logits=None):
    """Checks what a teacher returns, and that it hides no variable."""
    outputs = {name: to_numpy(one) for name, one in teacher(x).items()}
    np.testing.assert_allclose(outputs["features"], features, 1e-4, 1e-5)
    assert teacher.feature_dim == features.shape[-1]
    assert outputs["features"].dtype == "float32"
    assert set(outputs) == ({"features"} if logits is None else
                            {"features", "logits"})  # fmt: skip
    if logits is None:
        assert teacher.num_classes is None
    else:
        np.testing.assert_allclose(outputs["logits"], logits, 1e-4, 1e-5)
        assert teacher.num_classes == logits.shape[-1]
    assert teacher.image_shape == x.shape[1:]
    known = {id(one) for one in teacher.variables}
    assert all(id(one) in known for one in teacher._graph.variables)


def plain_layers(end=None, classes=CLASSES):
    """Returns a model that ends in logits, or in `end`, layer by layer."""
    inputs = keras.Input((6, 6, 3))
    maps = keras.layers.Conv2D(5, 3, name="maps")(inputs)
    pooled = keras.layers.GlobalAveragePooling2D(name="pooled")(maps)
    outputs = keras.layers.Dense(classes, name="logits")(pooled)
    return inputs, maps, pooled, end(outputs) if end else outputs


def read(inputs, outputs, x):
    return to_numpy(keras.Model(inputs, outputs)(x, training=False))


def test_long_tail_model():
    x, _ = images()
    model = LongTailModel(
        small_backbone(dropout=0.5),
        CLASSES,
        projection_dim=7,
        feature_layers=["stage_2"],
    )
    outputs = model(x, training=False)
    features, logits = (to_numpy(outputs[n]) for n in ("features", "logits"))
    assert features.shape == (12, 7)
    check_reads(Teacher(model), x, features, logits)
    maps = to_numpy(outputs["features/stage_2"])
    assert maps.shape == (12, 4, 4, 5)
    check_reads(Teacher(model, "stage_2"), x, maps.mean((1, 2)), logits)
    with pytest.raises(ValueError, match="Received: features='stage_1'"):
        Teacher(model, "stage_1")


def test_last_exit_of_an_early_exit_model():
    x, _ = images()
    model = image_model(exits=["one"], feature_layers=["inner"])
    outputs = model(x, training=False)
    features, logits = outputs["features"], outputs["exits"][:, -1]
    check_reads(Teacher(model), x, to_numpy(features), to_numpy(logits))
    maps = to_numpy(outputs["features/inner"])
    check_reads(Teacher(model, "inner"), x, maps.mean((1, 2)), to_numpy(logits))


def test_functional_model_with_a_named_layer():
    x, _ = images()
    inputs, maps, pooled, logits = plain_layers()
    model = keras.Model(inputs, logits)
    logits = read(inputs, logits, x)
    check_reads(Teacher(model, "pooled"), x, read(inputs, pooled, x), logits)
    check_reads(Teacher(model, "maps"), x, read(inputs, pooled, x), logits)


def test_layer_inside_a_nested_model():
    x, _ = images()
    inner = small_backbone()
    inputs = keras.Input((6, 6, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(inner(inputs))
    logits = keras.layers.Dense(CLASSES)(pooled)
    model = keras.Model(inputs, logits)
    maps = to_numpy(inner(x, training=False)).mean((1, 2))
    check_reads(
        Teacher(model, "small/stage_2"), x, maps, read(inputs, logits, x)
    )


def test_sequential_model():
    x, _ = images()
    model = keras.Sequential(
        [
            keras.layers.Input((6, 6, 3)),
            keras.layers.Conv2D(5, 3),
            keras.layers.GlobalAveragePooling2D(name="pooled"),
            keras.layers.Dense(CLASSES),
        ]
    )
    features = to_numpy(keras.Sequential(model.layers[:-1])(x))
    check_reads(Teacher(model, "pooled"), x, features, to_numpy(model(x)))


def test_model_that_ends_in_a_map():
    x, _ = images()
    model = small_backbone()
    maps = to_numpy(model(x, training=False))
    check_reads(Teacher(model), x, maps.mean((1, 2)))
    inputs = keras.Input((9, 4))
    sequence = keras.Model(inputs, keras.layers.Dense(3)(inputs))
    x = np.random.default_rng(0).normal(size=(2, 9, 4)).astype("float32")
    check_reads(Teacher(sequence), x, to_numpy(sequence(x)).mean(1))


def test_model_whose_end_is_named():
    x, _ = examples()
    inputs = keras.Input((SIZE,))
    model = keras.Model(inputs, keras.layers.Dense(3, name="end")(inputs))
    check_reads(Teacher(model, "end"), x, to_numpy(model(x)))


ENDS = {
    "activation": keras.layers.Activation("softmax"),
    "layer": keras.layers.Softmax(),
    "operation": keras.ops.softmax,
    "sigmoid": keras.layers.Activation("sigmoid"),
    "inside": keras.Sequential([keras.Input((4,)), keras.layers.Softmax()]),
}


@pytest.mark.parametrize("end", ENDS)
def test_probabilities_are_no_logits(end):
    inputs, _, _, outputs = plain_layers(ENDS[end])
    assert Teacher(keras.Model(inputs, outputs), "pooled").num_classes is None


def test_logits_that_pass_another_layer_are_logits():
    inputs, _, _, outputs = plain_layers(keras.layers.Activation("linear"))
    assert Teacher(keras.Model(inputs, outputs), "pooled").num_classes == 4


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["softmax", None])
def test_network_of_keras_applications(activation, monkeypatch):
    draw_with_numpy(monkeypatch)
    model = keras.applications.MobileNet(
        (32, 32, 3),
        alpha=0.25,
        weights=None,
        classes=CLASSES,
        classifier_activation=activation,
    )
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    maps = keras.Model(model.input, model.get_layer("conv_pw_13_relu").output)
    features = maps.predict_on_batch(x).mean((1, 2))
    logits = None if activation else model.predict_on_batch(x)
    check_reads(Teacher(model, "conv_pw_13_relu"), x, features, logits)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["keras_cv_resnet", "keras_cv_resnet_v2", "keras_hub_resnet"]
)
def test_backbone_of_another_library(name, monkeypatch):
    draw_with_numpy(monkeypatch)
    backbone = backbones.SMALL[name]()
    x = np.random.default_rng(0).normal(size=(2, *backbones.SHAPE))
    x = x.astype("float32")
    features = backbone.predict_on_batch(x).mean((1, 2))
    check_reads(Teacher(backbone), x, features)


def test_teacher_from_a_file(tmp_path):
    x, y = examples()
    (master,) = teachers((5,), activation="tanh")
    master.save(tmp_path / "teacher.keras")
    loaded = keras.saving.load_model(tmp_path / "teacher.keras")
    outputs = master(x)
    check_reads(
        Teacher(loaded),
        x,
        to_numpy(outputs["features"]),
        to_numpy(outputs["logits"]),
    )


def test_teacher_from_a_file_of_another_backend():
    folder = pathlib.Path(__file__).parent / "golden"
    loaded = keras.saving.load_model(folder / "teacher_of_tensorflow.keras")
    outputs = json.loads((folder / "teacher_of_tensorflow.json").read_text())
    features, logits = (
        np.array(outputs[name]) for name in ("features", "logits")
    )
    check_reads(Teacher(loaded), images(4)[0], features, logits)


def test_teacher_that_was_a_student():
    """Its own teachers are not taken along."""
    masters = teachers((4, 3))
    middle = linear_model(5, 3, projection_dim=7)
    number = len(middle.variables)
    middle.compile(
        "sgd", crossentropy(), objectives=[FeatureDistillation(masters)]
    )
    assert len(middle.variables) > number
    assert len(Teacher(middle).variables) == number
    x, y = examples()
    model = linear_model(5, 4, projection_dim=7)
    term = FeatureDistillation([middle])
    model.compile("sgd", crossentropy(), objectives=[term])
    assert len(term.constants) == number
    model.train_on_batch(x, y)


def test_images_of_whole_numbers():
    inputs = keras.Input((4, 4, 1), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    model = keras.Model(inputs, keras.layers.Conv2D(2, 3)(x))
    x = np.arange(32, dtype="uint8").reshape(2, 4, 4, 1)
    check_reads(Teacher(model), x, to_numpy(model(x)).mean((1, 2)))


def test_images_of_any_size():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(2, 3)(inputs))
    assert Teacher(model).image_shape == (None, None, 3)
    term = FeatureDistillation([model, small_backbone()])
    # What one of them leaves open, another may ask for.
    assert term.image_shape == (6, 6, 3)
    student = LongTailModel(small_backbone(), CLASSES, projection_dim=7)
    student.compile("sgd", crossentropy(), objectives=[term])


def test_of_takes_models_and_teachers():
    (master,) = teachers((5,))
    teacher = Teacher(master)
    assert Teacher.of(teacher) is teacher
    assert Teacher.of(master).model is master


class Subclassed(keras.Model):
    def call(self, x):
        return x


def two_inputs():
    ends = [keras.Input((3,)), keras.Input((3,))]
    return keras.Model(ends, keras.layers.Add()(ends))


def twice():
    inputs = keras.Input((3,))
    layer = keras.layers.Dense(3, name="twice")
    return keras.Model(inputs, layer(layer(inputs)))


def unbuilt():
    return keras.Sequential([keras.layers.Dense(3)])


@pytest.mark.parametrize(
    ("make", "features", "message"),
    [
        (Subclassed, "x", "a Subclassed. Call it on a `keras.Input`"),
        (unbuilt, "x", "a built functional or sequential model"),
        (two_inputs, "add", "with one input and one output"),
        (lambda: "model", None, "Received: 'model', a str"),
        (twice, "twice", "twice"),
        (twice, None, r"must be named.*\(None, 3\).*\['.*', 'twice'\]"),
        (small_backbone, "stage_9", "stage_9"),
    ],
)
def test_what_is_no_teacher(make, features, message):
    with pytest.raises(ValueError, match=message):
        Teacher(make(), features)


@pytest.mark.parametrize("given", [[], None, ()])
def test_no_teachers(given):
    with pytest.raises(ValueError, match="must be a list of one model or more"):
        FeatureDistillation(given)


def test_a_model_is_no_list_of_models():
    (master,) = teachers((5,))
    for one in (master, Teacher(master)):
        with pytest.raises(ValueError, match=r"Pass `\[model\]`"):
            LogitDistillation(one)


def test_teachers_of_other_images():
    (master,) = teachers((5,))
    masters = [small_backbone(), master]
    with pytest.raises(
        ValueError, match=r"which takes \(6,\), and one that takes \(6, 6, 3\)"
    ):
        FeatureDistillation(masters)
    model = LongTailModel(small_backbone(), CLASSES)
    with pytest.raises(
        ValueError, match=r"takes, \(6, 6, 3\). Received: .* shape \(6,\)"
    ):
        model.compile(
            "sgd", crossentropy(), objectives=[FeatureDistillation([master])]
        )


class Holder(keras.layers.Layer):
    """A plain layer with one inside."""

    def __init__(self, inside):
        super().__init__()
        self.inside = inside

    def call(self, inputs):
        return self.inside(inputs)


@pytest.mark.parametrize("nested", ["in itself", "in a layer", "in a model"])
def test_augmentation_in_the_student(nested):
    inputs = keras.Input((6, 6, 3))
    flip = keras.layers.RandomFlip(name="flip")
    if nested == "in a layer":
        flip = Holder(flip)
    if nested == "in a model":
        flip = keras.Sequential([keras.layers.Rescaling(2.0), flip])
    backbone = keras.Model(inputs, keras.layers.Conv2D(5, 3)(flip(inputs)))
    masters = [LongTailModel(small_backbone(), CLASSES)]
    for model in (
        LongTailModel(backbone, CLASSES),
        EarlyExitModel(backbone, [], CLASSES),
    ):
        with pytest.raises(ValueError, match=r"'flip' \(RandomFlip\) inside"):
            model.compile(
                "sgd", crossentropy(), objectives=[LogitDistillation(masters)]
            )
        model.compile("sgd", crossentropy())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_teacher_that_is_not_finite(bad):
    (master,) = teachers((5,))
    kernel, bias = master.classifier.get_weights()
    bias[2] = bad
    master.classifier.set_weights([kernel, bias])
    with pytest.raises(ValueError, match="bias.* of a teacher.*finite"):
        FeatureDistillation([master])


def test_one_teacher_given_twice():
    x, _ = examples()
    (master,) = teachers((5,))
    features = np.random.default_rng(0).normal(size=(10, 5)).astype("float32")
    labels = np.zeros(10, "int32")
    once, twice = (
        FeatureDistillation([master]),
        FeatureDistillation([master] * 2),
    )
    once.build((None, 5))
    twice.build((None, 10))
    both = np.concatenate([features, features], axis=1)
    np.testing.assert_allclose(
        to_numpy(twice(both, labels, x=x)),
        to_numpy(once(features, labels, x=x)),
        1e-4,
    )


def test_teacher_is_frozen_and_trained_on_as_its_owner_likes():
    x, y = examples()
    (master,) = teachers((5,), activation="tanh")
    master.trainable = False
    model = linear_model(5, 3)
    term = FeatureDistillation([master], alpha=1.0)
    model.compile(keras.optimizers.SGD(0.0), crossentropy(), objectives=[term])
    first = model.train_on_batch(x, y)
    master.trainable = True
    before = state_of(master)
    np.testing.assert_allclose(model.train_on_batch(x, y), first, 1e-5)
    for now, then in zip(state_of(master), before, strict=True):
        np.testing.assert_array_equal(now, then)
    # The objective has its own copies: it follows the teacher as it was.
    master.compile(keras.optimizers.SGD(1.0), crossentropy())
    master.train_on_batch(x, y)
    assert np.abs(state_of(master)[1] - before[1]).max() > 1e-3
    np.testing.assert_allclose(model.train_on_batch(x, y), first, 1e-5)


def test_teachers_of_different_kinds_at_once():
    x, y = images()
    masters = [
        LongTailModel(small_backbone(), CLASSES),
        image_model(exits=["one"]),
        Teacher(keras.Model(*_ends()), features="pooled"),
        small_backbone(dropout=0.5),
    ]
    term = FeatureDistillation(masters)
    assert term.teachers.feature_dims == [5, 6, 5, 5]
    assert term.teachers.num_classes is None
    model = seeded(
        LongTailModel(small_backbone(), CLASSES, projection_dim=21), 1
    )
    model.compile(keras.optimizers.SGD(0.01), crossentropy(), objectives=[term])
    losses = model.fit(x, y, epochs=3, batch_size=12, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def _ends():
    inputs, _, _, outputs = plain_layers()
    return inputs, outputs
