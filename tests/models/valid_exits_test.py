"""Where a backbone may be cut."""

import keras
import pytest
from keras import layers

from keras_lt.models.backbone_cut import valid_exits
from tests.models.cut_graphs import check_equal
from tests.models.cut_graphs import nested
from tests.models.cut_graphs import residual
from tests.models.cut_graphs import sequential
from tests.quick_weights import draw_with_numpy


@pytest.fixture(autouse=True)
def quick_weights(monkeypatch):
    draw_with_numpy(monkeypatch)


def test_a_mask_is_a_way_around():
    inputs = keras.Input((5,), dtype="int32")
    x = layers.Embedding(10, 4, mask_zero=True, name="embedding")(inputs)
    x = layers.LSTM(3, name="lstm")(x)
    backbone = keras.Model(inputs, layers.Dense(2)(x))
    assert valid_exits(backbone) == ["lstm"]


def test_valid_exits_are_in_order_and_all_of_them():
    assert valid_exits(residual()) == [
        "stem_conv",
        "stem_bn",
        "stem",
        "add",
        "end_conv",
        "end_bn",
    ]
    assert valid_exits(nested()) == [
        "scale",
        "middle/stem_conv",
        "middle/inner/stem_conv",
        "middle/inner/stem_bn",
        "middle/inner/stem",
        "middle/inner/add",
        "middle/inner/end_conv",
        "middle/inner/end_bn",
        "middle/inner",
        "middle",
    ]
    assert valid_exits(sequential()) == ["one", "inside/one", "inside"]


@pytest.mark.parametrize("make", [residual, nested, sequential])
def test_each_valid_exit_is_a_cut(make):
    backbone = make()
    for name in valid_exits(backbone):
        check_equal(backbone, [name])
