"""An exported model answers elsewhere as `predict` does here."""

import json
import pathlib

import keras
import numpy as np
import pytest

from keras_lt import training
from keras_lt.data import transforms
from keras_lt.inference import StagedRunner
from keras_lt.models import EarlyExitModel
from keras_lt.models import TransformerBackbone
from tests.docs_blocks import BLOCK
from tests.inference.export_marks import onnx_only
from tests.inference.export_marks import saved_model_only
from tests.inference.exported_network import mixed_thresholds
from tests.models.transformers import BLOCKS
from tests.models.transformers import images
from tests.models.transformers import vit

pytestmark = pytest.mark.slow
NORMALIZE = transforms.cifar(training=False)


def adapted(model):
    """Gives the backbone low-rank updates that change what it answers."""
    x, _ = images(9)
    before = keras.ops.convert_to_numpy(model(x)["exits"])
    training.enable_lora(model, rank=2)
    generator = np.random.default_rng(0)
    for variable in model.backbone.trainable_variables:
        variable.assign(generator.normal(size=variable.shape) / 10)
    after = model.exit_logits(x, verbose=0)
    assert np.abs(after - before).max() > 0.1
    return model, x, after


@onnx_only
def test_low_rank_updates_are_in_the_kernels(tmp_path):
    """Of convolutions and dense layers, without a trace of two factors."""
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(4, 3, strides=4, name="one")(inputs)
    x = keras.layers.Dense(6, activation="relu")(x)
    model, x, expected = adapted(
        EarlyExitModel(
            keras.Model(inputs, x),
            ["one"],
            num_classes=4,
            threshold=0.3,
            projection_dim=5,
        )
    )
    folder = model.export_stages(tmp_path / "out")
    logits, exits = StagedRunner(folder).predict(x)
    np.testing.assert_array_equal(
        exits, model.predict_with_exits(x, verbose=0).exits
    )
    chosen = expected[np.arange(len(x)), exits - 1]
    np.testing.assert_allclose(logits, chosen, atol=1e-4)
    assert len(model.backbone.trainable_variables) == 4  # It is as it was.


def adapted_transformer():
    backbone = TransformerBackbone(vit(num_layers=2))
    return adapted(
        EarlyExitModel(
            backbone,
            BLOCKS[:1],
            num_classes=4,
            classifier="cosine",
            branch=backbone.exit_branch(),
        )
    )


@saved_model_only
def test_transformer_with_updates_as_saved_model(tmp_path):
    import tensorflow as tf

    model, x, expected = adapted_transformer()
    folder = model.export_stages(tmp_path / "out", format="tf_saved_model")
    stages = json.loads((folder / "manifest.json").read_text())["stages"]
    assert len(stages) == 2
    values = tf.constant(x)
    for number, stage in enumerate(stages):
        loaded = tf.saved_model.load(str(folder / stage["file"]))
        outputs = loaded.serve(values)
        values = outputs.get("features")
        np.testing.assert_allclose(
            outputs["logits"].numpy(), expected[:, number], atol=1e-4
        )


@onnx_only
def test_transformer_as_onnx_is_refused(tmp_path):
    """The exact GELU, lookup of positions and tiled tokens of keras-hub."""
    with pytest.raises(ValueError, match="'stage_1.onnx' cannot be written"):
        adapted_transformer()[0].export_stages(tmp_path / "out")
    assert not list(tmp_path.iterdir())


@onnx_only
def test_code_of_the_page_answers_as_predict(tmp_path, monkeypatch):
    """What `docs_test` leaves out, as it may lack the packages."""
    monkeypatch.chdir(tmp_path)
    root = pathlib.Path(__file__).resolve().parents[2]
    text = (root / "docs" / "early_exit_export.md").read_text("utf-8")
    made, *blocks = [
        block["code"]
        for block in BLOCK.finditer(text)
        if block["note"] is None or "onnxruntime" in block["note"]
    ]
    names = {}
    exec(made, names)
    model = names["model"]
    images = np.random.default_rng(0).integers(
        0, 256, (200, 32, 32, 3), "uint8"
    )
    x, _ = NORMALIZE(images, np.zeros(200, int), None)
    model.threshold = mixed_thresholds(model.exit_logits(x))
    for block in blocks:
        exec(block, names)
    np.testing.assert_array_equal(names["images"], images)
    expected = model.predict_with_exits(x, batch_size=32)
    assert set(expected.exits) == {1, 2, 3}
    np.testing.assert_array_equal(names["exits"], expected.exits)
    np.testing.assert_allclose(names["logits"], expected.logits, atol=1e-4)
    stages = names["runner"].manifest["stages"]
    costs = np.cumsum([stage["flops"] for stage in stages])
    np.testing.assert_allclose(
        costs / costs[-1], np.array(model.exit_costs()) / model.exit_costs()[-1]
    )
