"""What is refused where a backbone is cut, and what the message says."""

import re

import keras
import pytest
from keras import layers

from keras_lt.models import LongTailModel
from keras_lt.models.backbone_cut import cut
from keras_lt.models.backbone_cut import valid_exits
from keras_lt.objectives import Teacher
from tests.models.cut_graphs import SHAPE
from tests.models.cut_graphs import check_equal
from tests.models.cut_graphs import nested
from tests.models.cut_graphs import residual
from tests.quick_weights import draw_with_numpy


@pytest.fixture(autouse=True)
def quick_weights(monkeypatch):
    draw_with_numpy(monkeypatch)


@pytest.mark.parametrize(
    ("exits", "message"),
    [
        (["end"], "'end', whose output is that of 'residual'. Leave it out."),
        (
            ["branch"],
            "'branch', which other paths through 'residual' lead around. The "
            "nearest that will do: 'stem' before it and 'add' after it.",
        ),
        (["steam"], "'steam', which 'residual' does not have. The nearest of"),
        (["images"], "'images', which 'residual' does not have."),
        (["add", "stem"], "Write exits=['stem', 'add']."),
        (["stem", "stem"], "'stem' and 'stem', which are the same tensor."),
        ("stem", "Write exits=['stem']."),
        ([1], "1 among them"),
    ],
    ids=str,
)
def test_exits_that_are_refused(exits, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        cut(residual(), exits)


def test_near_names_look_inside_models():
    message = re.escape("['middle/inner/branch', ")
    with pytest.raises(ValueError, match=message):
        cut(nested(), ["branch"])


def test_masks_do_not_cross_a_cut():
    ids = keras.Input((7,), dtype="int32")
    x = layers.Embedding(5, 4, mask_zero=True, name="words")(ids)
    x = layers.LSTM(4, return_sequences=True, name="steps")(x)
    backbone = keras.Model(ids, layers.Dense(3)(x))
    with pytest.raises(ValueError, match="no mask.*Received: 'steps'"):
        cut(backbone, ["steps"])
    last = layers.LSTM(4, name="last")(x)
    assert len(cut(keras.Model(ids, layers.Dense(3)(last)), ["last"])) == 2


def test_two_names_of_one_tensor_are_one_exit():
    with pytest.raises(ValueError, match="which are the same tensor"):
        cut(nested(), ["middle/inner", "middle/inner/end"])


def test_the_end_of_a_model_that_ends_the_backbone_is_its_output():
    inputs = keras.Input(SHAPE)
    backbone = keras.Model(inputs, residual("inner")(inputs))
    with pytest.raises(ValueError, match="'inner/end', whose output is that"):
        cut(backbone, ["inner/end"])


def test_nothing_to_cut():
    inputs = keras.Input(SHAPE)
    x = layers.ReLU(name="relu")(inputs)
    backbone = keras.Model(inputs, layers.Add(name="add")([x, inputs]))
    assert valid_exits(backbone) == []
    with pytest.raises(ValueError, match="cannot be cut anywhere"):
        cut(backbone, ["relu"])


def test_features_that_are_refused():
    message = "`feature_layers` must name layers of the backbone.*'steam'"
    with pytest.raises(ValueError, match=message):
        cut(residual(), ["stem"], feature_layers=["steam"])
    with pytest.raises(ValueError, match="`feature_layers` must be a list"):
        cut(residual(), ["stem"], feature_layers="stem")


class Doubled(keras.Model):
    """Does more than its graph says."""

    def call(self, inputs, training=None):
        return super().call(2 * inputs, training=training)


def test_graph_that_is_called_in_another_way():
    inputs = keras.Input(SHAPE)
    doubled = Doubled(inputs, layers.ReLU(name="relu")(inputs), name="doubled")
    with pytest.raises(ValueError, match="class Doubled has a `call` of its"):
        cut(doubled, [])
    with pytest.raises(ValueError, match="class Doubled has a `call` of its"):
        LongTailModel(doubled, 2, feature_layers=["relu"])
    with pytest.raises(ValueError, match="class Doubled has a `call` of its"):
        Teacher(doubled, features="relu")
    outer = keras.Model(inputs, layers.ReLU()(doubled(inputs)))
    assert valid_exits(outer) == ["doubled"]
    check_equal(outer, ["doubled"])


def test_subclassed_model_is_no_backbone():
    class Plain(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(ValueError, match="must be a functional Keras model"):
        cut(Plain(), [])
