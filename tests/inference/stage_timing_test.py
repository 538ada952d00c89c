"""A stage is timed for its own work, though calls return before the work."""

import numpy as np
import pytest

from keras_lt.inference._engine import stage_timing

SECONDS = (4.0, 2.0, 1.0)


class Clock:
    """Time that passes only where work is waited for."""

    def __init__(self):
        self.now = 0.0
        self.queued = 0.0

    def perf_counter(self):
        return self.now

    def wait(self):
        self.now, self.queued = self.now + self.queued, 0.0


class Pending:
    """Logits that come when they are asked for, after all that was queued."""

    def __init__(self, clock):
        self.clock = clock

    def __array__(self, dtype=None, copy=None):
        self.clock.wait()
        return np.zeros((2, 3), "float32")


@pytest.mark.parametrize("repeats", [1, 2, 3])
def test_work_of_other_calls_does_not_count(repeats, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(stage_timing, "time", clock)

    def stage(seconds):
        def run(rows):
            clock.queued += seconds  # As JAX and GPUs do: nothing is done yet.
            return Pending(clock), None, rows

        return run

    stages = [stage(seconds) for seconds in SECONDS]
    found = stage_timing.time_stages(stages, np.zeros((2, 4)), repeats)
    np.testing.assert_allclose(found, SECONDS)


def test_median_of_the_repeats_counts(monkeypatch):
    clock, seconds = Clock(), iter([50.0, 1.0, 9.0, 2.0])
    monkeypatch.setattr(stage_timing, "time", clock)

    def run(rows):
        clock.queued += next(seconds)  # The first is the warm-up.
        return Pending(clock), None, rows

    found = stage_timing.time_stages([run], np.zeros((2, 4)), 3)
    np.testing.assert_allclose(found, [2.0])
