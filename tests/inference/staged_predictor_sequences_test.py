"""Nothing is lost, repeated or out of order, whatever comes in what batches."""

import hypothesis
import keras
import numpy as np
import pytest
from hypothesis import strategies as st

from keras_lt.ops.early_exit import certainty
from tests.checks import to_numpy
from tests.inference.staged_networks import chosen_afterwards
from tests.inference.staged_networks import dense_stages
from tests.inference.staged_networks import exit_logits
from tests.inference.staged_networks import predictor_of

POOL = 64
SEQUENCES = st.fixed_dictionaries(
    {
        "sizes": st.lists(st.integers(0, 11), min_size=1, max_size=8),
        "batch_size": st.sampled_from([1, 2, 3, 4, 7, 8, 12]),
        "cuts": st.tuples(*[st.integers(0, POOL)] * 2),
        "seed": st.integers(0, 2**32 - 1),
    }
)


@pytest.fixture(scope="module")
def checked():
    keras.utils.set_random_seed(0)
    return Checked()


class Checked:
    """A network, all of its answers, and thresholds far from its scores."""

    def __init__(self):
        self.stages, self.branches, _ = dense_stages()
        generator = np.random.default_rng(0)
        self.x = 2 * generator.standard_normal((POOL, 4)).astype("float32")
        self.logits = exit_logits(self.stages, self.branches, self.x)
        self.cuts = [
            self._cuts(np.sort(to_numpy(certainty(self.logits[:, exit]))))
            for exit in range(2)
        ]
        self.predictor = predictor_of(self.stages, self.branches, [1.0, 1.0])

    def _cuts(self, scores):
        """Thresholds at which 0, 1, ... POOL of the pool stay."""
        middle = (scores[1:] + scores[:-1]) / 2
        middle = np.where(np.diff(scores) > 1e-5, middle, 1.0)
        return np.concatenate([[0.0], middle, [1.0]]).astype("float32")

    def check(self, sizes, batch_size, cuts, seed):
        hypothesis.assume(sum(sizes))
        generator = np.random.default_rng(seed)
        batches = [generator.integers(POOL, size=size) for size in sizes]
        rows = np.concatenate(batches)
        thresholds = [self.cuts[exit][cut] for exit, cut in enumerate(cuts)]
        self.predictor.thresholds.assign(thresholds)
        answer = self.predictor.run(
            (self.x[batch] for batch in batches), batch_size, verbose=0
        )
        logits, exits = chosen_afterwards(self.logits[rows], thresholds)
        np.testing.assert_array_equal(answer.exits, exits)
        np.testing.assert_allclose(answer.logits, logits, 1e-5, 1e-5)


@hypothesis.settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
@hypothesis.given(SEQUENCES)
def test_answers_are_those_of_the_whole_network(checked, sequence):
    checked.check(**sequence)
