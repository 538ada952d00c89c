"""No case may hold a value for each example, class and feature."""

import math
import shutil

import keras
import pytest

from scripts.benchmarks import memory
from scripts.benchmarks._memory_case import Sizes
from scripts.benchmarks._memory_case import cases
from scripts.benchmarks._page import page

BATCH, CLASSES, DIM = 6, 40, 16


@pytest.fixture
def shapes(monkeypatch):
    """Returns the shapes of all tensors that models compute, on torch."""
    from torch.utils._python_dispatch import TorchDispatchMode

    found = set()

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            outputs = function(*args, **(kwargs or {}))
            for one in keras.tree.flatten(outputs):
                # Those of the device "meta" have a shape alone.
                if hasattr(one, "shape") and one.device.type != "meta":
                    found.add(tuple(one.shape))
            return outputs

    def watched(method):
        def call(*args, **kwargs):
            with Watch():
                return method(*args, **kwargs)

        return call

    for name in ("fit", "evaluate", "predict"):
        method = getattr(keras.Model, name)
        monkeypatch.setattr(keras.Model, name, watched(method))
    return found


@pytest.mark.skipif(
    keras.config.backend() != "torch",
    reason="the others do not tell the tensors of a compiled step",
)
@pytest.mark.parametrize("name", list(cases()))
def test_no_large_tensor_appears(name, shapes):
    cases()[name](Sizes(BATCH, CLASSES, DIM, size=24))
    for shape in shapes:
        assert math.prod(shape) < BATCH * CLASSES * DIM, shape
        assert shape.count(CLASSES) < 2, shape
    if name.startswith("Robustness"):
        assert (BATCH, BATCH) in shapes  # What is computed is seen.


@pytest.mark.slow
def test_a_case_is_measured_in_a_process_of_its_own():
    sizes = {"batch_size": BATCH, "num_classes": CLASSES, "dim": DIM}
    (row,) = memory.run(1, size=24, sizes=sizes, names=["choose_tau"])
    assert row["backend"] == keras.config.backend()
    assert row["policy"] == "float32"
    assert 0.05 < row["at start, GiB"] <= row["peak, GiB"] < 4
    text = page([row])
    assert "commit" in text and "| choose_tau" in text


def test_a_case_that_fails_is_named(monkeypatch):
    monkeypatch.setattr(memory.sys, "executable", shutil.which("false"))
    with pytest.raises(RuntimeError, match="'no case' must run to its end"):
        memory.run(1, names=["no case"])
