"""What regularizers add to a loss."""

from collections.abc import Sequence

from keras import ops

from keras_lt.models.weighted_mean import weighted_mean
from keras_lt.types import Tensor


def with_penalties(total: Tensor, penalties: Sequence[Tensor]) -> Tensor:
    """Returns a loss with the `losses` of a model, of any shape, added."""
    if not penalties:
        return total
    penalty = ops.sum(ops.stack([ops.sum(one) for one in penalties]))
    return total + weighted_mean(ops.reshape(penalty, (1,)))
