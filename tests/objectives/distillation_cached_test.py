"""Teachers whose outputs come with the batches, from any cache."""

import keras
import numpy as np
import pytest

from keras_lt.data import Batches
from keras_lt.objectives import FeatureDistillation
from tests.checks import to_numpy
from tests.objectives.distillation_models import SIZE
from tests.objectives.distillation_models import crossentropy
from tests.objectives.distillation_models import examples
from tests.objectives.distillation_models import linear_model
from tests.objectives.distillation_models import outputs_of
from tests.objectives.distillation_models import teachers
from tests.objectives.distillation_models import total_loss


class Cache:
    """What an objective asks of a cache."""

    image_shape = (SIZE,)

    def __init__(self, feature_dims=(3, 5), num_classes=4):
        self.feature_dims = list(feature_dims)
        self.num_classes = num_classes


def cached(masters, x, y):
    """Returns the labels of a batch with the outputs of teachers."""
    features, logits = outputs_of(masters, x)
    return {
        "label": y,
        "teacher_features": np.concatenate(features, -1).astype("float32"),
        "teacher_logits": logits.astype("float32"),
    }


@pytest.mark.parametrize("combine", ["concatenate", "mean"])
@pytest.mark.parametrize("dims", [(3, 5), (8,)])
def test_loss_is_that_of_teachers_at_work(combine, dims):
    x, y = examples()
    masters = teachers(dims)
    losses = []
    for source, labels in (
        (masters, y),
        (Cache(dims), cached(masters, x, y)),
    ):
        model = linear_model(5, 3, projection_dim=8)
        term = FeatureDistillation(source, combine=combine, logit_weight=2.0)
        model.compile("sgd", crossentropy(), objectives=[term])
        losses.append(total_loss(model, x, labels))
    np.testing.assert_allclose(losses[0], losses[1], 1e-5)
    assert not term.constants


def test_student_trains_and_is_evaluated_on_plain_labels():
    x, y = examples()
    model = linear_model(5, 3, projection_dim=8)
    term = FeatureDistillation(Cache())
    model.compile(keras.optimizers.SGD(0.01), crossentropy(), objectives=[term])
    before = to_numpy(model.projection.kernel)
    labels = cached(teachers(), x, y)
    losses = model.fit(
        x, labels, batch_size=10, epochs=2, verbose=0, validation_data=(x, y)
    ).history["loss"]
    assert losses[1] < losses[0]
    assert np.abs(to_numpy(model.projection.kernel) - before).max() > 1e-4


def test_batches_without_outputs_of_teachers():
    x, y = examples()
    model = linear_model(5, 3, projection_dim=8)
    term = FeatureDistillation(Cache())
    model.compile("sgd", crossentropy(), objectives=[term])
    for labels in (y, {"label": y}):
        with pytest.raises(ValueError, match="without 'teacher_features'"):
            total_loss(model, x, labels)


def test_fit_refuses_data_without_outputs_before_it_begins():
    x, y = examples()
    model = linear_model(5, 3, projection_dim=8)
    term = FeatureDistillation(Cache())
    model.compile("sgd", crossentropy(), objectives=[term])
    for data in ((x, y), (Batches((x, y), 5),)):
        with pytest.raises(ValueError, match="without 'teacher_features'"):
            model.fit(*data, verbose=0)
    assert np.isfinite(model.predict(x, verbose=0)).all()  # It has weights.


def test_batches_without_logits_of_teachers():
    x, y = examples()
    model = linear_model(5, 3, projection_dim=8)
    term = FeatureDistillation(Cache(), logit_weight=1.0)
    model.compile("sgd", crossentropy(), objectives=[term])
    labels = cached(teachers(), x, y)
    del labels["teacher_logits"]
    with pytest.raises(ValueError, match="without 'teacher_logits'"):
        total_loss(model, x, labels)


def test_outputs_of_other_teachers():
    x, y = examples()
    model = linear_model(5, 3, projection_dim=8)
    term = FeatureDistillation(Cache())
    model.compile("sgd", crossentropy(), objectives=[term])
    labels = cached(teachers((3, 5, 2)), x, y)
    with pytest.raises(ValueError, match=r"\[3, 5\]. Received: 10 features"):
        total_loss(model, x, labels)
