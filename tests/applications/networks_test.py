import keras
import pytest

from applications.methods import combine
from applications.networks import network
from applications.settings import Settings
from applications.training_settings import TrainingSettings
from keras_lt import layers
from keras_lt import models
from keras_lt.models import TransformerBackbone
from tests.models.transformers import vit


def backbone():
    images = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(4, 3, name="stage_1")(images)
    x = keras.layers.Conv2D(4, 3, name="stage_2")(x)
    return keras.Model(images, keras.layers.Conv2D(4, 3)(x))


def test_plain_methods_have_no_exits():
    model = network(backbone(), 3, combine(["ldam_drw"]), 1e-4, Settings())
    assert type(model) is models.LongTailModel
    assert isinstance(model.classifier, layers.CosineClassifier)
    assert model.weight_decay == 1e-4


def test_settings_reach_the_exits():
    settings = Settings(
        method=("ldam_drw", "elf"),
        exits=("stage_2",),
        branch="mixed_pool",
        threshold=0.7,
        training_threshold=0.6,
        exit_weights=(0.5, 1.0),
        trunk_gradient=0.25,
    )
    method = combine(["ldam_drw", "elf"])
    model = network(backbone(), 3, method, 1e-4, settings)
    config = model.get_config()
    assert {name: config[name] for name in ("exits", "branch")} == {
        "exits": ["stage_2"],
        "branch": "mixed_pool",
    }
    assert model.threshold == [0.7]
    assert model.training_threshold == [0.6]
    assert config["exit_weights"] == [0.5, 1.0]
    assert model.trunk_gradient == 0.25
    assert model.weight_decay == 1e-4
    kinds = {type(branch.classifier) for branch in model.branches}
    assert kinds == {layers.CosineClassifier}


def test_recipes_have_the_defaults_of_the_library():
    model = network(backbone(), 3, combine(["elf"]), 0.0, Settings())
    plain = models.EarlyExitModel(backbone(), ["stage_1", "stage_2"], 3)
    own, expected = model.get_config(), plain.get_config()
    for config in (own, expected):
        del config["name"], config["backbone"]
    assert own == expected


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"trainable": ("stage_2",)}, 2),
        ({"trainable_layers": 0}, 0),
        ({"trainable_layers": 2}, 4),
        ({"lora_rank": 2}, 6),
    ],
)
def test_part_of_the_backbone_is_trained(choice, expected):
    settings = Settings(
        method=("elf",),
        training=TrainingSettings(**choice),
        exits=("stage_1",),
    )
    model = network(backbone(), 3, combine(["elf"]), 1e-4, settings)
    assert len(model.backbone.trainable_variables) == expected
    head = [v for one in model.branches for v in one.trainable_variables]
    assert len(head) > 4
    assert all(v.regularizer is not None for v in model.trainable_variables)


def test_transformer_pools_its_token_at_each_exit():
    network_of = TransformerBackbone(vit(num_layers=2))
    settings = Settings(method=("elf",), exits=("transformer_block_1",))
    model = network(network_of, 3, combine(["elf"]), 0.0, settings)
    body = model.branches[0].body
    assert isinstance(body, layers.TokenPooling)
    assert (body.pooling, body.normalization) == ("token", True)


def test_exit_that_the_network_lacks_is_named():
    settings = Settings(method=("elf",), exits=("stage_9",))
    with pytest.raises(ValueError, match="'stage_9'"):
        network(backbone(), 3, combine(["elf"]), 0.0, settings)
