"""A saved model serves a process that has never seen how it was made."""

import os
import subprocess
import sys

import keras
import numpy as np

from keras_lt import losses
from keras_lt import metrics
from keras_lt import models

PROGRAM = """
import sys
import keras
import numpy as np
import keras_lt

folder = sys.argv[1]
model = keras.saving.load_model(folder + "/model.keras")
data = np.load(folder + "/data.npz")
logits = model.predict(data["x"], verbose=0)
np.testing.assert_allclose(logits, data["logits"], 1e-4, 1e-5)
logs = model.evaluate(data["x"], data["y"], verbose=0, return_dict=True)
np.testing.assert_allclose(logs["loss"], data["loss"], 1e-4)
assert set(logs) == set(data["names"].tolist()), logs
np.testing.assert_array_equal(model.class_weights, data["class_weights"])
assert int(model.optimizer.iterations) == 2
model.fit(data["x"], data["y"], batch_size=4, verbose=0)
"""


def test_fresh_process_loads_the_model(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, 8, 8, 1)).astype("float32")
    y = np.arange(8) % 3
    counts = [200, 50, 5]
    model = models.LongTailModel(
        models.resnet20(input_shape=(8, 8, 1)),
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
    model.save(tmp_path / "model.keras")
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    np.savez(
        tmp_path / "data.npz",
        x=x,
        y=y,
        logits=model.predict(x, verbose=0),
        loss=logs["loss"],
        names=np.array(sorted(logs)),
        class_weights=np.array([0.5, 1.0, 1.5], "float32"),
    )
    environment = {**os.environ, "KERAS_BACKEND": keras.config.backend()}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
