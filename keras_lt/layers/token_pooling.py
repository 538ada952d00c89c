"""What makes one vector of the tokens of a transformer."""

from typing import Any

import keras
from keras import ops

from keras_lt.registration import serializable
from keras_lt.types import Config
from keras_lt.types import Tensor
from keras_lt.validation import check_choice

POOLINGS = ("token", "mean")


@serializable
class TokenPooling(keras.layers.Layer):
    """Takes the class token, or the mean over the patches of an image.

    The tokens of a vision transformer begin with those that stand for the
    whole image: a class token, and registers in some networks. The others
    stand for a patch each.

    Args:
        pooling: `"token"` for the first token, `"mean"` for the mean of those
            that stand for a patch.
        num_prefix_tokens: Number of tokens before those of the patches.
        normalization: Whether each token goes through a layer normalization
            first. Between two blocks of a transformer the values are far from
            unit variance, as the network normalizes only at its end.
        **kwargs: `name` and `dtype`, as in `keras.layers.Layer`.

    Input shape: `(batch, tokens, dim)`.

    Output shape: `(batch, dim)`.

    Raises:
        ValueError: If there is no token to take.

    Example:

    >>> tokens = np.arange(12.0).reshape(1, 3, 4)
    >>> for pooling in ("token", "mean"):
    ...     vector = keras_lt.layers.TokenPooling(pooling)(tokens)
    ...     keras.ops.convert_to_numpy(vector).tolist()
    [[0.0, 1.0, 2.0, 3.0]]
    [[6.0, 7.0, 8.0, 9.0]]
    """

    def __init__(
        self,
        pooling: str = "token",
        num_prefix_tokens: int = 1,
        normalization: bool = False,
        **kwargs: Any,
    ):
        # Half precision loses digits in a mean over many tokens.
        super().__init__(**{"dtype": "float32", **kwargs})
        self.pooling = check_choice("pooling", pooling, POOLINGS)
        if num_prefix_tokens < (1 if pooling == "token" else 0):
            raise ValueError(
                "`num_prefix_tokens` must be 1 or more with pooling='token', "
                "and 0 or more with 'mean'. Received: num_prefix_tokens="
                f"{num_prefix_tokens} with pooling={pooling!r}. Of a network "
                "without a class token, use 'mean'."
            )
        self.num_prefix_tokens = num_prefix_tokens
        self.normalization = normalization
        self.norm: keras.layers.Layer | None = None
        if normalization:
            self.norm = keras.layers.LayerNormalization(
                epsilon=1e-6, dtype=self.dtype_policy, name="norm"
            )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if self.norm is not None:
            self.norm.build(input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        first = self.num_prefix_tokens
        if self.pooling == "token":
            tokens = inputs[:, :1]
        else:
            tokens = inputs[:, first:]
        if self.norm is not None:
            tokens = self.norm(tokens)
        return ops.mean(tokens, axis=1)

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return (input_shape[0], input_shape[-1])

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "pooling": self.pooling,
            "num_prefix_tokens": self.num_prefix_tokens,
            "normalization": self.normalization,
        }
