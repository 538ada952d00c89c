"""An exported model answers elsewhere as `predict` does here."""

import pathlib

import numpy as np
import pytest

from keras_lt.data import transforms
from keras_lt.inference import StagedRunner
from keras_lt.models import EarlyExitModel
from keras_lt.models import resnet20
from tests.docs_test import BLOCK
from tests.inference.export_test import onnx_only
from tests.inference.exported_network import mixed_thresholds

pytestmark = [onnx_only, pytest.mark.slow]
NORMALIZE = transforms.cifar(training=False)


def test_answers_of_predict(tmp_path):
    model = EarlyExitModel(
        resnet20((8, 8, 3)),
        exits=["stage_1", "stage_2"],
        num_classes=5,
        classifier="cosine",
        branch="block",
        projection_dim=16,
    )
    images = np.random.default_rng(0).integers(0, 256, (61, 8, 8, 3), "uint8")
    x, _ = NORMALIZE(images, np.zeros(61, int), None)
    model.threshold = mixed_thresholds(model.exit_logits(x))
    expected = model.predict_with_exits(x, batch_size=32)
    assert set(expected.exits) == {1, 2, 3}
    folder = model.export_stages(tmp_path / "out", preprocessing=NORMALIZE)
    runner = StagedRunner(folder)
    logits, exits = runner.predict(images, batch_size=16)
    np.testing.assert_array_equal(exits, expected.exits)
    np.testing.assert_allclose(logits, expected.logits, atol=1e-4)
    costs = np.cumsum([stage["flops"] for stage in runner.manifest["stages"]])
    np.testing.assert_allclose(
        costs / costs[-1], np.array(model.exit_costs()) / model.exit_costs()[-1]
    )


def test_code_of_the_page(tmp_path, monkeypatch):
    """What `docs_test` leaves out, as it may lack the packages."""
    monkeypatch.chdir(tmp_path)
    root = pathlib.Path(__file__).resolve().parents[2]
    text = (root / "docs" / "early_exit_export.md").read_text("utf-8")
    names = {}
    for block in BLOCK.finditer(text):
        if block["note"] is None or "onnxruntime" in block["note"]:
            exec(block["code"], names)
    assert names["logits"].shape == (200, 10)
    assert names["exits"].shape == (200,)
