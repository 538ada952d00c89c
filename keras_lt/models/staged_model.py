"""A backbone with exits, in use."""

import os
import pathlib
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lt.data.random_transforms import warn_of_random_batches
from keras_lt.graph import new_input
from keras_lt.inference import ExitOutcomes
from keras_lt.inference import StagedAnswer
from keras_lt.inference import StagedPredictor
from keras_lt.inference import export_stages
from keras_lt.layers.low_rank_updates import adapted_layers
from keras_lt.layers.pooling import check_channels_last
from keras_lt.models.backbone_cut import cut
from keras_lt.models.backbone_cut import cut_finely
from keras_lt.models.classification_model import ClassificationModel
from keras_lt.models.data_checks import check_held_out
from keras_lt.models.exit_answer import ExitAnswer
from keras_lt.models.exit_branches import is_synchronized
from keras_lt.models.exit_branches import make_branches
from keras_lt.models.exit_costs import exit_costs
from keras_lt.models.exit_costs import stage_flops
from keras_lt.models.exit_settings import read_setting
from keras_lt.models.model_copy import copy_of
from keras_lt.models.padded_batches import check_backend
from keras_lt.models.rematerialization import Rematerialization
from keras_lt.ops import early_exit
from keras_lt.types import ClassCounts
from keras_lt.types import Outputs
from keras_lt.types import Tensor
from keras_lt.validation import check_finite
from keras_lt.validation import check_fraction
from keras_lt.validation import check_positive_int
from keras_lt.validation import check_thresholds


class StagedModel(ClassificationModel):
    """Answers at the first exit that is sure, and does no work after it.

    The part of `EarlyExitModel` that has to do with use. The arguments are
    described there.
    """

    def __init__(
        self,
        backbone: keras.Model,
        exits: Sequence[str],
        num_classes: int,
        classifier: str | keras.layers.Layer,
        branch: Any,
        threshold: float | Sequence[float],
        measure: str,
        trunk_gradient: float,
        projection_dim: int | None,
        feature_layers: Sequence[str],
        rematerialize: Sequence[str],
        **kwargs: Any,
    ):
        super().__init__(num_classes, **kwargs)
        self.stages = cut(backbone, exits, feature_layers)
        for stage in self.stages:
            check_channels_last(stage)
        # In use, nobody reads the feature layers.
        self._plain_stages = (
            cut(backbone, exits) if feature_layers else self.stages
        )
        self.rematerialize = tuple(rematerialize)
        self._rematerialized: list[Rematerialization] = []
        if rematerialize:
            finer = cut_finely(backbone, exits, rematerialize, feature_layers)
            self._rematerialized = [Rematerialization(one) for one in finer]
        self.backbone = backbone
        self.exits = list(exits)
        # As configurations: of a layer for each exit, copies are used.
        serialize = keras.saving.serialize_keras_object
        self._classifier = serialize(classifier)
        self._branch = serialize(branch)
        self.measure = measure
        self.trunk_gradient = check_fraction("trunk_gradient", trunk_gradient)
        self.projection_dim = projection_dim
        self.feature_layers = tuple(feature_layers)
        self.branches = make_branches(
            branch,
            classifier,
            [stage.output.shape for stage in self._plain_stages],
            self.num_classes,
            projection_dim,
            is_synchronized(backbone),
            # As saved: not that of the process that loads the model.
            self.dtype_policy,
        )
        self.thresholds = self.add_weight(
            name="thresholds",
            shape=(self.num_exits - 1,),
            trainable=False,
            dtype="float32",
            autocast=False,  # Half precision would move them.
        )
        self.threshold = threshold
        self._staged: StagedPredictor | None = None
        self._judge: StagedPredictor | None = None
        self._costs: list[float] | None = None

    def outputs_of(
        self, images: Tensor, training: bool | None = None
    ) -> Outputs:
        x, logits, outputs = images, [], {}
        for number, branch in enumerate(self.branches):
            x = self._stage_outputs(number, x, training)
            if isinstance(x, dict):
                outputs.update(x)
                x = outputs.pop("out")
            is_last = branch is self.branches[-1]
            seen = x if is_last else self._limit_gradient(x)
            features = branch.features(seen, training=training)
            logits.append(branch.logits(features, training=training))
        exit_logits = ops.stack(logits, axis=1)
        # Here, and not in the metrics, as those of JAX see no weights.
        scores = early_exit.certainty(exit_logits[:, :-1], self.measure)
        thresholds = ops.convert_to_tensor(self.thresholds)
        return {
            **outputs,
            "exits": exit_logits,
            "features": features,
            "leaves_at": early_exit.exit_of(scores, thresholds),
        }

    @property
    def num_exits(self) -> int:
        """Number of exits, the output of the backbone included."""
        return len(self.stages)

    @property
    def classifier(self) -> keras.layers.Layer:
        """The classifier of the last exit."""
        return self.branches[-1].classifier

    @property
    def threshold(self) -> list[float]:
        """Threshold in use, of each exit but the last."""
        return read_setting(self.thresholds)

    @threshold.setter
    def threshold(self, value: float | Sequence[float]) -> None:
        size = self.num_exits - 1
        self.thresholds.assign(check_thresholds("threshold", value, size))

    def classifiers(self) -> Sequence[keras.layers.Layer]:
        return [branch.classifier for branch in self.branches]

    def feature_shape(self, name: str | None) -> tuple[int | None, ...]:
        if name is None:
            last = self._plain_stages[-1].output.shape
            return self.branches[-1].feature_shape(last)
        for stage in self.stages:
            # Its `output_names` are those of layers, not the keys.
            if isinstance(stage.output, dict):
                found = stage.output.get(f"features/{name}")
                if found is not None:
                    return tuple(found.shape)
        raise ValueError(
            "An objective must read the features of the last classifier, or "
            f"one of the model's `feature_layers`, {list(self.feature_layers)}"
            f". Received: features={name!r}. Make the model with "
            f"`feature_layers=[{name!r}]`."
        )

    def answer(self, outputs: Outputs) -> Tensor:
        return early_exit.at_exit(outputs["exits"], outputs["leaves_at"])

    def kept_by_predict(self, outputs: Outputs) -> Tensor:
        return outputs["exits"]

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> np.ndarray:
        """Returns the logits of each image at its exit, `(n, classes)`.

        The work after the exit of an image is not done. The arguments are
        those of `keras.Model.predict`; see `inference.StagedPredictor.run`.
        """
        return self._run(x, batch_size, verbose, steps, callbacks).logits

    def predict_on_batch(self, x: Any) -> np.ndarray:
        """Returns the same as `predict`, for one batch."""
        return self._predictor().run_on_batch(x).logits

    def predict_with_exits(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> ExitAnswer:
        """Returns what `predict` does, with the exits and the work saved."""
        costs = np.array(self.exit_costs())
        answer = self._run(x, batch_size, verbose, steps, callbacks)
        saved = 1.0 - float(np.mean(costs[answer.exits - 1]))
        return ExitAnswer(answer.logits, answer.exits, saved, answer.seconds)

    def exit_logits(self, x: Any, **kwargs: Any) -> np.ndarray:
        """Returns the logits of all exits, `(n, exits, classes)`.

        Nobody leaves early. The arguments are those of `keras.Model.predict`.
        """
        return super().predict(x, **kwargs)

    def exit_outcomes(
        self,
        x: Any,
        y: Any,
        class_counts: ClassCounts,
        seconds: Sequence[float] | None = None,
        **kwargs: Any,
    ) -> ExitOutcomes:
        """Returns what each exit answers to held-out images, and how surely.

        From it `inference.choose_thresholds` finds thresholds, and its `curve`
        shows accuracy and work, without the model.

        Args:
            x: Images that the model was not trained on, and that are not
                those of the test, in whatever form `keras.Model.predict`
                takes: of `Batches`, those of `samplers.InOrder()`, without
                random transforms.
            y: Their class ids, `(n,)`, in the same order.
            class_counts: Number of training images of each class, by label.
            seconds: Time of an image that leaves at each exit, if thresholds
                are chosen by latency; see `exit_seconds`.
            **kwargs: Other arguments of `keras.Model.predict`.
        """
        check_backend()
        ids = check_held_out(x, y, class_counts, self.num_classes)
        warn_of_random_batches(x)
        costs = np.array(self.exit_costs())
        if self._judge is None:  # Kept, as it is compiled.
            self._judge = self._network_predictor(self._judged)
        # Not of all logits, which are large where there are many classes.
        found = self._judge.run(x, model=self, **kwargs).logits
        hint = "Check the image of this row, and whether the training diverged."
        check_finite("exit_logits", found, hint)
        early = self.num_exits - 1
        return ExitOutcomes(
            labels=ids,
            predictions=found[:, early:].astype("int32"),
            scores=found[:, :early],
            costs=costs,
            class_counts=tuple(class_counts),
            seconds=seconds if seconds is None else np.array(seconds),
        )

    def exit_costs(
        self, image_shape: Sequence[int] | None = None
    ) -> list[float]:
        """Returns the work of an image that leaves at each exit.

        It is counted in multiply-accumulates, the branches on the way
        included, as a share of the plain backbone with the last classifier:
        the last is a little more than 1.

        Args:
            image_shape: Sizes of an image, such as `(224, 224, 3)`, for a
                backbone that takes any. They count from then on.
        """
        if self._costs is None or image_shape is not None:
            self._costs = exit_costs(
                self._plain_stages, self.branches, image_shape
            )
        return list(self._costs)

    def exit_seconds(
        self,
        batch_size: int = 32,
        repeats: int = 5,
        images: np.ndarray | None = None,
    ) -> list[float]:
        """Returns the time of an image that leaves at each exit, measured.

        Args:
            batch_size: Number of images that a stage takes at a time.
            repeats: How often each stage is timed; the median counts.
            images: A batch to run on, in place of noise, for a backbone that
                takes images of any size.
        """
        check_positive_int("batch_size", batch_size)
        check_positive_int("repeats", repeats)
        seconds = self._predictor().stage_seconds(batch_size, repeats, images)
        return np.cumsum(seconds).tolist()

    def export_stages(
        self, folder: str | os.PathLike[str], **kwargs: Any
    ) -> pathlib.Path:
        """Writes the stages as files for other programs.

        Low-rank updates are added to the kernels, as in a saved model.

        Args:
            folder: A name that is free, or an empty folder.
            **kwargs: `format`, `class_names`, `preprocessing` and `overwrite`,
                as in `inference.export_stages`.
        """
        # PyTorch cannot translate convolutions with updates of their own.
        merged = copy_of(self) if adapted_layers(self.backbone) else self
        stages = merged._plain_stages
        return export_stages(
            stages,
            merged.branches,
            self.threshold,
            folder,
            measure=self.measure,
            flops=stage_flops(stages, merged.branches),
            **kwargs,
        )

    def as_functional(self) -> keras.Model:
        """Returns an ordinary model from images to logits at full depth.

        It shares its weights with this one. Use it to export, to inspect, or
        to hand to a tool that knows nothing of this library.
        """
        inputs = new_input(self.backbone)
        logits = self.branches[-1](self.backbone(inputs))
        return keras.Model(inputs, logits, name=self.name)

    def _predictor(self) -> StagedPredictor:
        # Kept, as it holds the compiled stages.
        if self._staged is None:
            self._staged = StagedPredictor(
                self._plain_stages,
                self.branches,
                self.thresholds,
                self.measure,
            )
        return self._staged

    def _run(
        self, x: Any, batch_size: Any, verbose: Any, steps: Any, callbacks: Any
    ) -> StagedAnswer:
        check_backend()
        return self._predictor().run(
            x, batch_size, verbose, steps, callbacks, model=self
        )

    def _forget_networks(self) -> None:
        super()._forget_networks()
        self._judge = None

    def _judged(self, outputs: Outputs) -> Tensor:
        """Returns the scores of the early exits, and what each exit answers.

        They are `(batch, 2 * exits - 1)` in float32, in which class ids are
        exact. An exit whose logits are not finite answers NaN.
        """
        logits = outputs["exits"]
        scores = early_exit.certainty(logits[:, :-1], self.measure)
        ids = ops.cast(ops.argmax(logits, axis=-1), "float32")
        known = ops.all(ops.isfinite(logits), axis=-1)
        return ops.concatenate([scores, ops.where(known, ids, np.nan)], axis=1)

    def _stage_outputs(
        self, number: int, x: Tensor, training: bool | None
    ) -> Any:
        if training and self._rematerialized:
            return self._rematerialized[number](x)
        return self.stages[number](x, training=training)

    def _limit_gradient(self, x: Tensor) -> Tensor:
        share = self.trunk_gradient
        if share == 1:
            return x
        still = ops.stop_gradient(x)
        return still if share == 0 else still + share * (x - still)
