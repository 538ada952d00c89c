"""The order of work alone: no example is lost, repeated or out of order.

Ten thousand random sequences, with stages and rooms of NumPy; what runs on a
backend is tested on fewer, in `staged_predictor_sequences_test.py`.
"""

import hypothesis
import keras
import numpy as np
import pytest
from hypothesis import strategies as st

from keras_lt.inference._engine.buckets import bucket_size
from keras_lt.inference._engine.devices.bucket_room import BucketRoom
from keras_lt.inference._engine.exit_log import ExitLog
from keras_lt.inference._engine.flow import Flow
from keras_lt.inference._engine.repacking import full_batches

CLASSES = 3
pytestmark = pytest.mark.skipif(
    keras.config.backend() != "jax",
    reason="no backend takes part, and the sequences are the same for each",
)


class Sequence:
    """Sizes of batches, thresholds and so on, read from 16 bytes.

    Drawing bytes is many times as fast as drawing lists of numbers.
    """

    def __init__(self, code):
        self.sizes = [byte % 12 for byte in code[: 1 + code[15] % 8]]
        self.batch_size = 1 + code[8] % 12
        # 0, where everyone leaves, and 1, where no one does, are among them.
        self.thresholds = [byte / 255 for byte in code[9 : 9 + code[12] % 4]]
        self.capacity = 1 + code[13]
        self.generator = np.random.default_rng(list(code))


def gather(parts, index):
    return np.concatenate(parts)[index]


class Network:
    """Stages of random dense layers; features end with the row's number."""

    def __init__(self, thresholds, generator):
        self.thresholds = np.array(thresholds)
        count = len(thresholds) + 1
        self.kernels = generator.normal(size=(count, 2, 2))
        self.heads = 3 * generator.normal(size=(count, 2, CLASSES))
        self.calls = []

    def stage(self, position):
        def run(rows):
            self.calls.append((position, len(rows)))
            features = np.tanh(rows[:, :2] @ self.kernels[position])
            logits = features @ self.heads[position]
            if position == len(self.thresholds):
                return logits, None, None
            leaves = self.score(logits) > self.thresholds[position]
            return logits, leaves, np.hstack([features, rows[:, 2:]])

        return run

    def score(self, logits):
        p = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return (p / p.sum(axis=-1, keepdims=True)).max(axis=-1)

    def whole(self, rows):
        """Runs every row through every stage, and chooses exits afterwards."""
        logits = []
        for kernel, head in zip(self.kernels, self.heads, strict=True):
            rows = np.tanh(rows[:, :2] @ kernel)
            logits.append(rows @ head)
        logits = np.stack(logits, axis=1)
        leaves = self.score(logits[:, :-1]) > self.thresholds
        leaves = np.hstack([leaves, np.ones((len(rows), 1), bool)])
        exits = leaves.argmax(axis=1)
        return logits[np.arange(len(rows)), exits], exits + 1


def answers_of(network, batches, batch_size, capacity):
    stages = [network.stage(k) for k in range(len(network.thresholds) + 1)]
    rooms = [
        BucketRoom(batch_size, lambda n: bucket_size(n, batch_size), gather)
        for _ in network.thresholds
    ]
    log = ExitLog(capacity)
    flow = Flow(stages, rooms, batch_size, log)
    count = 0
    for rows in full_batches(batches, batch_size):
        flow.enter(rows, np.arange(count, count + len(rows)))
        count += len(rows)
    flow.finish()
    return log.read()


@hypothesis.settings(
    max_examples=10_000,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
@hypothesis.given(st.binary(min_size=16, max_size=16))
def test_ten_thousand_sequences(code):
    case = Sequence(code)
    hypothesis.assume(sum(case.sizes))
    network = Network(case.thresholds, case.generator)
    rows = case.generator.normal(size=(sum(case.sizes), 3)).astype("float32")
    batches = np.split(rows, np.cumsum(case.sizes)[:-1])
    logits, exits = answers_of(network, batches, case.batch_size, case.capacity)
    expected, left_at = network.whole(rows)
    np.testing.assert_array_equal(exits, left_at)
    assert np.max(np.abs(logits - expected)) < 1e-5
    check_work(network.calls, left_at, case.batch_size)


def check_work(calls, exits, batch_size):
    """Every stage runs on full batches, and no more often than it must."""
    for position in range(exits.max()):
        reached = int(np.sum(exits > position))
        rows = [size for stage, size in calls if stage == position]
        assert len(rows) == -(-reached // batch_size)
        assert all(size == batch_size for size in rows[:-1])
        assert rows[-1] <= batch_size
    assert max(position for position, _ in calls) == exits.max() - 1
