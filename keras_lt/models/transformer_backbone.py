"""A vision transformer of keras-hub as a graph of its blocks."""

from typing import Any

import keras

from keras_lt.layers import TokenPooling
from keras_lt.models.layer_states import set_states
from keras_lt.models.layer_states import states_of
from keras_lt.registration import serializable
from keras_lt.types import Config


@serializable
class TransformerBackbone(keras.Model):
    """Puts the blocks of a vision transformer into a graph, one by one.

    keras-hub keeps all blocks inside one layer, where no exit can be set and
    no features be read. Here they are the layers `transformer_block_1` and so
    on (`layers_0` for DINOv2), and what follows them, one vector of each
    image. Names of blocks can be exits of an `EarlyExitModel`, its
    `feature_layers`, or what a `training.Stage` trains.

    The layers are those of the network that is given: nothing is copied, and
    what one trains, the other has.

    Args:
        backbone: A `keras_hub.models.ViTBackbone` or `DINOV2Backbone`, with
            random weights or from a preset.
        pooling: `"token"` for the class token, which ImageNet classifiers of
            these networks read, or `"mean"` for the mean over patches.
        **kwargs: `name`, as in `keras.Model`.

    Input shape: Images `(batch, height, width, channels)`, of the size that
    the network was made for.

    Output shape: `(batch, dim)`.

    Raises:
        ValueError: If the backbone is of another kind, or has no class token
            where one is asked for.

    Example:

    ```python
    vit = keras_hub.models.ViTBackbone(
        image_shape=(32, 32, 3), patch_size=8, num_layers=4, num_heads=2,
        hidden_dim=32, mlp_dim=64,
    )
    backbone = keras_lt.models.TransformerBackbone(vit)
    model = keras_lt.EarlyExitModel(
        backbone, ["transformer_block_2"], num_classes=10,
        branch=backbone.exit_branch(),
    )
    ```

    Reference:

    - [Dosovitskiy et al., 2021](https://arxiv.org/abs/2010.11929)
    """

    def __init__(
        self, backbone: keras.Model, pooling: str = "token", **kwargs: Any
    ):
        steps, num_prefix_tokens = _parts(backbone)
        head = TokenPooling(pooling, num_prefix_tokens, name="token_pooling")
        source = backbone.inputs[0]
        images = x = keras.Input(
            source.shape[1:], dtype=source.dtype, name="images"
        )
        for step in [*steps, head]:
            x = step(x)
        super().__init__(
            inputs=images,
            outputs=x,
            **{"name": f"{backbone.name}_blocks", **kwargs},
        )
        self.pooling = pooling
        self.num_prefix_tokens = num_prefix_tokens
        self._backbone = keras.saving.serialize_keras_object(backbone)

    def exit_branch(self) -> TokenPooling:
        """Returns what lies between a block and the classifier of its exit.

        It normalizes the tokens, and pools them as this network does at its
        end. Pass it as `branch` of an `EarlyExitModel`.
        """
        return TokenPooling(
            self.pooling, self.num_prefix_tokens, normalization=True
        )

    def get_config(self) -> Config:
        return {
            "name": self.name,
            "backbone": self._backbone,
            "pooling": self.pooling,
            # Of now: the backbone is described as it was given.
            "states": states_of(self.layers),
        }

    @classmethod
    def from_config(
        cls, config: Config, custom_objects: Any = None
    ) -> "TransformerBackbone":
        settings = {**config}
        states = settings.pop("states", None)
        backbone = keras.saving.deserialize_keras_object(
            config["backbone"], custom_objects=custom_objects
        )
        blocks = cls(**{**settings, "backbone": backbone})
        set_states(blocks.layers, states)
        return blocks


def _parts(backbone: Any) -> tuple[list[keras.layers.Layer], int]:
    """Returns the layers that follow one another, and the prefix tokens."""
    kind = type(backbone).__name__
    if kind == "ViTBackbone":
        encoder = backbone.get_layer("vit_encoder")
        steps = [
            backbone.get_layer("vit_patching_and_embedding"),
            encoder.dropout,
            *encoder.encoder_layers,
            encoder.layer_norm,
        ]
        return steps, int(backbone.use_class_token)
    if kind == "DINOV2Backbone":
        steps = [
            backbone.embeddings,
            *backbone.encoder.layers,
            backbone.layernorm,
        ]
        return steps, 1 + backbone.num_register_tokens
    raise ValueError(
        "`backbone` must be a ViTBackbone or DINOV2Backbone of keras-hub, "
        f"whose blocks are known. Received: {kind} {backbone!r}. A graph can "
        "be used as it is; of another network, make `keras.Model(inputs, "
        "outputs)` of what it does, step by step, or give its parts to "
        "`EarlyExitModel.from_stages`."
    )
