"""A network with exits that teaches itself."""

from typing import Any

from keras import ops

from keras_lt.objectives.objective import Objective
from keras_lt.ops.distillation import kl_divergences
from keras_lt.registration import serializable
from keras_lt.types import Config
from keras_lt.types import Tensor
from keras_lt.validation import check_positive


@serializable
class ExitDistillation(Objective):
    """Makes the early exits of a model predict what its last exit predicts.

    The last exit has seen all of the network. It is a teacher at no cost: with
    the logits `z_k` at exit `k` of `K`, the term of an example is ::

        mean over k < K of T**2 * KL(softmax(z_K / T) || softmax(z_k / T))

    and no gradient goes through `z_K`.

    Args:
        weight: Factor on the term, 0 or greater.
        temperature: `T`, greater than 0.
        base_weight: Factor on the classification loss, 0 or greater.
        **kwargs: `name`.

    Raises:
        ValueError: If an argument is out of range, or, in `compile`, the model
            has no early exit.

    Example:

    >>> from keras_lt import losses, models, objectives
    >>> model = models.EarlyExitModel(
    ...     models.resnet20((8, 8, 1)), exits=["stage_1"], num_classes=3
    ... )
    >>> model.compile(
    ...     "sgd",
    ...     loss=losses.BalancedSoftmax([90, 9, 1]),
    ...     objectives=[objectives.ExitDistillation(weight=0.5)],
    ... )

    Reference:

    - Phuong and Lampert, 2019. Distillation-Based Training for Multi-Exit
      Architectures. ICCV.
    """

    def __init__(
        self,
        weight: float = 1.0,
        temperature: float = 2.0,
        base_weight: float = 1.0,
        **kwargs: Any,
    ):
        super().__init__(weight, base_weight, None, **kwargs)
        self.temperature = check_positive("temperature", temperature)

    def build(self, input_shape: Any) -> None:
        self.built = True

    def call(
        self,
        features: Tensor,
        labels: Tensor,
        *,
        x: Tensor = None,
        y: Tensor = None,
        outputs: Any = None,
    ) -> Tensor:
        """Returns the mean over the early exits, `(batch,)`."""
        logits = outputs["exits"]
        last = ops.stop_gradient(logits[:, -1:])
        divergences = kl_divergences(logits[:, :-1], last, self.temperature)
        return ops.mean(divergences, axis=1)

    def get_config(self) -> Config:
        config = {**super().get_config(), "temperature": self.temperature}
        del config["features"]  # It reads none.
        return config
