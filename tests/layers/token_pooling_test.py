import numpy as np
import pytest

from keras_lt.layers import TokenPooling
from tests.checks import to_numpy

TOKENS = np.random.default_rng(0).normal(2.0, 3.0, size=(2, 6, 5))


def normalized(tokens):
    variance = tokens.var(-1, keepdims=True)
    return (tokens - tokens.mean(-1, keepdims=True)) / np.sqrt(variance + 1e-6)


@pytest.mark.parametrize("normalization", [False, True])
@pytest.mark.parametrize(
    ("pooling", "prefix", "rows"),
    [("token", 1, slice(1)), ("token", 3, slice(1)), ("mean", 2, slice(2, 6))],
)
def test_takes_the_tokens_that_are_asked_for(
    pooling, prefix, rows, normalization
):
    layer = TokenPooling(pooling, prefix, normalization)
    tokens = normalized(TOKENS) if normalization else TOKENS
    expected = tokens[:, rows].mean(1)
    np.testing.assert_allclose(to_numpy(layer(TOKENS)), expected, 1e-4, 1e-5)


def test_mean_is_taken_in_float32():
    tokens = np.ones((1, 4096, 1), "float16")
    tokens[0, 0] = 4096.0  # Their sum is beyond the digits of float16.
    found = TokenPooling("mean", 0)(tokens)
    assert float(found[0, 0]) == (4096 + 4095) / 4096


def test_network_without_class_token_has_none_to_take():
    with pytest.raises(ValueError, match="1 or more.*'token'.*use 'mean'"):
        TokenPooling("token", 0)
    with pytest.raises(ValueError, match="`pooling` must be one of 'token'"):
        TokenPooling("max")
