"""Makes one vector of a feature map."""

from collections.abc import Sequence

import keras


def make_pooling(shape: Sequence[int | None]) -> keras.layers.Layer:
    """Returns a layer that averages over all axes but the first and last.

    In float32, as half precision loses digits in a mean over many positions.
    """
    by_rank = {
        2: keras.layers.Identity,
        3: keras.layers.GlobalAveragePooling1D,
        4: keras.layers.GlobalAveragePooling2D,
    }
    if len(shape) not in by_rank:
        raise ValueError(
            "Features must have rank 2, 3 or 4. Received: shape "
            f"{tuple(shape)}. Pool them inside the backbone."
        )
    return by_rank[len(shape)](name="pooling", dtype="float32")
