"""The ways of rebalancing that the recipes offer.

A method is the parts in which it differs from plain training. Two methods can
be combined where they differ in different parts.
"""

import dataclasses
import functools
from collections.abc import Callable
from collections.abc import Sequence

import keras

from keras_lt import callbacks
from keras_lt import layers
from keras_lt import losses
from keras_lt import objectives
from keras_lt import samplers
from keras_lt.losses.for_frequencies import FOR_FREQUENCIES


@dataclasses.dataclass(frozen=True)
class Method:
    """Holds the parts of a method; what is None is as in plain training.

    Args:
        loss: Makes the loss from the class counts.
        classifier: What the model takes as `classifier`.
        sampler: Makes the sampler from the number of epochs and the epoch at
            which a deferred method sets in.
        callback: Makes a callback from the class counts and the epoch at
            which a deferred method sets in.
        exits: Whether the model has early exits; the settings say which.
        distilled: Whether the features follow those of the teachers of
            `applications.cbd`.
        objective: Makes an objective that goes with the classification loss.
        robust: Whether features are trained with the robust term of
            `applications.dro_lt`.
        classifier_stage: `"crt"` or `"lws"`: how a last stage fits the
            classifier to the features (`applications.classifier_stages`).
    """

    loss: Callable[[Sequence[int]], keras.losses.Loss] | None = None
    classifier: str | None = None
    sampler: Callable[[int, int], samplers.Sampler] | None = None
    callback: (
        Callable[[Sequence[int], int], keras.callbacks.Callback] | None
    ) = None
    exits: bool = False
    distilled: bool = False
    objective: Callable[[], objectives.Objective] | None = None
    robust: bool = False
    classifier_stage: str | None = None

    def make_loss(self, class_counts: Sequence[int]) -> keras.losses.Loss:
        """Returns the loss for these counts, plain cross-entropy if none."""
        return (self.loss or crossentropy)(class_counts)

    def make_balanced_loss(
        self, class_counts: Sequence[int]
    ) -> keras.losses.Loss:
        """Returns the loss for batches that hold all classes alike.

        A loss that makes up for how frequent a class is would do so a second
        time there, and is replaced by the plain one. The margins of LDAM stay:
        they are for how little is known of a class.
        """
        loss = self.make_loss(class_counts)
        if isinstance(loss, FOR_FREQUENCIES):
            return crossentropy(class_counts)
        return loss

    def with_beta(self, beta: float | None) -> "Method":
        """Returns the same with this `beta` of `ClassBalanced`, if not None."""
        if beta is None:
            return self
        loss = functools.partial(losses.ClassBalanced, beta=beta)
        return dataclasses.replace(self, loss=loss)

    def make_classifier(self, num_classes: int) -> str | keras.layers.Layer:
        """Returns what a model takes as `classifier`.

        The scale of a cosine classifier is that of LDAM where LDAM is the
        loss, and else that of the released class-balanced distillation.
        """
        if self.classifier != "cosine":
            return self.classifier or "linear"
        return layers.CosineClassifier(
            num_classes,
            scale=30.0 if self.loss is losses.LDAM else 20.0,
            name="classifier",
        )

    def make_sampler(
        self, epochs: int, deferred_epoch: int
    ) -> samplers.Sampler | None:
        """Returns the sampler for so many epochs, if the method has one."""
        if self.sampler is None:
            return None
        return self.sampler(epochs, deferred_epoch)

    def make_objectives(self) -> list[objectives.Objective]:
        """Returns the objectives of the method, which may be none."""
        return [] if self.objective is None else [self.objective()]

    def make_callbacks(
        self, class_counts: Sequence[int], deferred_epoch: int
    ) -> list[keras.callbacks.Callback]:
        """Returns the callbacks of the method, which may be none."""
        if self.callback is None:
            return []
        return [self.callback(class_counts, deferred_epoch)]

    def parts(self) -> dict[str, object]:
        """Returns the parts that are set, by name."""
        values = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
        }
        return {name: part for name, part in values.items() if part}


def crossentropy(class_counts: Sequence[int]) -> keras.losses.Loss:
    """Returns the plain loss, which takes no notice of the counts."""
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def deferred(
    class_counts: Sequence[int], start_epoch: int
) -> keras.callbacks.Callback:
    """Returns the callback of deferred re-weighting."""
    return callbacks.DeferredReweighting(class_counts, start_epoch=start_epoch)


METHODS = {
    "crossentropy": Method(loss=crossentropy),
    "logit_adjusted": Method(loss=losses.LogitAdjusted),
    "balanced_softmax": Method(loss=losses.BalancedSoftmax),
    "ldam": Method(loss=losses.LDAM, classifier="cosine"),
    "ldam_drw": Method(
        loss=losses.LDAM, classifier="cosine", callback=deferred
    ),
    "class_balanced": Method(loss=losses.ClassBalanced),
    "focal": Method(loss=lambda counts: losses.Focal()),
    "label_aware_smoothing": Method(loss=losses.LabelAwareSmoothing),
    "cosine": Method(classifier="cosine"),
    "drw": Method(callback=deferred),
    "elf": Method(exits=True),
    "exit_distillation": Method(
        exits=True, objective=objectives.ExitDistillation
    ),
    "dro_lt": Method(robust=True),
    "cbd": Method(
        classifier="cosine",
        sampler=lambda epochs, deferred_epoch: samplers.ClassBalanced(),
        distilled=True,
    ),
    "crt": Method(classifier_stage="crt"),
    "lws": Method(classifier_stage="lws"),
    "class_balanced_sampling": Method(
        sampler=lambda epochs, deferred_epoch: samplers.ClassBalanced()
    ),
    "square_root_sampling": Method(
        sampler=lambda epochs, deferred_epoch: samplers.SquareRoot()
    ),
    "progressive_sampling": Method(
        sampler=lambda epochs, deferred_epoch: samplers.Progressive(epochs)
    ),
    "effective_number_sampling": Method(
        sampler=lambda epochs, deferred_epoch: samplers.EffectiveNumber()
    ),
    "deferred_resampling": Method(
        sampler=lambda epochs, deferred_epoch: samplers.Deferred(
            samplers.InstanceBalanced(),
            samplers.ClassBalanced(),
            deferred_epoch,
        )
    ),
}


def combine(names: Sequence[str]) -> Method:
    """Puts methods together, part by part.

    Args:
        names: Names in `METHODS`.

    Raises:
        ValueError: If a name is unknown, two methods set the same part, or
            two make up for how frequent a class is.
    """
    chosen: dict[str, object] = {}
    owner: dict[str, str] = {}
    for name in names:
        if name not in METHODS:
            raise ValueError(
                f"A method must be one of {', '.join(METHODS)}. Received: "
                f"{name!r}."
            )
        for part, value in METHODS[name].parts().items():
            if part in owner and chosen[part] != value:
                raise ValueError(
                    "Methods that are combined must differ in different "
                    f"parts. Received: {owner[part]!r} and {name!r}, which "
                    f"both set the {part}. Take one of them."
                )
            chosen[part] = value
            owner[part] = name
    method = Method(**chosen)
    _check_balanced_once(method, owner)
    return method


def _check_balanced_once(method: Method, owner: dict[str, str]) -> None:
    """Raises if classes that are drawn alike are weighed as well.

    A student of teachers has a plain loss in place of one for frequencies.
    """
    balanced = (samplers.ClassBalanced, samplers.Deferred)
    if not isinstance(method.make_sampler(2, 1), balanced):
        return
    by_loss = method.loss in FOR_FREQUENCIES and not method.distilled
    other = "callback" if method.callback else "loss" if by_loss else None
    if other is not None:
        raise ValueError(
            "One method at most must make up for how frequent a class is. "
            f"Received: {owner['sampler']!r}, which draws all classes alike, "
            f"and {owner[other]!r}, whose {other} weighs rare ones more. Take "
            "one of them."
        )
