"""Keeps the history and the state of a training after each epoch and stage."""

import csv
import pathlib
import time
from typing import Any

import keras

from keras_lt.file_writing import replacing
from keras_lt.training.checkpoint import Checkpoint

Row = dict[str, Any]
"""Stage, epoch, seconds and logs of one epoch."""


class Progress(keras.callbacks.Callback):
    """Adds a row per epoch to the history, and saves the training.

    Comes last in the list of callbacks, so that what the others do at the end
    of an epoch is saved, too. What they and the optimizer do at the end of
    `fit`, such as to restore the best weights, is saved by `finish_stage`.

    Args:
        history: The rows so far; added to.
        stages: Name and epochs of each stage.
        settings: What each stage is trained with.
        seed: What the seeds of the epochs are made of.
        checkpoint: Where the state goes, or `None`.
        csv_path: Where the history goes as a table, or `None`.
    """

    def __init__(
        self,
        history: list[Row],
        stages: list[list[Any]],
        settings: list[dict[str, Any]],
        seed: int,
        checkpoint: Checkpoint | None,
        csv_path: pathlib.Path | None,
    ) -> None:
        super().__init__()
        self.history = history
        self.stages = stages
        self.settings = settings
        self.seed = seed
        self.checkpoint = checkpoint
        self.csv_path = csv_path
        self._stage = 0
        self._epochs_done = 0
        self._started = 0.0

    def enter(self, stage: int, first_epoch: int) -> None:
        """Starts the clock of a stage, some epochs of which may be done."""
        self._stage = stage
        self._epochs_done = first_epoch
        self._started = time.perf_counter()

    def finish_stage(self, model: keras.Model) -> None:
        """Saves what `fit` has left."""
        self._save(model, finished=True)

    def on_epoch_end(self, epoch: int, logs: Row | None = None) -> None:
        """Writes what there is."""
        name, epochs = self.stages[self._stage]
        seconds = round(time.perf_counter() - self._started, 3)
        values = {key: _plain(value) for key, value in (logs or {}).items()}
        self.history.append(
            {"stage": name, "epoch": epoch, "seconds": seconds, **values}
        )
        # A stage that was stopped has no epochs left to go on with.
        self._epochs_done = epochs if self.model.stop_training else epoch + 1
        self._save(self.model, finished=False)
        self.write_csv()
        self._started = time.perf_counter()

    def _save(self, model: keras.Model, finished: bool) -> None:
        if self.checkpoint is None:
            return
        progress = {
            "plan": self.stages,
            "settings": self.settings,
            "seed": self.seed,
            "stage": self._stage,
            "epochs_done": self._epochs_done,
            "stage_finished": finished,
            "history": self.history,
        }
        self.checkpoint.save(model, progress)

    def write_csv(self) -> None:
        """Writes the whole history, so that no epoch is in it twice."""
        if self.csv_path is None or not self.history:
            return
        columns = list(
            dict.fromkeys(key for row in self.history for key in row)
        )
        with (
            replacing(self.csv_path) as partial,
            open(partial, "w", newline="") as file,
        ):
            writer = csv.DictWriter(file, list(columns))
            writer.writeheader()
            writer.writerows(self.history)


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | str) else float(value)
