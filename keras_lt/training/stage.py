"""One part of a training, as data."""

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras

from keras_lt.validation import check_positive_int

Selection = str | Sequence[str] | Callable[[keras.layers.Layer], bool]
"""Which layers: names, prefixes of names, or a function of a layer."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
    """Describes one part of a training: what is trained, on what, and how.

    Two-stage recipes (a new classifier on balanced batches, say) are lists of
    these, which `train` runs. What is `None` is as in the stage before.

    Layers are selected by `"all"`, `"classifier"`, `"head"` (all above the
    backbone), `"backbone"` (all but the classifier), by the start of a layer's
    name (`"stage_3"`, or `"resnet32/stage_3"` in a nested model), by several of
    these, or by a function from a layer to whether it belongs, such as that of
    `last_layers`.

    Args:
        name: Name of the stage, which no other stage has.
        epochs: Number of epochs. Callbacks count them from 0 in each stage.
        batches: What `keras.Model.fit` takes as its data: `Batches`, another
            `PyDataset`, or a `tf.data.Dataset`. It has to give the same
            batches again after a crash, which `Batches` do.
        loss: A loss, as in `compile`.
        optimizer: An optimizer, whose configuration is used: each stage gets
            a new one.
        metrics: Metrics, as in `compile`.
        objectives: Objectives, for the models of this library; `()` for none.
        continue_optimizer: Whether to take over from the stage before its
            count of steps, and the state (momentum, for instance) of the
            variables that both stages train.
        trainable: Which layers are trained; the others are frozen, and their
            batch normalization uses its moving statistics. `None` in every
            stage so far leaves the model as it is.
        reset: Layers that get new random weights when the stage starts.
        callbacks: Callbacks for this stage. Those that derive their state from
            the epoch (`LearningRateScheduler`, `DeferredReweighting`) go on
            as they should after a crash; `EarlyStopping` starts anew.
        validation: Data to evaluate on after each epoch, as `batches`, or
            arrays `(x, y)`.
        compile_options: Further arguments of `compile`, such as
            `{"jit_compile": False, "steps_per_execution": 8}`.

    Raises:
        ValueError: If `epochs` is not a positive whole number, or `name` is
            empty or holds a slash.

    Example:

    ```python
    stages = [
        Stage(name="features", epochs=200, batches=batches, loss=loss,
              optimizer=keras.optimizers.SGD(0.1, momentum=0.9)),
        Stage(name="classifier", epochs=10, batches=balanced,
              trainable="classifier", reset="classifier"),
    ]
    history = train(model, stages, folder="runs/crt")
    ```
    """

    name: str
    epochs: int
    batches: Any
    loss: Any = None
    optimizer: Any = None
    metrics: Sequence[Any] | None = None
    objectives: Sequence[Any] | None = None
    continue_optimizer: bool = False
    trainable: Selection | None = None
    reset: Selection = ()
    callbacks: Sequence[keras.callbacks.Callback] = ()
    validation: Any = None
    compile_options: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Checks what can be checked without a model."""
        check_positive_int("epochs", self.epochs)
        if not self.name or "/" in self.name:
            raise ValueError(
                "`name` must be a word without a slash, as a folder is named "
                f"after it. Received: name={self.name!r}. Use, for instance, "
                "'features'."
            )


_INHERITED = ("loss", "optimizer", "metrics", "objectives", "trainable")


def resolved(stages: Sequence[Stage]) -> list[Stage]:
    """Returns the stages with what they take from the one before filled in.

    Raises:
        ValueError: If there is no stage, two have one name, or the first
            lacks its loss or optimizer.
    """
    _check(stages)
    result: list[Stage] = []
    for stage in stages:
        if result:
            taken = {
                field: getattr(result[-1], field)
                for field in _INHERITED
                if getattr(stage, field) is None
            }
            stage = dataclasses.replace(stage, **taken)
        result.append(stage)
    return result


def _check(stages: Sequence[Stage]) -> None:
    if not stages:
        raise ValueError(
            "`stages` must hold one stage or more. Received: none. Pass "
            "`[training.Stage(...)]`."
        )
    names = [stage.name for stage in stages]
    if len(set(names)) < len(names):
        raise ValueError(
            "Each stage must have a name of its own. Received: names="
            f"{names}. Rename one."
        )
    for field in ("loss", "optimizer"):
        if getattr(stages[0], field) is None:
            raise ValueError(
                f"The first stage must have a `{field}`, as there is no stage "
                f"before to take it from. Received: stage {names[0]!r} with "
                f"{field}=None. Pass `{field}=...`."
            )
