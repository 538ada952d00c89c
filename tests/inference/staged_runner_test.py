"""The runner gives each image its answer, wherever it runs."""

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest

from keras_lt.data import transforms
from keras_lt.inference import StagedRunner
from keras_lt.inference import export_stages
from keras_lt.inference import staged_runner
from keras_lt.inference.staged_runner import main
from tests.inference.export_marks import onnx_only
from tests.inference.exported_network import CLASSES
from tests.inference.exported_network import SHAPE
from tests.inference.exported_network import chosen_afterwards
from tests.inference.exported_network import exit_logits
from tests.inference.exported_network import mixed_thresholds
from tests.inference.exported_network import scores
from tests.inference.exported_network import small_images
from tests.inference.exported_network import small_network

pytestmark = onnx_only
NORMALIZE = transforms.Normalize([0.4, 0.5, 0.6], [0.2, 0.3, 0.4])
ALONE = """
import runpy, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {
            "keras", "keras_lt", "tensorflow", "jax", "torch", "onnx"
        }:
            raise ImportError(name)

sys.meta_path.insert(0, Blocker())
runpy.run_path(sys.argv.pop(1), run_name="__main__")
assert "keras" not in sys.modules
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """An export, its images in bytes, and the logits of every exit."""
    network = small_network()
    images = np.random.default_rng(0).integers(0, 256, (61, *SHAPE), "uint8")
    normalized, _ = NORMALIZE(images, np.zeros(61, int))
    logits = exit_logits(*network, normalized)
    folder = export_stages(
        *network,
        mixed_thresholds(logits),
        tmp_path_factory.mktemp("export") / "out",
        preprocessing=transforms.Compose([NORMALIZE]),
    )
    return folder, images, logits


@pytest.fixture
def runner(exported):
    return StagedRunner(exported[0])


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_answers(exported, runner, batch_size):
    _, images, logits = exported
    thresholds = runner.manifest["thresholds"]
    expected, exits = chosen_afterwards(logits, thresholds)
    assert set(exits) == {1, 2, 3}
    found = runner.predict(images, batch_size)
    assert (found[0].dtype, found[1].dtype) == ("float32", "int32")
    np.testing.assert_array_equal(found[1], exits)
    np.testing.assert_allclose(found[0], expected, atol=1e-4)


def test_any_thresholds_sizes_and_orders(exported, runner):
    _, images, logits = exported
    generator = np.random.default_rng(0)
    for _ in range(40):
        rows = generator.integers(0, 61, generator.integers(1, 61))
        measure = generator.choice(["confidence", "entropy"])
        known = np.sort(scores(logits[:, :2], measure), axis=0)
        at = generator.integers(0, 60, 2)
        # In the middle of two scores, so that rounding decides nothing.
        thresholds = (known[at, [0, 1]] + known[at + 1, [0, 1]]) / 2
        runner.manifest["thresholds"] = thresholds.tolist()
        runner.manifest["measure"] = measure
        found = runner.predict(images[rows], int(generator.integers(1, 70)))
        expected, exits = chosen_afterwards(logits[rows], thresholds, measure)
        np.testing.assert_array_equal(found[1], exits)
        np.testing.assert_allclose(found[0], expected, atol=1e-4)


class Counting:
    """Stands before a session, and notes the sizes of its batches."""

    def __init__(self, session):
        self.session = session
        self.sizes = []

    def run(self, names, inputs):
        self.sizes.append(len(inputs["inputs"]))
        return self.session.run(names, inputs)


@pytest.mark.parametrize(
    ("rows", "batch_size", "leaving", "sizes"),
    [
        (1, 128, 0, [[1], [], []]),
        (61, 20, 0, [[20, 20, 20, 1], [], []]),
        (61, 20, 2, [[20, 20, 20, 1]] * 3),
    ],
)
def test_what_has_left_costs_nothing(
    exported, runner, rows, batch_size, leaving, sizes
):
    runner.manifest["thresholds"] = [float(k < leaving) for k in range(2)]
    runner._sessions = [Counting(session) for session in runner._sessions]
    runner.predict(exported[1][:rows], batch_size)
    assert [session.sizes for session in runner._sessions] == sizes


def test_stages_run_on_full_batches(exported, runner):
    runner._sessions = [Counting(session) for session in runner._sessions]
    _, exits = runner.predict(exported[1], 10)
    for k, session in enumerate(runner._sessions, start=1):
        reached = int((exits >= k).sum())
        full, rest = divmod(reached, 10)
        assert session.sizes == [10] * full + [rest] * (rest > 0)


def test_who_is_as_sure_as_the_threshold_stays(tmp_path):
    stages, branches = small_network(scale=1e4)
    parts = (stages[:2], branches[:2])
    runner = StagedRunner(export_stages(*parts, [1], tmp_path / "out"))
    images = small_images()
    sure = scores(exit_logits(*parts, images)[:, 0], "confidence")
    assert (sure == 1).mean() > 0.9
    assert set(runner.predict(images)[1]) == {2}
    runner.manifest["thresholds"] = [0.999]
    assert (runner.predict(images)[1] == 1).mean() > 0.9


def test_no_images(runner):
    logits, exits = runner.predict(np.zeros((0, *SHAPE), "uint8"))
    assert (logits.shape, exits.shape) == ((0, CLASSES), (0,))


def test_runs_without_keras(exported, tmp_path):
    folder, images, logits = exported
    np.save(tmp_path / "images.npy", images)
    output = tmp_path / "answers.npz"
    done = subprocess.run(
        [
            *(sys.executable, "-c", ALONE, folder / "run_stages.py"),
            *(tmp_path / "images.npy", "--output", output, "--batch_size=16"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    thresholds = json.loads((folder / "manifest.json").read_text())[
        "thresholds"
    ]
    expected, exits = chosen_afterwards(logits, thresholds)
    with np.load(output, allow_pickle=False) as found:
        np.testing.assert_array_equal(found["exits"], exits)
        np.testing.assert_allclose(found["logits"], expected, atol=1e-4)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "answers.npz",
        "images.npy",
    ]


def test_command_line_takes_another_folder(exported, tmp_path):
    folder, images, _ = exported
    np.save(tmp_path / "images.npy", images[:2])
    output = tmp_path / "answers.npz"
    main([f"{tmp_path}/images.npy", f"--folder={folder}", f"--output={output}"])
    with np.load(output) as found:
        assert found["exits"].shape == (2,)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((6, 6, 3), "uint8"), r"\('n', 6, 6, 3\).*images\[None\]"),
        (np.zeros((2, 6, 6, 1), "uint8"), r"shape \(2, 6, 6, 1\)"),
        (np.zeros((1, 6, 6, 3), "bool"), "dtype=bool"),
        (np.full((1, 6, 6, 3), "a"), "dtype=<U1"),
    ],
)
def test_images_of_another_kind(runner, images, message):
    with pytest.raises(ValueError, match=message):
        runner.predict(images)


def test_batch_size_of_nothing(exported, runner):
    with pytest.raises(ValueError, match="batch_size=0"):
        runner.predict(exported[1], 0)


def copy_of(folder, target, **changes):
    """Copies the files of an export, with changes to the manifest."""
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    path = target / "manifest.json"
    manifest = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps(manifest))
    return target


def test_files_of_another_export(exported, tmp_path):
    folder = copy_of(exported[0], tmp_path / "copy")
    (folder / "stage_2.onnx").write_bytes(b"other")
    with pytest.raises(ValueError, match=r"'stage_2.onnx'.*check sum"):
        StagedRunner(folder)


@pytest.mark.parametrize(
    "changes", [{"format": "tf_saved_model"}, {"format_version": 2}]
)
def test_folder_of_another_kind(exported, tmp_path, changes):
    folder = copy_of(exported[0], tmp_path / "copy", **changes)
    with pytest.raises(ValueError, match="format 'onnx', version 1"):
        StagedRunner(folder)


def test_runner_is_short():
    """It is read by people who want to write their own."""
    source = importlib.util.find_spec("keras_lt.inference.staged_runner").origin
    with open(source, encoding="utf-8") as file:
        assert len(file.readlines()) <= 175


def test_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    class Runner:
        def __init__(self, folder):
            pass

        def predict(self, images, batch_size):
            return images, images

    def full(path, **arrays):
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(staged_runner, "StagedRunner", Runner)
    monkeypatch.setattr(np, "savez", full)
    np.save(tmp_path / "images.npy", np.zeros((2, 3)))
    output = tmp_path / "answers.npz"
    output.write_bytes(b"old")
    with pytest.raises(OSError, match="No space left"):
        staged_runner.main([str(tmp_path / "images.npy"), f"--output={output}"])
    assert output.read_bytes() == b"old"
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "answers.npz",
        "images.npy",
    ]
