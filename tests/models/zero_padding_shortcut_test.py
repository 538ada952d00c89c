import keras
import numpy as np
import pytest

from keras_lt.models.zero_padding_shortcut import ZeroPaddingShortcut


@pytest.mark.parametrize(
    ("filters", "strides", "sides"),
    [(4, 2, (1, 1)), (5, 3, (1, 2)), (2, 1, (0, 0))],
)
def test_matches_slice_and_pad(filters, strides, sides):
    x = np.random.default_rng(0).normal(size=(2, 7, 8, 2)).astype("float32")
    layer = ZeroPaddingShortcut(filters, strides)
    expected = np.pad(
        x[:, ::strides, ::strides], ((0, 0), (0, 0), (0, 0), sides)
    )
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(layer(x)), expected
    )
    assert layer.compute_output_shape(x.shape) == expected.shape
    assert layer.compute_output_shape((None, None, 8, 2))[:2] == (None, None)


def test_config_round_trip():
    layer = ZeroPaddingShortcut(filters=8, strides=3, name="short")
    config = keras.saving.serialize_keras_object(layer)
    copy = keras.saving.deserialize_keras_object(config)
    assert copy.get_config() == layer.get_config()


def test_too_many_channels():
    with pytest.raises(ValueError, match="at least the 3 channels"):
        ZeroPaddingShortcut(filters=2)(np.ones((1, 4, 4, 3)))
