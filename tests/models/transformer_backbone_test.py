import keras
import numpy as np
import pytest

from keras_lt import data
from keras_lt import models
from keras_lt import objectives
from keras_lt import training
from keras_lt.models import TransformerBackbone
from tests.models.transformers import BLOCKS
from tests.models.transformers import dinov2
from tests.models.transformers import images
from tests.models.transformers import vit

CROSSENTROPY = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def exit_model(backbone, **settings):
    return models.EarlyExitModel(
        backbone,
        **{
            "exits": BLOCKS,
            "num_classes": 4,
            "branch": backbone.exit_branch(),
            **settings,
        },
    )


@pytest.mark.parametrize(
    ("make", "given", "pooling", "rows"),
    [
        (vit, {}, "token", slice(1)),
        (vit, {"use_class_token": False}, "mean", slice(None)),
        (dinov2, {}, "mean", slice(3, None)),
    ],
)
def test_is_what_the_network_of_keras_hub_returns(make, given, pooling, rows):
    network = make(**given)
    x, _ = images()
    source = {"images": x} if make is dinov2 else x
    expected = network.predict(source, verbose=0)[:, rows].mean(1)
    backbone = TransformerBackbone(network, pooling)
    np.testing.assert_allclose(
        backbone.predict(x, verbose=0), expected, 1e-5, 1e-5
    )
    weights = {id(one) for one in network.weights}
    assert {id(one) for one in backbone.weights} == weights


def test_exit_is_the_stream_between_blocks():
    """At an exit stands what the blocks up to it return, normalized."""
    network = vit()
    model = exit_model(TransformerBackbone(network), exits=BLOCKS[1:])
    x, _ = images()
    encoder = network.get_layer("vit_encoder")
    tokens = network.get_layer("vit_patching_and_embedding")(x)
    for block in encoder.encoder_layers[:2]:
        tokens = block(tokens)
    token = keras.ops.convert_to_numpy(tokens)[:, 0].astype("float64")
    token -= token.mean(1, keepdims=True)
    token /= np.sqrt((token**2).mean(1, keepdims=True) + 1e-6)
    kernel, bias = model.branches[0].classifier.get_weights()
    np.testing.assert_allclose(
        model.exit_logits(x, verbose=0)[:, 0], token @ kernel + bias, 1e-4, 1e-4
    )


def test_exits_train_stop_early_and_come_back_from_a_file(tmp_path):
    keras.utils.set_random_seed(0)
    network = vit(dropout_rate=0.1, num_layers=2)
    model = exit_model(
        TransformerBackbone(network), exits=BLOCKS[:1], classifier="cosine"
    )
    assert 0.6 < model.exit_costs()[0] < 0.75 < model.exit_costs()[1] < 1.1
    x, y = images()
    model.compile(keras.optimizers.Adam(0.01), CROSSENTROPY)
    before = network.get_weights()
    history = model.fit(x, y, epochs=4, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    moved = [
        not np.array_equal(one, two)
        for one, two in zip(before, network.get_weights(), strict=True)
    ]
    assert np.mean(moved) > 0.8  # The network that was given is trained.

    scores = model.exit_logits(x, verbose=0)[:, 0]
    odds = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    model.threshold = float(np.median(odds.max(1)))
    answer = model.predict_with_exits(x, verbose=0)
    assert sorted(set(answer.exits.tolist())) == [1, 2]
    assert 0.1 < answer.flops_saved < 0.2
    logits = model.exit_logits(x, verbose=0)
    chosen = logits[np.arange(len(x)), answer.exits - 1]
    np.testing.assert_allclose(answer.logits, chosen, 1e-4, 1e-4)

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        loaded.exit_logits(x, verbose=0), model.exit_logits(x, verbose=0)
    )
    assert loaded.count_params() == model.count_params()


def test_last_blocks_are_trained_alone():
    network = vit()
    model = exit_model(TransformerBackbone(network), exits=BLOCKS[:1])
    x, y = images()
    stage = training.Stage(
        name="last",
        epochs=1,
        batches=data.Batches((x, y), 4),
        loss=CROSSENTROPY,
        optimizer=keras.optimizers.SGD(0.1),
        trainable=["transformer_block_3", "classifier"],
    )
    encoder = network.get_layer("vit_encoder")
    blocks = encoder.encoder_layers
    before = [block.get_weights() for block in blocks]
    training.train(model, [stage], verbose=0)
    for number, block in enumerate(blocks):
        same = [
            np.array_equal(one, two)
            for one, two in zip(
                before[number], block.get_weights(), strict=True
            )
        ]
        assert all(same) if number < 2 else not all(same)


def test_three_methods_at_once():
    """Exits, a robust term on its features, and a teacher of another width."""
    keras.utils.set_random_seed(0)
    x, y = images(16)
    teacher = models.LongTailModel(TransformerBackbone(vit(num_layers=1)), 4)
    dim = objectives.projection_dim([teacher])
    assert dim == 16
    student = exit_model(
        TransformerBackbone(vit(hidden_dim=8, num_layers=2)),
        exits=BLOCKS[:1],
        classifier="cosine",
        projection_dim=dim,
    )
    robust = objectives.Robustness([40, 30, 20, 10])
    distillation = objectives.FeatureDistillation([teacher], alpha=0.4)
    student.compile(
        keras.optimizers.Adam(0.01),
        CROSSENTROPY,
        objectives=[robust, distillation],
    )
    before = teacher.get_weights()
    history = student.fit(x, y, batch_size=8, epochs=4, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    for one, two in zip(before, teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_network_of_another_kind_is_named():
    with pytest.raises(ValueError, match="Received: Functional .*from_stages"):
        TransformerBackbone(models.resnet20((8, 8, 3)))
    with pytest.raises(ValueError, match="class token, use 'mean'"):
        TransformerBackbone(vit(use_class_token=False))


@pytest.mark.filterwarnings("ignore:Layer .* `quantize`")
def test_quantized_and_frozen_blocks_come_back_so(tmp_path):
    backbone = TransformerBackbone(vit(num_layers=1))
    model = models.LongTailModel(backbone, 4)
    x, _ = images()
    training.set_trainable(model, "classifier")
    model.quantize("int8")
    expected = model.predict(x, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert len(loaded.trainable_variables) == len(model.trainable_variables)
    np.testing.assert_allclose(
        loaded.predict(x, verbose=0), expected, 1e-4, 1e-5
    )
