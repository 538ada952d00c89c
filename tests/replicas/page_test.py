"""What the page on TensorFlow's devices shows runs on two replicas."""

import keras
import pytest

from tests.docs_blocks import BLOCK
from tests.docs_blocks import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        keras.config.backend() != "tensorflow",
        reason="only TensorFlow cuts batches up among replicas",
    ),
]
ALL_GPUS = "tf.distribute.MirroredStrategy()"


def test_code_for_one_machine_runs(strategy):
    page = ROOT / "docs" / "many_devices_tensorflow.md"
    blocks = [
        block["code"]
        for block in BLOCK.finditer(page.read_text(encoding="utf-8"))
        if "the tests run it there" in (block["note"] or "")
    ]
    assert len(blocks) == 2 and ALL_GPUS in blocks[0]
    names = {"two_replicas": strategy}
    for code in blocks:
        exec(code.replace(ALL_GPUS, "two_replicas"), names)
    assert names["model"].distribute_strategy is strategy
    assert names["backbone"].get_layer("Conv1").kernel is not None
    assert names["backbone"].get_layer("bn_Conv1").synchronized
