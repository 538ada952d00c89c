"""On JAX, every device of a mesh takes its share of each batch."""

import subprocess
import sys

import keras
import pytest

from tests.jax_programs import environment

CODE = """
import keras
keras.distribution.set_distribution(keras.distribution.DataParallel())
import jax
import numpy as np
from tests.inference.staged_networks import chosen_afterwards
from tests.inference.staged_networks import dense_stages
from tests.inference.staged_networks import exit_logits
from tests.inference.staged_networks import predictor_of
from tests.inference.staged_networks import thresholds_between

x = np.random.default_rng(0).standard_normal((40, 4)).astype("float32")
stages, branches, _ = dense_stages()
everything = exit_logits(stages, branches, x)
thresholds = thresholds_between(everything, 0.6)
predictor = predictor_of(stages, branches, thresholds)
for count in (40, 37, 1):
    answer = predictor.run(x[:count], batch_size=8, verbose=0)
    logits, exits = chosen_afterwards(everything[:count], thresholds)
    np.testing.assert_array_equal(answer.exits, exits)
    np.testing.assert_allclose(answer.logits, logits, 1e-5, 1e-5)
    if count == 40:
        assert set(answer.exits) == {1, 2, 3}
rows = predictor._device.put(x[:8], 8)
features = predictor._compiled[0](rows)[2]
print(len(jax.devices()), rows.sharding.num_devices, len(
    {shard.device for shard in features.addressable_shards}
), features.addressable_shards[0].data.shape[0])
"""


@pytest.mark.skipif(
    keras.config.backend() != "jax", reason="only JAX has DataParallel here"
)
def test_devices_share_a_batch():
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env=environment(devices=4),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["4", "4", "4", "2"]
