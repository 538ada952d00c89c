"""Small vision transformers, and images that their tests share."""

import numpy as np
import pytest

SHAPE = (16, 16, 3)
BLOCKS = ["transformer_block_1", "transformer_block_2"]


def vit(**changes):
    """Returns a ViT of keras-hub with three blocks and five tokens."""
    hub = pytest.importorskip("keras_hub", exc_type=ImportError)
    return hub.models.ViTBackbone(
        **{
            "image_shape": SHAPE,
            "patch_size": 8,
            "num_layers": 3,
            "num_heads": 2,
            "hidden_dim": 16,
            "mlp_dim": 32,
            **changes,
        }
    )


def dinov2():
    """Returns a DINOv2 of keras-hub with two blocks and two registers."""
    hub = pytest.importorskip("keras_hub", exc_type=ImportError)
    return hub.models.DINOV2Backbone(
        image_shape=SHAPE,
        patch_size=8,
        num_layers=2,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=32,
        num_register_tokens=2,
    )


def images(rows=8, classes=4, seed=0):
    """Returns images, each of the brightness of its class, and class ids."""
    y = (np.arange(rows) % classes).astype("int32")
    noise = np.random.default_rng(seed).normal(size=(rows, *SHAPE))
    return (noise + y[:, None, None, None]).astype("float32"), y
