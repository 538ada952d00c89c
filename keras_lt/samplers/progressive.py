"""From the classes as they occur to balanced ones, epoch by epoch."""

from typing import Any

import numpy as np

from keras_lt.registration import serializable
from keras_lt.samplers._drawing import class_draws
from keras_lt.samplers._drawing import cycles
from keras_lt.samplers.class_index import ClassIndex
from keras_lt.samplers.sampler import Sampler
from keras_lt.validation import check_positive_int


@serializable
class Progressive(Sampler):
    """Moves from the classes as they occur to balanced ones over training.

    In epoch `e`, each of the `n` draws takes class `c` with probability

    ```
    t / C + (1 - t) * n_c / n        with t = e / (epochs - 1)
    ```

    where `C` counts the classes that have examples. Within a class, examples
    come in turn: all of them in a random order, then again in another, so that
    their numbers of draws in an epoch differ by one at most. The epoch is
    shuffled as a whole. Epochs after the last one stay balanced (`t = 1`).

    Args:
        epochs: Number of epochs of the training. With 1 epoch, `t` is 0.

    Example:

    >>> labels = np.repeat([0, 1], [9900, 100])
    >>> sampler = keras_lt.samplers.Progressive(epochs=10)
    >>> rows = sampler(labels, seed=0, epoch=9)
    >>> 0.48 < labels[rows].mean() < 0.52
    np.True_

    Reference:

    - [Kang et al., 2020](https://arxiv.org/abs/1910.09217), equation 2.
    """

    def __init__(self, epochs: int):
        self.epochs = check_positive_int("epochs", epochs)

    def draw(
        self, index: ClassIndex, generator: np.random.Generator, epoch: int
    ) -> np.ndarray:
        balance = min(epoch / max(self.epochs - 1, 1), 1.0)
        balanced = (index.counts > 0) / np.count_nonzero(index.counts)
        as_is = index.counts / len(index)
        weights = balance * balanced + (1 - balance) * as_is
        draws = class_draws(index, weights, generator)
        rows = np.empty(len(index), dtype="int32")
        end = 0
        for _, own in cycles(index, draws, generator):
            rows[end : end + len(own)] = own
            end += len(own)
        generator.shuffle(rows)
        return rows

    def get_config(self) -> dict[str, Any]:
        return {"epochs": self.epochs}
