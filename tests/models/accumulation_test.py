"""Several small batches as one step of the optimizer."""

import keras
import numpy as np
import pytest

from keras_lt import callbacks
from keras_lt import data
from keras_lt import losses
from keras_lt import samplers
from keras_lt import training
from keras_lt.models import EarlyExitModel
from keras_lt.objectives import FeatureDistillation
from keras_lt.objectives import Robustness
from tests.checks import to_numpy
from tests.models.exit_models import dense_backbone
from tests.models.exit_models import dense_model
from tests.models.exit_models import seeded_weights
from tests.models.exit_models import vectors
from tests.models.small_models import CLASSES
from tests.models.small_models import COUNTS

ROWS, SMALL = 24, 6
STEPS = ROWS // SMALL


def sgd(**kwargs):
    return keras.optimizers.SGD(0.05, momentum=0.9, **kwargs)


def fitted(batch_size, optimizer, epochs=3, terms=(), **kwargs):
    x, y = vectors(ROWS)
    model = seeded_weights(dense_model(**kwargs), 3)
    model.compile(optimizer, losses.BalancedSoftmax(COUNTS), objectives=terms)
    model.fit(x, y, batch_size, epochs=epochs, shuffle=False, verbose=0)
    return model


def largest_difference(model, other):
    pairs = zip(
        model.trainable_variables, other.trainable_variables, strict=True
    )
    return max(np.abs(to_numpy(a) - to_numpy(b)).max() for a, b in pairs)


@pytest.mark.parametrize(
    "decay", [{}, {"weight_decay": 0.1}], ids=["plain", "coupled decay"]
)
def test_is_the_large_batch_where_losses_are_means(decay):
    """Exits, decay and teachers: every example counts alike."""
    teacher = EarlyExitModel(dense_backbone(), ["one"], CLASSES)
    teachers = [seeded_weights(teacher, 1)]

    def terms():
        return [FeatureDistillation(teachers, alpha=0.4, beta=1.0)]

    small = fitted(
        SMALL, sgd(gradient_accumulation_steps=STEPS), terms=terms(), **decay
    )
    large = fitted(ROWS, sgd(), terms=terms(), **decay)
    assert largest_difference(small, large) < 1e-5
    start = seeded_weights(dense_model(), 3)
    assert largest_difference(large, start) > 1e-2


def test_is_the_large_batch_with_decay_in_the_optimizer():
    small = fitted(
        SMALL, sgd(weight_decay=0.1, gradient_accumulation_steps=STEPS)
    )
    large = fitted(ROWS, sgd(weight_decay=0.1))
    assert largest_difference(small, large) < 1e-5


def test_terms_among_examples_are_of_the_small_batches():
    """Those of DRO-LT compare the examples of one batch."""

    def terms():
        return [Robustness(COUNTS, centroids="batch")]

    small = fitted(SMALL, sgd(gradient_accumulation_steps=STEPS), terms=terms())
    assert largest_difference(small, fitted(ROWS, sgd(), terms=terms())) > 1e-4


def stages(epochs):
    batches = data.Batches(
        vectors(ROWS), SMALL, sampler=samplers.ClassBalanced(), seed=1
    )
    optimizer = sgd(gradient_accumulation_steps=3)
    return [
        training.Stage(
            name="one",
            epochs=epochs,
            batches=batches,
            loss=losses.BalancedSoftmax(COUNTS),
            optimizer=optimizer,
            objectives=[Robustness(COUNTS), Robustness(
                COUNTS, centroids="moving_average", name="moving"
            )],
            callbacks=[callbacks.DeferredReweighting(COUNTS, start_epoch=1)],
        ),
        training.Stage(
            name="two",
            epochs=1,
            batches=batches,
            optimizer=optimizer,
            objectives=(),
            trainable="classifier",
            continue_optimizer=True,
        ),
    ]  # fmt: skip


class StopAfter(keras.callbacks.Callback):
    """Fails in an epoch, in the middle of an accumulation."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


def test_goes_on_in_the_middle_of_an_accumulation(tmp_path):
    """Of 4 batches an epoch, 3 make a step: at its end one is left over."""
    found = []
    for stopped in (False, True):
        model = seeded_weights(dense_model(), 3)
        folder = tmp_path / str(stopped)
        keras.utils.set_random_seed(0)
        plan = stages(3)
        if stopped:
            bad = [*plan[0].callbacks, StopAfter()]
            plan[0] = training.Stage(**{**vars(plan[0]), "callbacks": bad})
            with pytest.raises(KeyboardInterrupt):
                training.train(model, plan, folder, verbose=0)
            accumulated = [
                one
                for one in model.optimizer.variables
                if "gradient_accumulator" in one.path
            ]
            assert any(np.abs(to_numpy(one)).max() > 0 for one in accumulated)
            model = seeded_weights(dense_model(), 4)
            plan = stages(3)
        training.train(model, plan, folder, verbose=0)
        found.append(model)
    assert largest_difference(*found) == 0.0
    # 4 epochs of 4 batches, of which 3 make a step.
    assert int(to_numpy(found[1].optimizer.iterations)) == 16 // 3
