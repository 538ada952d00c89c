"""What replicas refuse, and what the message says."""

import keras
import pytest

from keras_lt import data
from keras_lt import losses
from keras_lt import objectives
from tests.models.small_models import COUNTS
from tests.replicas.networks import compiled
from tests.replicas.networks import student
from tests.replicas.networks import vectors

pytestmark = pytest.mark.skipif(
    keras.config.backend() != "tensorflow",
    reason="only TensorFlow cuts batches up among replicas",
)


def test_batch_that_leaves_a_replica_without_examples_raises(strategy):
    x, y = vectors(27)
    with strategy.scope():
        model = compiled(student())
    with pytest.raises(ValueError, match="batch of 1 for 2 replicas"):
        model.fit(x, y, batch_size=26)
    batches = data.Batches((x, y), batch_size=13)
    with pytest.raises(ValueError, match='last_batch="drop"'):
        model.fit(batches)
    half = data.Batches((x, y), batch_size=12, shard=(0, 2))
    with pytest.raises(ValueError, match="batch of 1 for 2 replicas"):
        model.fit(half)
    with pytest.raises(ValueError, match="batch of 1 for 2 replicas"):
        model.fit(x[:1], y[:1])


@pytest.mark.parametrize("made_outside", ["model", "optimizer", "objective"])
def test_what_is_made_outside_of_the_scope_raises(strategy, made_outside):
    parts = {
        "model": student,
        "optimizer": lambda: keras.optimizers.SGD(0.1),
        "objective": lambda: objectives.Robustness(COUNTS),
    }
    made = {made_outside: parts.pop(made_outside)()}
    with strategy.scope():
        made.update({name: make() for name, make in parts.items()})
        with pytest.raises(ValueError, match="in the scope of one strategy"):
            made["model"].compile(
                made["optimizer"],
                losses.BalancedSoftmax(COUNTS),
                objectives=[made["objective"]],
            )


def test_compiling_outside_of_the_scope_raises(strategy):
    with strategy.scope():
        model = student()
    with pytest.raises(ValueError, match="in the scope of one strategy"):
        model.compile("sgd", losses.BalancedSoftmax(COUNTS))


@pytest.mark.parametrize("scaled", [False, True])
def test_accumulated_gradients_raise(strategy, scaled):
    with strategy.scope():
        optimizer = keras.optimizers.SGD(gradient_accumulation_steps=2)
        if scaled:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        with pytest.raises(ValueError, match="accumulation_steps=2"):
            compiled(student(), optimizer=optimizer)


def test_several_steps_at_once_raise(strategy):
    with strategy.scope():
        model = student()
        with pytest.raises(ValueError, match="must be 1 on several replicas"):
            compiled(model, steps_per_execution=2)
