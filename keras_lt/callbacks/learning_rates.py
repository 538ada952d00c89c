"""Learning rates by the epoch, as the recipes of the field have them.

Each function returns a function from the epoch, counted from 0, to the rate:
what `keras.callbacks.LearningRateScheduler` takes.
"""

import math
from collections.abc import Callable
from collections.abc import Mapping

from keras_lt.validation import check_not_negative
from keras_lt.validation import check_not_negative_int
from keras_lt.validation import check_positive
from keras_lt.validation import check_positive_int


def step_schedule(
    learning_rate: float,
    factors: Mapping[int, float],
    warmup_epochs: int = 0,
) -> Callable[[int], float]:
    """Returns a rate that warms up, stays, and drops after given epochs.

    Args:
        learning_rate: The rate between warm-up and the first drop.
        factors: Maps a number of finished epochs to what `learning_rate` is
            multiplied by from there on. The factors do not multiply each
            other.
        warmup_epochs: Number of epochs in which the rate grows in equal steps.
            The first epoch has one step, the last one `learning_rate`.

    Returns:
        A function from the epoch, counted from 0, to the learning rate.

    Raises:
        ValueError: If the rate is not positive, or a factor or an epoch is
            negative.

    Example:

    The recipe of LDAM, 200 epochs:

    >>> rate = step_schedule(0.1, {160: 0.01, 180: 0.0001}, warmup_epochs=5)
    >>> [round(rate(epoch), 8) for epoch in (0, 4, 5, 159, 160, 180)]
    [0.02, 0.1, 0.1, 0.1, 0.001, 1e-05]
    >>> callback = keras.callbacks.LearningRateScheduler(rate)

    Reference:

    - [Cao et al., 2019](https://arxiv.org/abs/1906.07413), section 4.
    """
    check_positive("learning_rate", learning_rate)
    check_not_negative_int("warmup_epochs", warmup_epochs)
    drops = sorted(factors.items())
    for epoch, factor in drops:
        check_not_negative("factors", epoch)
        check_not_negative("factors", factor)

    def rate(epoch: int) -> float:
        if epoch < warmup_epochs:
            return learning_rate * (epoch + 1) / warmup_epochs
        passed = [factor for start, factor in drops if epoch >= start]
        return learning_rate * (passed[-1] if passed else 1.0)

    return rate


def cosine_schedule(
    learning_rate: float, epochs: int, warmup_epochs: int = 0
) -> Callable[[int], float]:
    """Returns a rate that warms up and then falls to 0 along half a cosine.

    Args:
        learning_rate: The rate of the first epoch after the warm-up.
        epochs: Number of epochs of the training. 0 would be reached in the
            epoch after the last.
        warmup_epochs: Number of epochs in which the rate grows in equal steps.
            The first epoch has one step, the last one `learning_rate`.

    Returns:
        A function from the epoch, counted from 0, to the learning rate.

    Raises:
        ValueError: If the rate is not positive, or the warm-up is not shorter
            than the training.

    Example:

    >>> rate = cosine_schedule(0.2, epochs=90)
    >>> [round(rate(epoch), 4) for epoch in (0, 45, 89)]
    [0.2, 0.1, 0.0001]

    Reference:

    - [Kang et al., 2020](https://arxiv.org/abs/1910.09217), section 5.1.
    """
    check_positive("learning_rate", learning_rate)
    check_positive_int("epochs", epochs)
    check_not_negative_int("warmup_epochs", warmup_epochs)
    if warmup_epochs >= epochs:
        raise ValueError(
            "`warmup_epochs` must be smaller than `epochs`. Received: "
            f"warmup_epochs={warmup_epochs}, epochs={epochs}. Warm up for "
            "about 5 of 100 epochs."
        )

    def rate(epoch: int) -> float:
        if epoch < warmup_epochs:
            return learning_rate * (epoch + 1) / warmup_epochs
        done = min((epoch - warmup_epochs) / (epochs - warmup_epochs), 1.0)
        return learning_rate * (1 + math.cos(math.pi * done)) / 2

    return rate
