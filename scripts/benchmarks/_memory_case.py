"""Runs one case of `memory.py` in this process, and prints what it took."""

import json
import pathlib
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_lt import losses
from keras_lt import metrics
from keras_lt import models
from keras_lt import objectives
from keras_lt import posthoc
from keras_lt import report
from keras_lt.objectives import FeatureDistillation
from keras_lt.objectives import LogitDistillation
from keras_lt.objectives import Robustness
from keras_lt.ops.robustness import BOUNDS

TEACHERS = 4
STEPS = 2
EXITS = ["first", "second"]


class Sizes:
    """Holds the sizes of a case, and makes features and labels of them.

    Args:
        batch_size: Number of examples of a step.
        num_classes: Number of classes.
        dim: Number of features.
        size: Number of examples whose logits are kept.
    """

    def __init__(
        self, batch_size: int, num_classes: int, dim: int, size: int
    ) -> None:
        self.batch_size = batch_size
        self.num_classes = num_classes
        self.dim = dim
        self.size = size
        self.counts = np.geomspace(1000, 2, num_classes).astype("int").tolist()
        self.generator = np.random.default_rng(0)

    def features(self, rows: int) -> np.ndarray:
        return self.generator.standard_normal((rows, self.dim), "float32")

    def labels(self, rows: int) -> np.ndarray:
        """Returns class ids; four of a class, as class-aware batches have."""
        ids = self.generator.permutation(self.num_classes)
        return np.resize(np.repeat(ids, 4), rows).astype("int32")

    def answers(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the logits of all images, some of them right, and labels."""
        labels = self.labels(self.size)
        shape = (self.size, self.num_classes)
        logits = self.generator.standard_normal(shape, "float32")
        logits[np.arange(self.size), labels] += 3.0
        return logits, labels

    def model(self, **kwargs: Any) -> models.LongTailModel:
        inputs = keras.Input((self.dim,))
        backbone = keras.Model(inputs, keras.layers.Identity()(inputs))
        return models.LongTailModel(backbone, self.num_classes, **kwargs)

    def exit_model(self, **kwargs: Any) -> models.EarlyExitModel:
        inputs = x = keras.Input((self.dim,))
        for name in (*EXITS, "third"):
            x = keras.layers.Identity(name=name)(x)
        return models.EarlyExitModel(
            keras.Model(inputs, x), EXITS, self.num_classes, **kwargs
        )

    def teachers(self) -> list[models.LongTailModel]:
        return [self.model() for _ in range(TEACHERS)]

    def student(self) -> models.LongTailModel:
        return self.model(projection_dim=TEACHERS * self.dim)

    def train(
        self,
        model: models.ClassificationModel,
        loss: keras.losses.Loss,
        terms: Any = (),
    ) -> None:
        """Takes the first two steps of a training."""
        rows = STEPS * self.batch_size
        model.compile(
            keras.optimizers.SGD(0.01, momentum=0.9),
            loss,
            metrics=self.metrics(),
            objectives=terms,
        )
        x, y = self.features(rows), self.labels(rows)
        model.fit(x, y, self.batch_size, shuffle=False, verbose=0)

    def metrics(self) -> list[keras.metrics.Metric]:
        return [
            metrics.GroupAccuracy(self.counts),
            metrics.BalancedAccuracy(self.num_classes),
            metrics.CalibrationError(self.counts),
        ]

    def crossentropy(self) -> keras.losses.Loss:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def cases() -> dict[str, Callable[[Sizes], None]]:
    """Returns what can be measured, by name."""
    found: dict[str, Callable[[Sizes], None]] = {
        "SparseCategoricalCrossentropy": lambda s: s.train(
            s.model(), s.crossentropy()
        )
    }
    for name in losses.__all__:
        found[name] = _loss_case(getattr(losses, name))
    for bound in BOUNDS:
        for kind in ("epoch", "moving_average"):
            name = f"Robustness, {bound}, centroids by {kind}"
            found[name] = _robust_case(bound=bound, centroids=kind)
    found["Robustness, squared_euclidean"] = _robust_case(
        distance="squared_euclidean", radius="learned"
    )
    return {
        **found,
        "FeatureDistillation, 4 teachers": lambda s: s.train(
            s.student(), s.crossentropy(), [FeatureDistillation(s.teachers())]
        ),
        "LogitDistillation, 4 teachers": lambda s: s.train(
            s.model(), s.crossentropy(), [LogitDistillation(s.teachers())]
        ),
        "EarlyExitModel, 3 exits": lambda s: s.train(
            s.exit_model(), losses.BalancedSoftmax(s.counts)
        ),
        "EarlyExitModel, ExitDistillation": lambda s: s.train(
            s.exit_model(),
            s.crossentropy(),
            [objectives.ExitDistillation()],
        ),
        "all three methods": _together,
        "predict, logits of all images": lambda s: _drop(
            s.model().predict(s.features(s.size), s.batch_size, verbose=0)
        ),
        "predict and evaluate, 3 exits": _evaluate,
        "report of all logits": lambda s: _drop(
            report.from_logits(*s.answers(), s.counts).to_dict()
        ),
        "choose_tau": lambda s: _drop(
            posthoc.choose_tau(*s.answers(), s.counts)
        ),
        "fit_temperature": lambda s: _drop(
            posthoc.fit_temperature(*s.answers(), s.counts)
        ),
        "estimate_prior": lambda s: _drop(
            posthoc.estimate_prior(s.answers()[0], s.counts)
        ),
        "choose_tau_normalization": lambda s: _drop(
            posthoc.choose_tau_normalization(
                s.model(), s.features(s.size), s.labels(s.size), s.counts
            )
        ),
        "NearestClassMean": _nearest_class_mean,
    }


def _drop(result: Any) -> None:
    """Takes what a case returns, which nobody needs."""


def _loss_case(loss: type[Any]) -> Callable[[Sizes], None]:
    def run(sizes: Sizes) -> None:
        arguments = () if loss is losses.Focal else (sizes.counts,)
        sizes.train(sizes.model(classifier="cosine"), loss(*arguments))

    return run


def _robust_case(**kwargs: Any) -> Callable[[Sizes], None]:
    def run(sizes: Sizes) -> None:
        term = Robustness(sizes.counts, **kwargs)
        sizes.train(sizes.model(), losses.BalancedSoftmax(sizes.counts), [term])

    return run


def _together(sizes: Sizes) -> None:
    sizes.train(
        sizes.exit_model(projection_dim=TEACHERS * sizes.dim),
        losses.BalancedSoftmax(sizes.counts),
        [
            Robustness(sizes.counts),
            FeatureDistillation(sizes.teachers(), logit_weight=1.0),
            objectives.ExitDistillation(),
        ],
    )


def _evaluate(sizes: Sizes) -> None:
    model = sizes.exit_model(threshold=0.5)
    model.compile("sgd", sizes.crossentropy(), metrics=sizes.metrics())
    rows = STEPS * sizes.batch_size
    x, y = sizes.features(rows), sizes.labels(rows)
    model.predict(x, sizes.batch_size, verbose=0)
    model.evaluate(x, y, batch_size=sizes.batch_size, verbose=0)


def _nearest_class_mean(sizes: Sizes) -> None:
    rows = max(sizes.size, sizes.num_classes)
    x, labels = sizes.features(rows), np.arange(rows) % sizes.num_classes
    layer = posthoc.NearestClassMean(sizes.num_classes)
    layer.adapt(x, labels)
    keras.Sequential([keras.Input((sizes.dim,)), layer]).predict(
        x, sizes.batch_size, verbose=0
    )


def peak_bytes() -> int:
    """Returns the most memory that this process has had in use.

    On Linux, `getrusage` begins with what the parent has had, `/proc` does not.
    """
    status = pathlib.Path("/proc/self/status")
    if status.exists():
        lines = status.read_text().splitlines()
        peak = next(one for one in lines if one.startswith("VmHWM:"))
        return 1024 * int(peak.split()[1])
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main(name: str, sizes: str, policy: str) -> None:
    keras.config.set_dtype_policy(policy)
    before, start = peak_bytes(), time.perf_counter()
    cases()[name](Sizes(**json.loads(sizes)))
    seconds = time.perf_counter() - start
    print(json.dumps({"start": before, "peak": peak_bytes(), "s": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
