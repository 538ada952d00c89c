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
    found = keras.metrics.get(metric)
    if not isinstance(found, keras.metrics.Metric):
        name = getattr(found, "name", None) or found.__name__
        return keras.metrics.MeanMetricWrapper(found, name=name)
    if found is not metric:  # Made just now, of a name or a class.
        return found
    try:
        return type(metric).from_config(metric.get_config())
    except (TypeError, ValueError) as error:
        raise ValueError(
            "A metric of a model with exits must come back from its "
            "configuration, as full depth has a copy. Received: "
            f"{metric.name!r}, a {type(metric).__name__}. Give it a "
            "`get_config` with all arguments of its `__init__`, and register "
            "what it wraps with Keras."
        ) from error
