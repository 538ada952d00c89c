"""What is refused as a teacher, and what the message says."""

import keras
import numpy as np
import pytest

from keras_lt.models import EarlyExitModel
from keras_lt.models import LongTailModel
from keras_lt.objectives import FeatureDistillation
from keras_lt.objectives import LogitDistillation
from keras_lt.objectives import Teacher
from tests.models.small_models import CLASSES
from tests.models.small_models import small_backbone
from tests.objectives.distillation_models import crossentropy
from tests.objectives.distillation_models import teachers
from tests.objectives.teacher_models import plain_layers
from tests.objectives.teacher_models import twice

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


class Subclassed(keras.Model):
    def call(self, x):
        return x


def two_inputs():
    ends = [keras.Input((3,)), keras.Input((3,))]
    return keras.Model(ends, keras.layers.Add()(ends))


def unbuilt():
    return keras.Sequential([keras.layers.Dense(3)])


@pytest.mark.parametrize(
    ("make", "features", "message"),
    [
        (Subclassed, "x", "a Subclassed. Call its layers one"),
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


class Cache:
    """What an objective asks of a cache."""

    feature_dims = [5]
    num_classes = CLASSES
    image_shape = (6, 6, 3)


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
        for source in (masters, Cache()):
            term = LogitDistillation(source)
            with pytest.raises(
                ValueError, match=r"'flip' \(RandomFlip\) inside"
            ):
                model.compile("sgd", crossentropy(), objectives=[term])
        model.compile("sgd", crossentropy())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_teacher_that_is_not_finite(bad):
    (master,) = teachers((5,))
    kernel, bias = master.classifier.get_weights()
    bias[2] = bad
    master.classifier.set_weights([kernel, bias])
    with pytest.raises(ValueError, match="bias.* of a teacher.*finite"):
        FeatureDistillation([master])
