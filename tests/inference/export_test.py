"""Exported stages answer as Keras does; what cannot be written says so."""

import importlib.util
import itertools
import json
import pathlib

import keras
import numpy as np
import pytest

from keras_lt.data import transforms
from keras_lt.inference import StagedRunner
from keras_lt.inference import export
from keras_lt.inference import export_stages
from keras_lt.inference import stage_answers
from keras_lt.inference import stage_formats
from tests.inference.export_marks import BACKEND
from tests.inference.export_marks import onnx_only
from tests.inference.export_marks import saved_model_only
from tests.inference.exported_network import CLASSES
from tests.inference.exported_network import SHAPE
from tests.inference.exported_network import exit_logits
from tests.inference.exported_network import small_images
from tests.inference.exported_network import small_network


@pytest.fixture(scope="module")
def network():
    return small_network()


def contents(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def one_stage(network):
    """The least that can be exported, for what does not depend on more."""
    stages, branches = network
    return stages[:1], branches[:1], []


@saved_model_only
def test_answers_of_saved_model(network, tmp_path):
    import tensorflow as tf

    images = small_images(rows=5)
    folder = export_stages(
        *network, [0.5, 0.5], tmp_path / "out", format="tf_saved_model"
    )
    manifest = json.loads((folder / "manifest.json").read_text())
    values, logits = images, []
    for stage in manifest["stages"]:
        loaded = tf.saved_model.load(str(folder / stage["file"]))
        outputs = loaded.serve(tf.constant(values))
        assert set(outputs) == set(stage["outputs"])
        values = outputs.get("features")
        logits.append(outputs["logits"].numpy())
    np.testing.assert_allclose(
        np.stack(logits, axis=1), exit_logits(*network, images), atol=1e-4
    )
    assert "run_stages.py" not in contents(folder)
    assert "stage_1/saved_model.pb" in manifest["sha256"]


@pytest.fixture(scope="module")
def folder(network, tmp_path_factory):
    return export_stages(
        *network,
        [0.25, 1],
        tmp_path_factory.mktemp("export") / "new" / "out",
        measure="entropy",
        class_names=["a", "b", "ü", "d"],
        preprocessing=transforms.cifar(training=False),
        flops=[30, 20, 10],
    )


@onnx_only
def test_manifest(folder):
    assert contents(folder.parent) == ["out"]
    text = (folder / "manifest.json").read_text(encoding="utf-8")
    manifest = json.loads(text)
    assert manifest["format"] == "onnx"
    assert manifest["thresholds"] == [0.25, 1.0]
    assert manifest["measure"] == "entropy"
    assert manifest["class_names"] == ["a", "b", "ü", "d"]
    assert manifest["num_classes"] == CLASSES
    assert manifest["input"] == {"shape": [None, *SHAPE], "dtype": "float32"}
    assert manifest["preprocessing"] == {
        "scale": 1 / 255,
        "mean": [0.4914, 0.4822, 0.4465],
        "std": [0.2023, 0.1994, 0.2010],
    }
    assert manifest["made_with"]["backend"] == BACKEND
    assert manifest["made_with"]["versions"]["keras"] == keras.__version__


@onnx_only
def test_manifest_of_stages(folder):
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    stages = manifest["stages"]
    assert [stage["flops"] for stage in stages] == [30, 20, 10]
    assert [list(stage["outputs"]) for stage in stages] == [
        ["features", "logits"],
        ["features", "logits"],
        ["logits"],
    ]
    assert stages[0]["outputs"]["features"]["shape"] == [None, 6, 6, 5]
    assert stages[1]["inputs"]["inputs"]["shape"] == [None, 6, 6, 5]
    files = {stage["file"] for stage in stages}
    assert set(manifest["sha256"]) == {*files, "run_stages.py"}


@onnx_only
def test_files_know_nothing_of_this_machine(folder):
    for path in folder.iterdir():
        content = path.read_bytes()
        assert str(folder.parent).encode() not in content
        assert str(pathlib.Path(export.__file__).parents[2]).encode() not in (
            content
        )


@onnx_only
def test_ends_have_names_and_any_batch_size(folder):
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / "stage_1.onnx")
    (inputs,) = session.get_inputs()
    assert (inputs.name, inputs.shape) == ("inputs", ["batch", *SHAPE])
    outputs = {one.name: one.shape for one in session.get_outputs()}
    assert outputs == {
        "features": ["batch", 6, 6, 5],
        "logits": ["batch", CLASSES],
    }


@onnx_only
def test_one_stage_and_images_of_bytes(tmp_path):
    inputs = keras.Input((9, 7, 3), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    stage = keras.Model(inputs, keras.layers.Conv2D(4, 3)(x))
    branch = keras.Sequential(
        [
            keras.Input((7, 5, 4)),
            keras.layers.GlobalMaxPooling2D(),
            keras.layers.Dense(2),
        ]
    )
    folder = export_stages([stage], [branch], [], tmp_path / "out")
    images = np.random.default_rng(0).integers(0, 256, (3, 9, 7, 3), "uint8")
    logits, exits = StagedRunner(folder).predict(images)
    expected = exit_logits([stage], [branch], images)[:, 0]
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    assert exits.tolist() == [1, 1, 1]


@onnx_only
def test_weights_are_those_of_the_moment(tmp_path):
    stages, branches = small_network()
    parts = (stages[:1], branches[:1])
    images = small_images(rows=3)
    for _ in range(2):
        kernel = branches[0].weights[0]
        kernel.assign(kernel * 2)
        folder = export_stages(*parts, [], tmp_path / "out", overwrite=True)
        found, _ = StagedRunner(folder).predict(images)
        expected = exit_logits(*parts, images)[:, 0]
        np.testing.assert_allclose(found, expected, atol=1e-4)


@onnx_only
def test_lower_precision_is_refused(tmp_path):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = small_network()
    finally:
        keras.config.set_dtype_policy(before)
    with pytest.raises(ValueError, match="dtype policy 'float32'"):
        export_stages(*network, [0.5, 0.5], tmp_path / "out")
    assert contents(tmp_path) == []


@onnx_only
def test_wrong_answers_are_not_exported(one_stage, tmp_path, monkeypatch):
    def wrong(path, format, inputs):
        return {
            name: 1.05 * values
            for name, values in stage_formats.run_stage(
                path, format, inputs
            ).items()
        }

    monkeypatch.setattr(stage_answers, "run_stage", wrong)
    with pytest.raises(ValueError, match="'stage_1.onnx' must answer as Keras"):
        export_stages(*one_stage, tmp_path / "out")
    assert contents(tmp_path) == []


@pytest.mark.parametrize(
    ("wanted", "found", "is_right"),
    [
        (0.0, 0.0, True),
        (2.0, 2.01, True),
        (0.0, 1e-3, False),
        (2.0, 2.1, False),
        (2.0, np.nan, False),
        (np.nan, np.nan, False),
    ],
)
def test_differences_by_the_largest_value(wanted, found, is_right, monkeypatch):
    class Graph:
        def predict_on_batch(self, inputs):
            return {"logits": np.array([[0.0, wanted]], "float32")}

    monkeypatch.setattr(
        stage_answers,
        "run_stage",
        lambda *_: {"logits": np.array([[0, found]])},
    )
    arguments = Graph(), "onnx", pathlib.Path("stage_1.onnx"), None
    if is_right:
        stage_answers.check_answers(*arguments)
    else:
        with pytest.raises(ValueError, match="logits of up to .* differ by"):
            stage_answers.check_answers(*arguments)


def fail(*arguments):
    raise OSError("No space left on device")


@onnx_only
def test_a_crash_leaves_what_was_there(one_stage, tmp_path, monkeypatch):
    graphs = itertools.count()

    def write(graph, format, path):
        path.write_text(f"graph {next(graphs)}")

    monkeypatch.setattr(export, "write_graph", write)
    monkeypatch.setattr(export, "check_answers", lambda *_: None)
    folder = tmp_path / "new" / "out"
    with monkeypatch.context() as patch:
        patch.setattr(export, "write_manifest", fail)
        with pytest.raises(OSError, match="No space left"):
            export_stages(*one_stage, folder)
        assert contents(tmp_path) == []
    export_stages(*one_stage, folder)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr(export, "write_manifest", fail)
    with pytest.raises(OSError, match="No space left"):
        export_stages(*one_stage, folder, overwrite=True)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert contents(folder.parent) == ["out"]


@pytest.mark.skipif(BACKEND != "torch", reason="about the backend torch")
def test_saved_model_from_torch(network, tmp_path):
    with pytest.raises(ValueError, match="must be 'onnx' on the torch"):
        export_stages(*network, [0.5, 0.5], tmp_path, format="tf_saved_model")


def test_missing_packages_are_named(network, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'"keras-lt\[export\]"'):
        export_stages(*network, [0.5, 0.5], tmp_path / "out")
    assert contents(tmp_path) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "onnxx"}, "`format` must be one of 'onnx'"),
        ({"measure": "sure"}, "`measure` must be one of 'confidence'"),
        ({"thresholds": [0.5]}, "one of `thresholds` for each but the last"),
        ({"thresholds": [0.5, 1.5]}, "`thresholds` must be at least 0"),
        ({"thresholds": [0.5, np.nan]}, "`thresholds` must be at least 0"),
        ({"branches": []}, "with as many `branches`"),
        ({"flops": [1]}, "`flops`, and one of"),
        ({"class_names": ["a"]}, "one name for each of the 4 logits"),
        ({"preprocessing": transforms.cifar()}, "and no more"),
        ({"preprocessing": {"mean": 0.5}}, "a dict of `mean`, `std`"),
    ],
)
def test_parts_that_do_not_fit(network, changes, message, tmp_path):
    stages, branches = network
    arguments = {
        "stages": stages,
        "branches": branches,
        "thresholds": [0.5, 0.5],
        "folder": tmp_path / "out",
    }
    with pytest.raises(ValueError, match=message):
        export_stages(**{**arguments, **changes})
    assert contents(tmp_path) == []


def test_branches_of_different_classes(network, tmp_path):
    stages, branches = network
    other = keras.Sequential(
        [keras.Input((3, 3, 6)), keras.layers.Flatten(), keras.layers.Dense(7)]
    )
    with pytest.raises(ValueError, match=r"same classes .* \[\(4,\), \(7,\)"):
        export_stages(
            stages, [branches[0], other, branches[2]], [0, 0], tmp_path / "out"
        )


def test_first_stage_without_a_graph(network, tmp_path):
    class Own(keras.Model):
        def call(self, inputs):
            return inputs

    stages, branches = network
    with pytest.raises(ValueError, match="must be a functional model"):
        export_stages([Own(), *stages[1:]], branches, [0, 0], tmp_path / "out")


def test_images_of_any_size(tmp_path):
    inputs = keras.Input((None, None, 3))
    stage = keras.Model(inputs, keras.layers.Conv2D(4, 3)(inputs))
    branch = keras.layers.GlobalMaxPooling2D()
    with pytest.raises(ValueError, match=r"one size.*\(None, None, None, 3\)"):
        export_stages([stage], [branch], [], tmp_path / "out")
