"""Models with exits whose outputs training does not change."""

import keras
import numpy as np

from tests import early_exit_reference as reference
from tests.models import dense_exits
from tests.models.exit_models import dense_model
from tests.models.exit_models import seeded_weights
from tests.models.exit_models import vectors
from tests.models.small_models import SPARSE

CRITERION = "correct_and_confident"
THRESHOLDS = [0.5, 0.7]


def still_model(loss=None, compiled=(), **settings):
    """Returns a model that is compiled not to move, with its data."""
    settings = {"training_threshold": THRESHOLDS, **settings}
    model = seeded_weights(dense_model(**settings))
    model.compile(
        keras.optimizers.SGD(0.0),
        loss or SPARSE(from_logits=True),
        **dict(compiled),
    )
    return model, *vectors(20)


def expected_loss(
    model,
    x,
    y,
    thresholds=THRESHOLDS,
    weights=None,
    exit_weights=(1.0, 1.0, 1.0),
):
    """Returns the loss in NumPy, of weights that are not scaled."""
    _, logits = dense_exits.forward(model, x)
    return reference.total(
        dense_exits.losses(logits, y),
        dense_exits.exits_of(logits, y, CRITERION, thresholds),
        np.ones(len(y)) if weights is None else weights,
        np.array(exit_weights),
        "batch_weight",
    )


def losses_seen(model, x, y, **kwargs):
    return model.fit(x, y, verbose=0, **kwargs).history["loss"]
