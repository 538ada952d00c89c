"""A metric of the answer at full depth, beside that of early exits."""

from typing import Any

import keras

from keras_lt.types import Tensor

_BY_NAME = {
    "accuracy": keras.metrics.SparseCategoricalAccuracy,
    "acc": keras.metrics.SparseCategoricalAccuracy,
}


class FullDepthMetric(keras.metrics.Metric):
    """Logs a copy of a metric under its name with a prefix before it."""

    def __init__(self, metric: Any) -> None:
        copy = _copy(metric)
        super().__init__(name=f"full_{copy.name}", dtype="float32")
        self.copy = copy
        self.prefix = "full_"

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor = None
    ) -> None:
        self.copy.update_state(y_true, y_pred, sample_weight)

    def result(self) -> dict[str, Tensor]:
        result = self.copy.result()
        if not isinstance(result, dict):
            result = {self.copy.name: result}
        return {f"{self.prefix}{name}": value for name, value in result.items()}

    def reset_state(self) -> None:
        self.copy.reset_state()


def _copy(metric: Any) -> keras.metrics.Metric:
    """Returns a metric of class ids and logits, with a state of its own."""
    if metric in _BY_NAME:
        return _BY_NAME[metric](name=metric)
    if isinstance(metric, keras.metrics.Metric):
        return type(metric).from_config(metric.get_config())
    if isinstance(metric, str):
        metric = keras.metrics.get(metric)
    if isinstance(metric, keras.metrics.Metric):
        return metric
    return keras.metrics.MeanMetricWrapper(metric, name=metric.__name__)
