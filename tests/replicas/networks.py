"""A student, its teacher and data, for one device and for several."""

import contextlib

import keras
import numpy as np

from keras_lt import losses
from keras_lt import metrics
from keras_lt import objectives
from keras_lt.models import EarlyExitModel
from keras_lt.models import LongTailModel
from tests.models.exit_models import seeded_weights
from tests.models.small_models import CLASSES
from tests.models.small_models import COUNTS

DIM = 5
GROUPS = {"many": 25, "few": 15}


def scope_for(strategy):
    """Returns where to make a model; None is one device."""
    return contextlib.nullcontext() if strategy is None else strategy.scope()


def backbone(synchronized=True):
    """Returns dense layers `one`, `two` and `three`, each normalised."""
    inputs = x = keras.Input((DIM,))
    for name, width in (("one", 6), ("two", 5), ("three", 4)):
        x = keras.layers.Dense(width, use_bias=False, name=f"{name}_dense")(x)
        x = keras.layers.BatchNormalization(synchronized=synchronized)(x)
        x = keras.layers.Activation("tanh", name=name)(x)
    return keras.Model(inputs, x, name="dense")


def teacher():
    return seeded_weights(LongTailModel(backbone(), CLASSES), 7)


def student(**kwargs):
    settings = {
        "branch": "pooled",
        "threshold": 0.4,
        "training_threshold": 0.5,
        "weight_decay": 1e-3,
        **kwargs,
    }
    model = EarlyExitModel(backbone(), ["one", "two"], CLASSES, **settings)
    return seeded_weights(model, 3)


def all_metrics():
    return [
        "accuracy",
        metrics.GroupAccuracy(COUNTS, **GROUPS),
        metrics.BalancedAccuracy(CLASSES),
        metrics.CalibrationError(COUNTS, num_bins=5, **GROUPS),
        metrics.ExitShares(3, COUNTS, **GROUPS),
    ]


def compiled(model, teachers=None, robust=None, optimizer=None, **kwargs):
    """Compiles a student with all three methods, and returns it."""
    teachers = [teacher()] if teachers is None else teachers
    kwargs.setdefault("metrics", all_metrics())
    model.compile(
        optimizer or keras.optimizers.SGD(0.05, momentum=0.9),
        losses.BalancedSoftmax(COUNTS),
        objectives=[
            objectives.Robustness(COUNTS, weight=0.5, **(robust or {})),
            objectives.FeatureDistillation(teachers, alpha=0.4, beta=10.0),
            objectives.LogitDistillation(teachers, alpha=0.2),
            objectives.ExitDistillation(weight=0.25),
        ],
        **kwargs,
    )
    return model


def vectors(rows, seed=0):
    """Returns images that tell the classes apart, and class ids."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, CLASSES, rows)
    centres = generator.normal(size=(CLASSES, DIM))
    x = centres[labels] + generator.normal(size=(rows, DIM))
    return x.astype("float32"), labels.astype("int32")


def sample_weights(rows):
    return np.random.default_rng(1).uniform(0.2, 2.0, rows).astype("float32")


def trained_values(model):
    """Returns all that training changes, by number and name, as arrays."""
    return {
        f"{number}/{variable.name}": keras.ops.convert_to_numpy(variable)
        for number, variable in enumerate(model.variables)
        if "seed_generator" not in variable.path
    }
