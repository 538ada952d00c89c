"""Brings the centroids of an objective up to date before each epoch."""

from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_lt.class_statistics import ClassStatistics
from keras_lt.counts import class_groups
from keras_lt.data.epoch_data import EpochData
from keras_lt.data.padded_prediction import predict_batches
from keras_lt.distribution import on_own_devices
from keras_lt.replicas import strategy_of
from keras_lt.replicas import sum_over_processes

_MEASURED_BATCHES = 20
"""So many batches of an epoch, or up to twice as many, are classified by their
nearest centroid."""

_Batch = tuple[np.ndarray, np.ndarray]


class CentroidRefresh(keras.callbacks.Callback):
    """Passes over the data before each epoch, and logs what it finds.

    The pass is in evaluation mode, and keeps sums of features, and features of
    a few batches. All follows from the weights and the epoch, so that a
    training that goes on after a crash goes on as if nothing had happened.

    Args:
        objective: The `Robustness` that it belongs to.
        data: What to pass over, or None to log radii only.
    """

    def __init__(self, objective: Any, data: EpochData | None) -> None:
        super().__init__()
        self.objective = objective
        self.data = data
        self._feature_model: Any = None
        self._found: dict[str, float] = {}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Compiles the pass anew, as layers may have been frozen since."""
        if self.data is not None:
            model = self.model.feature_model(self.objective.features)
            # Maps are pooled where they are: they are large.
            pooled = self.objective.pooling(model.output)
            pooled_model = keras.Model(model.input, pooled)
            self._feature_model = on_own_devices(pooled_model)

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Refreshes the centroids, and measures."""
        if self.data is None:
            return
        self.data.set_epoch(epoch)
        objective = self.objective
        statistics, measured = self._pass()
        unknown = not keras.ops.convert_to_numpy(objective.known).any()
        if unknown or objective.centroid_kind == "epoch":
            objective.set_centroids(statistics.means, statistics.known)
        self._found = {
            **self._by_group(
                "distance", statistics.distances, statistics.known
            ),
            **self._by_group("nearest", *self._nearest(measured)),
        }

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Adds to the logs, which the history and other callbacks get."""
        if logs is None:
            return
        radii, name = self.objective.current_radii(), self.objective.name
        logs.update(
            {
                f"{name}_radius_min": float(radii.min()),
                f"{name}_radius_mean": float(radii.mean()),
                f"{name}_radius_max": float(radii.max()),
                **self._found,
            }
        )

    def _pass(self) -> tuple[ClassStatistics, list[_Batch]]:
        """Returns sums over all the data, and batches spread over them."""
        statistics = ClassStatistics(*self.objective.centroids.shape)
        spread: list[_Batch] = []
        stride = 1
        for number, batch in enumerate(self._features()):
            statistics.add(*batch)
            if number % stride == 0:
                spread.append(batch)
            if len(spread) == 2 * _MEASURED_BATCHES:
                spread, stride = spread[::2], 2 * stride
        statistics.add_up(self._over_processes)
        return statistics, spread

    def _nearest(
        self, batches: Iterable[_Batch]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the accuracy of each class, and which were looked at."""
        centroids = self.objective.points_of(self.objective.centroids)
        known = keras.ops.convert_to_numpy(self.objective.known) > 0
        offsets = np.where(known, np.square(centroids).sum(axis=1), np.inf)
        hits, seen = np.zeros((2, len(centroids)))
        for features, labels in batches:
            scores = features @ centroids.T - 0.5 * offsets
            np.add.at(hits, labels, scores.argmax(axis=1) == labels)
            np.add.at(seen, labels, 1.0)
        hits, seen = self._over_processes(np.stack([hits, seen]))
        return hits / np.maximum(seen, 1.0), seen > 0

    def _over_processes(self, values: np.ndarray) -> np.ndarray:
        """Adds up what processes have, of a share each."""
        return sum_over_processes(values, strategy_of(self.model))

    def _features(self) -> Iterator[_Batch]:
        """Yields features `(n, dim)` and class ids, batch by batch."""
        if self.data is None or self._feature_model is None:
            return
        batches = self.data.batches(self.params.get("steps"))
        for features, labels in predict_batches(self._feature_model, batches):
            yield self.objective.points_of(features), labels

    def _by_group(
        self, what: str, values: np.ndarray, seen: np.ndarray
    ) -> dict[str, float]:
        """Returns the means of groups, of the classes that were seen."""
        groups = class_groups(self.objective.class_counts)
        return {
            f"{self.objective.name}_{what}_{group}": float(
                values[labels[seen[labels]]].mean()
            )
            for group, labels in groups.items()
            if seen[labels].any()
        }
