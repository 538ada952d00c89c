"""Runs the stages of a training, and goes on where one stopped."""

import importlib.util
import os
import pathlib
import random
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_lt.callbacks import StopOnNaN
from keras_lt.data import Batches
from keras_lt.models import ClassificationModel
from keras_lt.models.restored_epoch import forget_restored_epoch
from keras_lt.replicas import process_name
from keras_lt.replicas import scope_of
from keras_lt.replicas import strategy_of
from keras_lt.replicas import sum_over_processes
from keras_lt.training.checkpoint import Checkpoint
from keras_lt.training.classifier_limits import ClassifierLimits
from keras_lt.training.classifier_start import ClassifierStart
from keras_lt.training.epoch_seed import EpochSeed
from keras_lt.training.epoch_seed import set_seed
from keras_lt.training.layer_selection import reset_layers
from keras_lt.training.layer_selection import set_trainable
from keras_lt.training.optimizer_state import continue_from
from keras_lt.training.optimizer_state import fresh_optimizer
from keras_lt.training.progress import Progress
from keras_lt.training.progress import Row
from keras_lt.training.stage import Stage
from keras_lt.training.stage import resolved
from keras_lt.training.stage_settings import first_change
from keras_lt.training.stage_settings import settings_of


def train(
    model: keras.Model,
    stages: Sequence[Stage],
    folder: str | os.PathLike[str] | None = None,
    resume: bool = True,
    csv: bool = True,
    tensorboard: bool = False,
    verbose: Any = "auto",
) -> list[Row]:
    """Trains a model in stages, and goes on after a crash.

    Each stage freezes what it does not train, compiles the model with a new
    optimizer, and calls `model.fit`. After each epoch and each stage the whole
    state is saved in `folder`. Called again with the same model, stages and
    folder, the training goes on at the epoch it was in, and ends with the same
    weights as one that was not stopped: exactly so on one machine with the
    same backend and number of threads, as far as the backend computes the same
    numbers twice (on a GPU, that has to be asked for). Stages with other
    names, epochs, optimizers, losses or objectives are refused, and `Batches`
    with another size, seed or sampler, or of other labels. What `batches`,
    callbacks and a schedule of the learning rate do has to follow from the
    epoch; `Batches` and the callbacks of this library see to that. The seeds
    of Python, NumPy and the backend are set at the start of each epoch
    (`keras.utils.set_random_seed`), to numbers that follow from Python's
    generator at the start of the training.

    A loss that is not finite ends the training, with the checkpoint of the
    last good epoch left as it was: see `callbacks.StopOnNaN`, also for how to
    go on without the steps at fault.

    Afterwards the model is as the last stage left it: what that stage froze
    is still frozen.

    Args:
        model: A Keras model that is built.
        stages: What to do, one after the other.
        folder: Where `checkpoint.npz` and the one before it,
            `history.csv` and logs for TensorBoard go. `None` writes
            nothing. Where several processes train together, each has a folder
            of its own there: `worker_0` and so on with TensorFlow,
            `process_0` with JAX.
        resume: Whether to go on from a checkpoint that is there. `False`
            removes it, and starts anew.
        csv: Whether to write the history as a table.
        tensorboard: Whether to log for TensorBoard. Takes the packages
            `tensorflow` and `tensorboard`, on any backend.
        verbose: As in `keras.Model.fit`.

    Returns:
        One row per epoch, those before a crash included: `stage`, `epoch`
        (from 0 in each stage), `seconds`, with validation and what callbacks
        do, and the logs of Keras.

    Raises:
        ValueError: If the stages do not fit together or the model, or the
            checkpoint is of another model or other stages.
        OSError: If the state cannot be saved.
        FloatingPointError: If the loss or the weights are not finite.
        ImportError: If `tensorboard` is asked for and not installed.

    Example:

    >>> from keras_lt.training import Stage, train
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    >>> examples = np.ones((8, 2), "float32"), np.arange(8) % 3
    >>> stage = Stage(
    ...     name="all",
    ...     epochs=2,
    ...     batches=keras_lt.data.Batches(examples, batch_size=4),
    ...     loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    ...     optimizer=keras.optimizers.SGD(0.1),
    ... )
    >>> history = train(model, [stage], verbose=0)
    >>> [(row["stage"], row["epoch"]) for row in history]
    [('all', 0), ('all', 1)]
    """
    _check_built(model)
    stages = resolved(stages)
    _check_classifiers(model, stages)
    if tensorboard:
        _check_tensorboard()
    run = _Run(model, stages, folder, csv, tensorboard, verbose)
    if run.checkpoint is not None and not resume:
        run.checkpoint.remove()
    return run.from_checkpoint()


class _Run:
    """One call of `train`."""

    def __init__(
        self,
        model: keras.Model,
        stages: list[Stage],
        folder: str | os.PathLike[str] | None,
        csv: bool,
        tensorboard: bool,
        verbose: Any,
    ) -> None:
        self.model = model
        self.stages = stages
        self.verbose = verbose
        strategy = strategy_of(model)
        self.folder: pathlib.Path | None = None
        if folder is not None:
            process = process_name(strategy) or ""
            self.folder = pathlib.Path(folder) / process
        self.checkpoint: Checkpoint | None = None
        self.tensorboard = tensorboard
        csv_path = None
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.checkpoint = Checkpoint(self.folder / "checkpoint.npz")
            csv_path = self.folder / "history.csv" if csv else None
        drawn = np.array(float(random.randrange(2**31)))
        # One for all processes, as layers may be reset.
        seed = int(sum_over_processes(drawn, strategy)) % 2**31
        self.progress = Progress(
            history=[],
            stages=[[stage.name, stage.epochs] for stage in stages],
            settings=[settings_of(stage) for stage in stages],
            seed=seed,
            checkpoint=self.checkpoint,
            csv_path=csv_path,
        )

    def from_checkpoint(self) -> list[Row]:
        """Goes on where the checkpoint was saved, if there is one."""
        checkpoint = self.checkpoint
        if checkpoint is None:
            return self.stages_from(0)
        checkpoint.remove_unfinished()
        done = self._read_progress(checkpoint)
        saves = _saves(done)
        common = self._least_of_processes(saves)
        if done and saves > common > 0:
            checkpoint.step_back()
            done = self._read_progress(checkpoint)
        if not done or not common:
            return self.stages_from(0)
        index = done["stage"]
        stage = self.stages[index]
        self._compile(stage)
        checkpoint.restore(self.model)
        self.progress.seed = done["seed"]
        self.progress.history.extend(done["history"])
        self.progress.write_csv()
        if not done["stage_finished"]:
            self._fit(index, first_epoch=done["epochs_done"])
        return self.stages_from(index + 1)

    def _read_progress(self, checkpoint: Checkpoint) -> dict[str, Any] | None:
        """Returns what the checkpoint tells, or None if there is none."""
        if not checkpoint.exists():
            return None
        done = checkpoint.read_progress()
        self._check_plan(done["plan"])
        # Earlier checkpoints lack them.
        self._check_settings(done.get("settings", []))
        return done

    def _least_of_processes(self, saves: int) -> int:
        """Returns how often all processes have saved.

        Where one is killed, another may have saved once more.
        """
        saved = np.zeros(1 + sum(stage.epochs + 1 for stage in self.stages))
        saved[saves] = 1.0
        total = sum_over_processes(saved, strategy_of(self.model))
        return int(np.flatnonzero(total)[0])

    def stages_from(self, index: int) -> list[Row]:
        """Runs the stages from one on, each from its first epoch."""
        for number, stage in enumerate(self.stages[index:], start=index):
            old = self.model.optimizer if number > 0 else None
            old_variables = list(self.model.trainable_variables)
            set_seed(self.progress.seed, number)
            reset_layers(self.model, stage.reset)
            self._compile(stage)
            if stage.continue_optimizer and old is not None:
                continue_from(
                    self.model.optimizer,
                    self.model.trainable_variables,
                    old,
                    old_variables,
                )
            self._fit(number, first_epoch=0)
        return self.progress.history

    def _compile(self, stage: Stage) -> None:
        set_trainable(self.model, stage.trainable)
        options = dict(stage.compile_options)
        takes_objectives = isinstance(self.model, ClassificationModel)
        # To have none of them is all that other models can do.
        if stage.objectives or (
            takes_objectives and stage.objectives is not None
        ):
            options["objectives"] = stage.objectives
        with scope_of(self.model):
            self.model.compile(
                optimizer=fresh_optimizer(stage.optimizer),
                loss=stage.loss,
                metrics=stage.metrics,
                **options,
            )
            self.model.optimizer.build(self.model.trainable_variables)

    def _fit(self, index: int, first_epoch: int) -> None:
        stage = self.stages[index]
        self.progress.enter(index, first_epoch)
        forget_restored_epoch(self.model)
        try:
            self.model.fit(
                stage.batches,
                epochs=stage.epochs,
                initial_epoch=first_epoch,
                validation_data=stage.validation,
                callbacks=self._callbacks(index),
                # Keras would mix the batches by a generator of its own.
                shuffle=False,
                verbose=self.verbose,
            )
        finally:
            # Keras does not end callbacks where a training fails.
            for one in stage.callbacks:
                if isinstance(one, ClassifierLimits):
                    one.lift()
        # Of several processes, none is ahead of another by two saves.
        sum_over_processes(np.zeros(1), strategy_of(self.model))
        self.progress.finish_stage(self.model)

    def _callbacks(self, index: int) -> list[keras.callbacks.Callback]:
        stage = self.stages[index]
        seeds = EpochSeed(self.progress.seed, index)
        callbacks = [seeds, *stage.callbacks]
        adds_callback = isinstance(self.model, ClassificationModel)
        if isinstance(stage.batches, Batches) and not adds_callback:
            callbacks.insert(0, stage.batches.callback())
        if self.tensorboard and self.folder is not None:
            folder = self.folder / "tensorboard" / stage.name
            callbacks.append(keras.callbacks.TensorBoard(str(folder)))
        return [*callbacks, StopOnNaN(), self.progress]

    def _check_plan(self, saved: list[list[Any]]) -> None:
        stages = self.progress.stages
        if saved != stages:
            self._refuse(_plan_text(stages), _plan_text(saved))

    def _check_settings(self, saved: list[dict[str, Any]]) -> None:
        found = first_change(saved, self.progress.settings)
        if found:
            number, name, old, new = found
            stage = self.stages[number].name
            self._refuse(f"{name}={new!r} in stage {stage!r}", f"{old!r}")

    def _refuse(self, asked_for: str, saved: str) -> None:
        raise ValueError(
            "A training must go on with the stages it was started with. "
            f"Received: {asked_for}; the checkpoint in {str(self.folder)!r} "
            f"has {saved}. Use another folder, or pass `resume=False` to start "
            "anew."
        )


def _saves(done: dict[str, Any] | None) -> int:
    """Returns how often a training has saved: after each epoch and stage."""
    if done is None:
        return 0
    return len(done["history"]) + done["stage"] + int(done["stage_finished"])


def _plan_text(plan: list[list[Any]]) -> str:
    return ", ".join(f"{name!r} of {epochs} epochs" for name, epochs in plan)


def _check_built(model: keras.Model) -> None:
    if not model.built:
        raise ValueError(
            "A model must have its variables before training. Received: model "
            f"{model.name!r}, which is not built. Call it on a batch, or "
            "`model.build(input_shape)`, first."
        )


def _check_classifiers(model: keras.Model, stages: Sequence[Stage]) -> None:
    for stage in stages:
        for one in stage.callbacks:
            if isinstance(one, ClassifierStart):
                one.check(model)


def _check_tensorboard() -> None:
    for package in ("tensorflow", "tensorboard"):
        if importlib.util.find_spec(package) is None:
            raise ImportError(
                "`tensorboard=True` needs the packages tensorflow and "
                f"tensorboard. Received: {package} is not installed. Run `pip "
                "install tensorflow tensorboard`."
            )
