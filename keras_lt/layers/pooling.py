"""Makes one vector of a feature map."""

from collections.abc import Sequence

import keras

from keras_lt.graph.layer_tree import all_layers


def make_pooling(shape: Sequence[int | None]) -> keras.layers.Layer:
    """Returns a layer that averages over all axes but the first and last.

    In float32, as half precision loses digits in a mean over many positions.
    """
    common = {"name": "pooling", "dtype": "float32"}
    if len(shape) == 2:
        return keras.layers.Identity(**common)
    by_rank = {
        3: keras.layers.GlobalAveragePooling1D,
        4: keras.layers.GlobalAveragePooling2D,
    }
    if len(shape) not in by_rank:
        raise ValueError(
            "Features must have rank 2, 3 or 4. Received: shape "
            f"{tuple(shape)}. Pool them inside the backbone."
        )
    return by_rank[len(shape)](data_format="channels_last", **common)


def check_channels_last(network: keras.Model) -> None:
    """Raises if a network returns maps whose channels come first."""
    ranks = {len(output.shape) for output in network.outputs}
    for layer in all_layers(network):
        first = getattr(layer, "data_format", None) == "channels_first"
        if first and _rank_of_maps(layer) in ranks:
            raise ValueError(
                "Feature maps must have their channels last, as the other axes "
                f"are averaged. Received: the layer {layer.name!r} of "
                f"{network.name!r}, with data_format='channels_first'. Make "
                "the network with 'channels_last', or pool inside of it."
            )


def _rank_of_maps(layer: keras.layers.Layer) -> int:
    """Returns the rank of what a layer takes, with the batch and channels."""
    # Convolutions have the first, layers that pool the second.
    rank = getattr(layer, "rank", getattr(layer, "pool_dimensions", None))
    return 4 if rank is None else rank + 2
