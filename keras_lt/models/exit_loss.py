"""How the losses of the exits add up in training."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_lt.models.exit_settings import check_exit_weights
from keras_lt.models.exit_settings import find_criterion
from keras_lt.models.exit_settings import read_setting
from keras_lt.ops import early_exit
from keras_lt.types import Tensor
from keras_lt.validation import check_choice
from keras_lt.validation import check_thresholds

NORMALIZERS = ("batch_weight", "batch", "survivors")

Mean = Callable[..., Tensor]
"""Takes values `(batch,)` and maybe weights, and returns their mean."""


class ExitLoss(keras.layers.Layer):
    """Counts an example at each exit up to the one at which it leaves.

    It owns what decides that, as weights, so that a compiled step sees when
    they change.

    Args:
        num_exits: Number of exits.
        training_threshold: As in `EarlyExitModel`, like the others.
        criterion: What an example must reach to leave.
        exit_weights: Weight of the loss at each exit.
        normalizer: What the sum over a batch is divided by.
    """

    def __init__(
        self,
        num_exits: int,
        training_threshold: float | Sequence[float],
        criterion: Any,
        exit_weights: Sequence[float] | None,
        normalizer: str,
    ) -> None:
        super().__init__(name="exit_loss", dtype="float32")
        self.num_exits = num_exits
        self.criterion = criterion
        self._criterion = find_criterion(criterion)
        self.normalizer = check_choice("normalizer", normalizer, NORMALIZERS)
        self.thresholds = self._add_setting("thresholds", num_exits - 1)
        self.exit_weights = self._add_setting("exit_weights", num_exits)
        self.threshold = training_threshold
        self.exit_weights.assign(check_exit_weights(exit_weights, num_exits))
        self.built = True

    @property
    def threshold(self) -> list[float]:
        """Threshold of each exit but the last."""
        return read_setting(self.thresholds)

    @threshold.setter
    def threshold(self, value: float | Sequence[float]) -> None:
        size = self.num_exits - 1
        self.thresholds.assign(
            check_thresholds("training_threshold", value, size)
        )

    def alive(self, labels: Tensor, exit_logits: Tensor) -> Tensor:
        """Returns 1 where an example counts, `(batch, exits)`."""
        scores = early_exit.exit_scores(exit_logits, labels, self._criterion)
        thresholds = ops.convert_to_tensor(self.thresholds)
        return early_exit.alive(scores, thresholds)

    def total(
        self, values: Tensor, alive: Tensor, weights: Tensor, mean: Mean
    ) -> Tensor:
        """Returns the loss of a batch as a scalar.

        Args:
            values: Loss of each example at each exit, `(batch, exits)`.
            alive: Where it counts, `(batch, exits)`.
            weights: Weight of each example, `(batch,)`.
            mean: The reduction over examples.
        """
        exit_weights = ops.convert_to_tensor(self.exit_weights)
        if self.normalizer == "survivors":
            means = [
                mean(values[:, k], weights * alive[:, k])
                for k in range(self.num_exits)
            ]
            return ops.sum(exit_weights * ops.stack(means))
        by_example = ops.sum(exit_weights * alive * values, axis=1)
        if self.normalizer == "batch":
            return mean(weights * by_example)
        return mean(by_example, weights)

    def _add_setting(self, name: str, size: int) -> keras.Variable:
        return self.add_weight(
            name=name, shape=(size,), initializer="ones", trainable=False
        )
