"""Saved models serve a process that has never seen how they were made."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_lt import layers
from keras_lt import losses
from keras_lt import metrics
from keras_lt import models
from keras_lt.models.zero_padding_shortcut import ZeroPaddingShortcut
from keras_lt.ops.early_exit import certainty
from tests.checks import to_numpy
from tests.models.exit_models import changed_model
from tests.models.small_models import COUNTS
from tests.models.small_models import images

PROGRAM = """
import json
import sys
import traceback
import keras
import numpy as np
import keras_lt


@keras.saving.register_keras_serializable(package="keras_lt_tests")
def certain_of_class_two(logits, labels):
    certain = keras.ops.softmax(logits)[:, 2]
    return certain * keras.ops.cast(keras.ops.equal(labels, 2), "float32")


def loaded(folder):
    model = keras.saving.load_model(folder + "/model.keras")
    data = np.load(folder + "/data.npz")
    with open(folder + "/expected.json") as file:
        expected = json.load(file)
    answers = model.predict(data["x"], verbose=0)
    np.testing.assert_allclose(answers, data["answers"], 1e-4, 1e-5)
    logs = model.evaluate(data["x"], data["y"], verbose=0, return_dict=True)
    assert logs.keys() == expected["logs"].keys(), logs
    for name, value in expected["logs"].items():
        np.testing.assert_allclose(logs[name], value, 1e-4, 1e-6, err_msg=name)
    np.testing.assert_array_equal(model.class_weights, data["class_weights"])
    assert int(model.optimizer.iterations) == 2
    return model, data, expected


def long_tail(folder):
    model, data, _ = loaded(folder)
    model.fit(data["x"], data["y"], batch_size=4, verbose=0)


def exits(folder):
    model, data, expected = loaded(folder)
    outputs = model(data["x"])
    for name in ("exits", "features", "leaves_at"):
        found = keras.ops.convert_to_numpy(outputs[name])
        np.testing.assert_allclose(found, data[name], 1e-4, 1e-5, err_msg=name)
    config = json.loads(json.dumps(model.get_config()))
    assert config == expected["config"], config
    assert model.threshold == config["threshold"]
    assert model.training_threshold == config["training_threshold"]
    model.fit(data["x"], data["y"], batch_size=6, verbose=0)


for check in (long_tail, exits):
    try:
        check(f"{sys.argv[1]}/{check.__name__}")
        print("done:", check.__name__)
    except Exception:
        traceback.print_exc()
"""


def residual_network():
    """Returns one block of the residual networks of this library."""
    inputs = x = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, padding="same", use_bias=False)(x)
    x = keras.layers.ReLU(name="stage_1")(layers.BatchNormalization()(x))
    y = keras.layers.ZeroPadding2D(1)(x)
    y = layers.Conv2D(8, 3, strides=2, use_bias=False)(y)
    y = layers.BatchNormalization()(y)
    x = keras.layers.Add()([ZeroPaddingShortcut(8)(x), y])
    x = keras.layers.ReLU(name="stage_2")(x)
    return keras.Model(inputs, x)


def save(folder, model, x, y, config=None, **arrays):
    """Saves a model, and what another process has to find in it."""
    folder.mkdir()
    model.save(folder / "model.keras")
    np.savez(
        folder / "data.npz",
        x=x,
        y=y,
        answers=model.predict(x, verbose=0),
        class_weights=to_numpy(model.class_weights),
        **arrays,
    )
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    expected = json.dumps({"logs": logs, "config": config})
    (folder / "expected.json").write_text(expected)
    return logs


def save_long_tail_model(folder):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, 8, 8, 1)).astype("float32")
    y = np.arange(8) % 3
    counts = [200, 50, 5]
    model = models.LongTailModel(
        residual_network(),
        num_classes=3,
        classifier="cosine",
        feature_layers=["stage_2"],
        weight_decay=1e-4,
    )
    model.compile(
        keras.optimizers.SGD(0.1, momentum=0.9),
        loss=losses.LDAM(counts),
        metrics=["accuracy", metrics.GroupAccuracy(counts)],
    )
    model.class_weights.assign([0.5, 1.0, 1.5])
    model.fit(x, y, batch_size=4, verbose=0)
    save(folder, model, x, y)


def save_model_with_exits(folder):
    x, y = images()
    model = changed_model()
    model.compile(
        keras.optimizers.SGD(0.05, momentum=0.9),
        losses.LDAM(COUNTS, scale=20.0),
        metrics=[
            "accuracy",
            metrics.GroupAccuracy(COUNTS),
            metrics.ExitShares(3, class_counts=COUNTS),
        ],
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="w")],
    )
    model.fit(x, y, batch_size=6, verbose=0)
    # Changed after it was made, between any two of its scores.
    scores = to_numpy(certainty(model(x)["exits"]))
    model.threshold = np.median(scores[:, :2], axis=0)
    model.training_threshold = [0.5, 0.25]
    model.exit_loss.exit_weights.assign([0.75, 0.5, 2.0])
    outputs = {name: to_numpy(one) for name, one in model(x).items()}
    assert set(outputs["leaves_at"]) >= {1, 2}
    compared = {n: outputs[n] for n in ("exits", "features", "leaves_at")}
    logs = save(folder, model, x, y, model.get_config(), **compared)
    assert "exit_1_share_few" in logs


@pytest.fixture(scope="module")
def fresh_process(tmp_path_factory):
    """Returns the process that has loaded all models."""
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("saved")
    save_long_tail_model(folder / "long_tail")
    save_model_with_exits(folder / "exits")
    environment = {**os.environ, "KERAS_BACKEND": keras.config.backend()}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.mark.parametrize("kind", ["long_tail", "exits"])
def test_fresh_process_loads_the_model(fresh_process, kind):
    assert f"done: {kind}" in fresh_process.stdout, fresh_process.stderr
    assert fresh_process.returncode == 0, fresh_process.stderr
