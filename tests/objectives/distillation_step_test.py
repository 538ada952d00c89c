"""One step of a student is the same on every backend.

That of a dense student is checked against NumPy in double precision, that of a
student of images against a file that one backend wrote.
"""

import json
import pathlib

import keras
import numpy as np
import pytest

from keras_lt import losses
from keras_lt.models import EarlyExitModel
from keras_lt.models import LongTailModel
from keras_lt.objectives import FeatureDistillation
from keras_lt.objectives import LogitDistillation
from keras_lt.objectives import projection_dim
from tests import distillation_reference as reference
from tests.checks import to_numpy
from tests.image_step import check_step
from tests.image_step import step_summary
from tests.models.exit_models import image_backbone
from tests.models.small_models import images
from tests.models.small_models import small_backbone
from tests.objectives.distillation_models import CLASSES
from tests.objectives.distillation_models import COUNTS
from tests.objectives.distillation_models import crossentropy
from tests.objectives.distillation_models import examples
from tests.objectives.distillation_models import linear_model
from tests.objectives.distillation_models import outputs_of
from tests.objectives.distillation_models import seeded
from tests.objectives.distillation_models import teachers

GOLDEN = pathlib.Path(__file__).parent / "golden" / "distillation_step.json"
DEFAULTS = {"alpha": 0.4, "beta": 100.0, "combine": "concatenate"}
CASES = {
    "defaults": {},
    "mean": {"combine": "mean", "alpha": 0.7, "beta": 10.0},
    "with_logits": {"logit_weight": 2.0, "temperature": 3.0, "beta": 5.0},
    "adjusted": {"logit_weight": 1.0, "beta": 0.0, "class_counts": COUNTS},
    "distill_only": {"projection_mode": "distill_only", "beta": 20.0},
}


def expected_loss(values, case, x, y, weights, features, teacher_logits):
    """Returns the loss of a dense student with these weights, by hand."""
    settings = {**DEFAULTS, "temperature": 2.0, **CASES[case]}
    rest = list(values)
    hidden = np.tanh(x.astype("float64") @ rest.pop(0) + rest.pop(0))
    drawn = None
    if settings.get("projection_mode") != "distill_only":
        hidden = np.maximum(hidden @ rest.pop(0) + rest.pop(0), 0.0)
        drawn = hidden
    logits = hidden @ rest.pop(0) + rest.pop(0)
    if drawn is None:
        drawn = hidden @ rest.pop(0) + rest.pop(0)
    term = settings["beta"] * reference.feature_losses(
        drawn, features, settings["combine"]
    )
    if "logit_weight" in settings:
        term = term + settings["logit_weight"] * reference.divergences(
            logits,
            teacher_logits,
            settings["temperature"],
            settings.get("class_counts"),
        )
    alpha = settings["alpha"]
    plain = reference.crossentropies(logits, y)
    return np.average((1 - alpha) * plain + alpha * term, weights=weights)


@pytest.mark.parametrize("case", CASES)
def test_step_equals_numpy(case):
    x, y = examples(12)
    weights = np.linspace(0.5, 2.0, 12).astype("float32")
    masters = teachers(activation="tanh")
    term = FeatureDistillation(masters, **{**DEFAULTS, **CASES[case]})
    dim = projection_dim(masters, projection_mode=term.projection_mode)
    model = linear_model(5, 3, "tanh", projection_dim=dim)
    model.compile(keras.optimizers.SGD(1.0), crossentropy(), objectives=[term])
    if term.projection is not None:
        seeded(term.projection, 4)
    layers = [model.backbone, model.projection, model.classifier]
    layers.append(term.projection)
    variables = [
        one for layer in layers if layer is not None for one in layer.weights
    ]
    before = [to_numpy(one).astype("float64") for one in variables]
    features, logits = outputs_of(masters, x)

    def loss(values):
        return expected_loss(values, case, x, y, weights, features, logits)

    slopes = [
        reference.slopes(
            lambda value, i=i: loss([*before[:i], value, *before[i + 1 :]]),
            before[i],
        )
        for i in range(len(before))
    ]
    logs = model.train_on_batch(x, y, sample_weight=weights, return_dict=True)
    np.testing.assert_allclose(float(logs["loss"]), loss(before), 1e-4)
    assert len(variables) == len(model.trainable_variables)
    for variable, old, slope in zip(variables, before, slopes, strict=True):
        np.testing.assert_allclose(
            old - to_numpy(variable), slope, 1e-4, 1e-4, err_msg=variable.path
        )


def image_teachers():
    """Returns one of each kind, with norms that have seen other images."""
    plain = LongTailModel(small_backbone(), CLASSES, classifier="cosine")
    exits = EarlyExitModel(image_backbone(), ["one"], CLASSES, branch="pooled")
    return [seeded(plain, 1), seeded(exits, 2, scale=0.4)]


IMAGE_CASES = {
    "features": lambda: FeatureDistillation(
        image_teachers(), logit_weight=0.5, class_counts=COUNTS
    ),
    "logits": lambda: LogitDistillation(image_teachers(), alpha=0.7),
}


def image_step(case):
    """Returns the loss and, of each gradient, its length and a projection."""
    model = LongTailModel(
        image_backbone(),
        CLASSES,
        classifier="cosine",
        projection_dim=projection_dim(image_teachers()),
    )
    seeded(model, 3)
    model.compile(
        keras.optimizers.SGD(1.0),
        losses.LDAM(COUNTS),
        objectives=[IMAGE_CASES[case]()],
    )
    return step_summary(model, *images(24))


@pytest.mark.parametrize("case", IMAGE_CASES)
def test_step_on_images_equals_that_of_the_other_backends(case):
    expected = json.loads(GOLDEN.read_text())[case]
    check_step(image_step(case), expected, shortest=1.0)


if __name__ == "__main__":
    GOLDEN.parent.mkdir(exist_ok=True)
    steps = {case: image_step(case) for case in IMAGE_CASES}
    GOLDEN.write_text(json.dumps(steps, indent=1) + "\n")
