"""The metrics of a model with exits, beyond those of its early answer."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_lt.metrics import ExitShares
from keras_lt.models.full_depth_metric import FullDepthMetric
from keras_lt.types import Outputs
from keras_lt.types import Tensor
from keras_lt.validation import check_counts_of_model


class ExitMetrics:
    """Holds the metrics at full depth, the exit shares and the hard share.

    It is no Keras object, so that the state of metrics is not saved with the
    weights of the model, which must load into a model of other metrics.

    Args:
        num_exits: Number of exits of the model.
        num_classes: Number of its classes.
        metrics: What `compile` was given as `metrics`.
        weighted_metrics: What it was given as `weighted_metrics`.
    """

    def __init__(
        self,
        num_exits: int,
        num_classes: int,
        metrics: Sequence[Any] = (),
        weighted_metrics: Sequence[Any] = (),
    ) -> None:
        self.given = list(metrics)
        shares = [m for m in metrics if isinstance(m, ExitShares)]
        for one in shares:
            _check_shares(one, num_exits, num_classes)
        self.shares = shares or [ExitShares(num_exits)]
        self.early = [m for m in metrics if m not in shares]
        self.full = [FullDepthMetric(metric) for metric in self.early]
        self.weighted = [FullDepthMetric(one) for one in weighted_metrics]
        names = {metric.name for metric in self.full}
        for metric in self.weighted:
            if metric.name in names:  # Keras tells its own apart likewise.
                metric.prefix = "full_weighted_"
        self.hard_share = keras.metrics.Mean(name="hard_share", dtype="float32")

    @property
    def items(self) -> list[keras.metrics.Metric]:
        """All of them, in the order in which they are logged."""
        return [*self.full, *self.weighted, *self.shares, self.hard_share]

    def update(
        self, ids: Tensor, outputs: Outputs, sample_weight: Tensor | None
    ) -> None:
        """Takes a batch in, but for the hard share."""
        full = outputs["exits"][:, -1]
        for metric in self.full:
            metric.update_state(ids, full)
        for metric in self.weighted:
            metric.update_state(ids, full, sample_weight)
        for metric in self.shares:
            metric.update_state(ids, outputs["leaves_at"])


def _check_shares(metric: ExitShares, num_exits: int, num_classes: int) -> None:
    if metric.class_counts is not None:
        check_counts_of_model(metric.class_counts, num_classes)
    if metric.num_exits != num_exits:
        raise ValueError(
            "`ExitShares` must know the number of exits of the model, "
            f"{num_exits}, the last one included. Received: "
            f"num_exits={metric.num_exits}."
        )
