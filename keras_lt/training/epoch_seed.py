"""Makes what is random in an epoch follow from its number."""

from typing import Any

import keras
import numpy as np


class EpochSeed(keras.callbacks.Callback):
    """Sets all global seeds at the start of each epoch.

    Not every random number comes from a generator that a model holds: on
    PyTorch, a dropout layer without a seed draws from the global one. A
    training that goes on in the middle finds it as it would have been.

    Args:
        seed: The seed of the training.
        stage: The number of the stage.
    """

    def __init__(self, seed: int, stage: int) -> None:
        super().__init__()
        self.seed = seed
        self.stage = stage

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Sets the seeds of this epoch."""
        set_seed(self.seed, self.stage, epoch + 1)


def set_seed(seed: int, stage: int, epoch: int = 0) -> None:
    """Sets the seeds of Python, NumPy and the backend for an epoch.

    Args:
        seed: The seed of the training.
        stage: The number of the stage.
        epoch: Counted from 1; 0 is the start of the stage.
    """
    sequence = np.random.SeedSequence([seed, stage, epoch])
    keras.utils.set_random_seed(int(sequence.generate_state(1)[0]))
