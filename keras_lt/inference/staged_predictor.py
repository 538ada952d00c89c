"""Runs a network stage by stage, and stops for each example at its exit."""

import time
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_lt.graph.layer_tree import constants_of
from keras_lt.inference._engine.buckets import power_of_two_from
from keras_lt.inference._engine.devices import running_device
from keras_lt.inference._engine.exit_log import ExitLog
from keras_lt.inference._engine.flow import Flow
from keras_lt.inference._engine.flow import Stage
from keras_lt.inference._engine.progress import callback_list
from keras_lt.inference._engine.progress import watched
from keras_lt.inference._engine.repacking import full_batches
from keras_lt.inference._engine.sources import open_source
from keras_lt.inference._engine.stage_function import stage_function
from keras_lt.inference._engine.stage_function import variables_of
from keras_lt.inference._engine.stage_timing import noise
from keras_lt.inference._engine.stage_timing import time_stages
from keras_lt.inference.staged_answer import StagedAnswer
from keras_lt.keras_rules import default_batch_size
from keras_lt.validation import check_positive_int


class StagedPredictor:
    """Answers with the first exit that is sure, and does no work after it.

    Each stage is compiled on its own. Examples that stay are kept where they
    were computed, on the GPU if there is one, and wait there until the next
    stage has a full batch. So every stage runs on full batches, few shapes are
    compiled, and memory depends on the batch size, not on the number of
    examples; only the answers grow with it.

    Weights and thresholds are read at each call. Batch normalization uses its
    moving statistics, and dropout is off.

    Args:
        stages: Built layers or models in order: the first takes images, each
            of the others the features that the one before gave.
        branches: One layer per stage, which makes logits `(batch, classes)`,
            ready for softmax, of its features.
        thresholds: Tracked variable of shape `(len(stages) - 1,)`. An example
            leaves at the first exit whose score is greater than its threshold,
            and at the last exit if there is none.
        measure: The score: `"confidence"`, the largest softmax probability, or
            `"entropy"`, 1 less the entropy as a share of its maximum.
        image_shape: Of one example, to check what comes; `None` anywhere is
            any size. By default that of the first stage.

    Raises:
        ValueError: If there are not as many branches as stages, or not one
            threshold less.

    Example:

    >>> def built(inputs, outputs):
    ...     return keras.Sequential(
    ...         [keras.Input((inputs,)), keras.layers.Dense(outputs)]
    ...     )
    >>> predictor = keras_lt.inference.StagedPredictor(
    ...     stages=[built(4, 8), built(8, 6)],
    ...     branches=[built(8, 3), built(6, 3)],
    ...     thresholds=keras.Variable([0.0]),
    ... )
    >>> answer = predictor.run(np.zeros((5, 4)), verbose=0)
    >>> answer.logits.shape, answer.exits.tolist()
    ((5, 3), [1, 1, 1, 1, 1])
    """

    def __init__(
        self,
        stages: Sequence[keras.layers.Layer],
        branches: Sequence[keras.layers.Layer],
        thresholds: keras.Variable,
        measure: str = "confidence",
        image_shape: tuple[int | None, ...] | None = None,
    ):
        _check_lengths(stages, branches, thresholds)
        self.stages = list(stages)
        self.branches = list(branches)
        self.thresholds = thresholds
        self.measure = measure
        self.image_shape = image_shape or _shape_of_images(stages[0])
        self._device = running_device()
        self._compiled: list[Stage] = []
        self._key: Any = None
        self._read: Any = None  # Kept, so that no other takes its `id`.

    def run(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
        model: keras.Model | None = None,
    ) -> StagedAnswer:
        """Returns the answers for `x`, in its order.

        Args:
            x: An array of images or a lazy source of them; or batches: a
                `PyDataset` such as `data.Batches`, a `tf.data.Dataset`, a
                `DataLoader`, a generator. Their batches may have any sizes,
                and labels and weights beside the images, which are ignored.
            batch_size: Number of examples that a stage takes at a time,
                whatever the size of the batches of `x`. By default that of
                `Batches` or a `DataLoader`, which say it, and else 32; of
                an array that is read in `steps`, what gives as many batches.
            verbose: 0 without a progress bar; `"auto"`, 1 and 2 as in
                `keras.Model.predict`.
            steps: The most batches of `x` to read; `None` reads all.
            callbacks: As in `keras.Model.predict`. The answers to a batch come
                later than it ends, so `on_predict_batch_end` gets none.
            model: What callbacks know as their model. Setting its
                `stop_predicting` ends the run early.

        Raises:
            ValueError: If `x` is empty, or holds no images of the right shape.
        """
        start = time.perf_counter()
        size = batch_size
        if size is None:
            told = getattr(x, "batch_size", None)
            size = told or default_batch_size(x, steps)
        check_positive_int("batch_size", size)
        source = open_source(x, size, steps)
        known = source.num_examples
        if known is not None:  # Small inputs share shapes with each other.
            size = min(size, power_of_two_from(known))
        watch = callback_list(callbacks, verbose, source, model)
        watch.on_predict_begin()
        batches = watched(source.batches, watch, model)
        log = self._answer(batches, size, ExitLog(known or 4 * size))
        watch.on_predict_end()
        return StagedAnswer(*log.read(), time.perf_counter() - start)

    def run_on_batch(self, x: Any) -> StagedAnswer:
        """Returns the answers for one array of images, without progress bar."""
        size = power_of_two_from(len(x))
        return self.run(x, batch_size=size, verbose=0)

    def stage_seconds(
        self,
        batch_size: int = 32,
        repeats: int = 5,
        images: np.ndarray | None = None,
    ) -> np.ndarray:
        """Returns the seconds that each stage takes for one example, `(K,)`.

        Stages are timed alone and in turn, on full batches, with their exits.
        An example that leaves at exit `k` costs the sum of the first `k`.

        Args:
            batch_size: Number of examples of a batch.
            repeats: How often each stage is timed; the median counts.
            images: A batch to run on, in place of noise.

        Raises:
            ValueError: If there are no images, and the shape is not known.
        """
        if images is None:
            images = noise(batch_size, self.image_shape)
        rows = self._device.put(images, len(images))
        seconds = time_stages(self._stages(), rows, repeats)
        return seconds / len(images)

    def _answer(
        self, batches: Iterator[np.ndarray], size: int, log: ExitLog
    ) -> ExitLog:
        """Sends all batches through the stages; fills and returns `log`."""
        rooms = [self._device.waiting_room(size) for _ in self.stages[1:]]
        flow = Flow(self._stages(), rooms, size, log)
        count = 0
        for rows in full_batches(batches, size, self.image_shape):
            ids = np.arange(count, count + len(rows))
            flow.enter(self._device.put(rows, size), ids)
            count += len(rows)
        if not count:
            raise ValueError(
                "`x` must hold at least one example. Received: none. Check "
                "that the array is not empty, and the generator not used up."
            )
        flow.finish()
        return log

    def _stages(self) -> list[Stage]:
        """Returns the compiled stages; new ones if they are others now."""
        parts = list(zip(self.stages, self.branches, strict=True))
        variables = [variables_of(*part, self.thresholds) for part in parts]
        # Quantization and adapters put other variables into a layer, and
        # `Normalization` has other constants after `adapt` and `load_weights`.
        read = [
            [*own, *constants_of(stage), *constants_of(branch)]
            for own, (stage, branch) in zip(variables, parts, strict=True)
        ]
        key = (self.measure, [list(map(id, own)) for own in read])
        if key != self._key:
            self._compiled = [
                self._device.compile(
                    stage_function(*part, self.thresholds, k, self.measure),
                    variables[k],
                )
                for k, part in enumerate(parts)
            ]
            self._key, self._read = key, read
        return self._compiled


def _check_lengths(
    stages: Sequence[Any], branches: Sequence[Any], thresholds: keras.Variable
) -> None:
    shape = tuple(thresholds.shape)
    if stages and len(branches) == len(stages) == shape[0] + 1:
        return
    raise ValueError(
        "There must be one branch per stage, and one threshold per stage but "
        f"the last. Received: {len(stages)} stages, {len(branches)} branches "
        f"and thresholds of shape {shape}. Make them as many."
    )


def _shape_of_images(stage: Any) -> tuple[int | None, ...] | None:
    """Returns the shape that a graph takes; another layer may not know it."""
    if isinstance(stage, keras.Model | keras.Sequential):
        inputs = getattr(stage, "inputs", None)
        if inputs:
            return tuple(inputs[0].shape[1:])
    return None
