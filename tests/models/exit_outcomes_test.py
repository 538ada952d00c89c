"""What a model with exits would answer to held-out examples."""

import numpy as np
import pytest

from keras_lt.data import Batches
from keras_lt.data import transforms
from keras_lt.samplers import InOrder
from tests.models.exit_models import dense_model
from tests.models.exit_models import seeded_weights
from tests.models.exit_models import vectors
from tests.models.small_models import COUNTS


class Jitter(transforms.Transform):
    def __call__(self, images, labels, generator):
        return images, labels


@pytest.mark.parametrize("steps", [None, 2])
def test_batches_in_order_equal_their_arrays(steps):
    model, (x, y) = seeded_weights(dense_model()), vectors()
    count = 12 if steps is None else 10
    plain = model.exit_outcomes(x[:count], y[:count], COUNTS, verbose=0)
    found = model.exit_outcomes(
        Batches((x, y), 5, InOrder()), y[:count], COUNTS, verbose=0, steps=steps
    )
    np.testing.assert_array_equal(found.labels, y[:count])
    np.testing.assert_array_equal(found.predictions, plain.predictions)
    np.testing.assert_allclose(found.scores, plain.scores, atol=1e-6)


def without_predicting(*args, **kwargs):
    raise AssertionError("It predicts before it looks at its arguments.")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": Batches(vectors(), 5)}, "Received: `Batches` that come in an"),
        ({"y": np.zeros(13, int)}, "Received: `Batches` that come in another"),
        ({"y": np.full(12, 4)}, "`y` must be below the number of classes, 4"),
        ({"y": np.zeros(12)}, "`y` must be integer class ids"),
        ({"class_counts": [4, 3, 2]}, "each of the 4 classes.* Received: 3"),
    ],
)
def test_bad_input_is_refused_before_predicting(change, message, monkeypatch):
    model, (x, y) = dense_model(), vectors()
    monkeypatch.setattr(model, "exit_logits", without_predicting)
    given = {"x": Batches((x, y), 5, InOrder()), "y": y, "class_counts": COUNTS}
    with pytest.raises(ValueError, match=message):
        model.exit_outcomes(**{**given, **change})


def test_random_batches_bring_a_warning():
    model, (x, y) = dense_model(), vectors()
    batches = Batches((x, y), 5, InOrder(), transform=Jitter())
    with pytest.warns(UserWarning, match="Received: Jitter") as caught:
        model.exit_outcomes(batches, y, COUNTS, verbose=0)
    assert caught[0].filename == __file__
