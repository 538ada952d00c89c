"""Second stages that fit the classifier to features that are kept."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_lt.callbacks import cosine_schedule
from keras_lt.data import Batches
from keras_lt.losses.for_frequencies import FOR_FREQUENCIES
from keras_lt.samplers import ClassAware
from keras_lt.samplers import ClassBalanced as ClassBalancedSampler
from keras_lt.training.classifier_limits import ClassifierLimits
from keras_lt.training.classifier_start import ClassifierStart
from keras_lt.training.classifier_start import has_scales
from keras_lt.training.layer_selection import ClassifierName
from keras_lt.training.stage import Stage


def retrained_classifier(
    batches: Any,
    epochs: int = 10,
    learning_rate: float = 0.1,
    loss: Any = None,
    classifier: str = "classifier",
    name: str = "classifier",
    max_norm: float | Sequence[float] | None = None,
    weight_decay: float | None = None,
    **options: Any,
) -> Stage:
    """Returns a stage that trains a new classifier on kept features (cRT).

    Features are learned best from the data as they are; it is the classifier
    that prefers frequent classes. So it gets new random weights, and is
    trained on class-balanced batches, with a learning rate that falls to 0
    along half a cosine. All else is frozen, the projection and the blocks of
    exits too, and nothing but the classifiers needs gradients.

    Batch normalization uses its moving statistics, and does not change them.
    The authors' code lets them follow the balanced batches, without training
    the rest of the layer.

    Class weights that the stage before has left in the model are set to 1, and
    objectives are left out.

    With `reset=()` the classifier goes on from what it has learned instead, and
    `max_norm` and `weight_decay` keep its weights small and alike: the second
    stage of weight balancing (Alshammari et al., 2022). What the authors' code
    for CIFAR-100-LT does there: no new classifier, 10 epochs from a rate of
    0.01, decay 0.1, and norms bounded as by `norm_limits(model, 0.1)`; but a
    class-balanced loss in place of batches, and the bound is applied once an
    epoch, where here it is after each step. The settings of the paper for other
    data sets have not been checked.

    Args:
        batches: Class-balanced batches: `data.Batches` with
            `samplers.ClassBalanced()`, or others that `Stage` takes.
        epochs: Number of epochs; 10 after 90 in the paper.
        learning_rate: Of the first epoch. 0.1 for batches of 128, 0.2 for 512.
        loss: Plain cross-entropy on class ids and logits by default. For a
            model that ends in a softmax, one that takes probabilities.
        classifier: `"classifier"` for the classifiers of a `LongTailModel` or
            of all exits of an `EarlyExitModel`; in other models, the name of
            the layer that makes the logits, or the start of its name if no
            layer has it whole.
        name: Name of the stage.
        max_norm: The largest norm of the weights of a class, greater than 0,
            or one for each exit; see `norm_limits`. The bias is free.
        weight_decay: Coupled decay of the classifier in this stage, instead of
            that of the model.
        **options: Other arguments of `Stage`, such as `metrics`, `validation`,
            `callbacks`, and `optimizer` instead of SGD with momentum 0.9; the
            rate is `learning_rate` all the same.

    Raises:
        ValueError: If the loss makes up for the frequencies of classes that
            the batches have balanced already. Before the first stage of the
            training, if no layer has this name, the model gives probabilities
            to a loss of logits, or the classifier has a
            `LearnableWeightScaling` around it. At the start of this stage, if
            it has no norms to bound.

    Example:

    >>> from keras_lt import data, samplers, training
    >>> model = keras.Sequential(
    ...     [keras.Input((2,)), keras.layers.Dense(3, name="classifier")]
    ... )
    >>> examples = np.ones((8, 2), "float32"), np.arange(8) % 3
    >>> balanced = data.Batches(examples, 4, samplers.ClassBalanced())
    >>> stage = training.retrained_classifier(balanced, epochs=2)
    >>> rows = training.train(model, [stage], verbose=0)
    >>> [round(row["learning_rate"], 4) for row in rows]
    [0.1, 0.05]

    Reference:

    - [Kang et al., 2020](https://arxiv.org/abs/1910.09217), section 4.
    - [Alshammari et al., 2022](https://arxiv.org/abs/2203.14197)
    """
    selection = ClassifierName(classifier)
    if max_norm is not None or weight_decay is not None:
        limits = ClassifierLimits(selection, max_norm, weight_decay)
        options["callbacks"] = [*options.get("callbacks", ()), limits]
    return _stage(
        batches,
        epochs,
        learning_rate,
        loss,
        {
            "name": name,
            "trainable": selection,
            "reset": selection,
            **options,
        },
        selection,
    )


def weight_scaling(
    batches: Any,
    epochs: int = 5,
    learning_rate: float = 0.1,
    loss: Any = None,
    name: str = "weight_scaling",
    **options: Any,
) -> Stage:
    """Returns a stage that learns a scale of each class's logit (LWS).

    It is for a model that `with_weight_scaling` has made, and trains the
    scales alone, on class-balanced batches. The rest is as in
    `retrained_classifier`.

    Args:
        batches: Class-balanced batches.
        epochs: Number of epochs; 5 after 90 in the paper.
        learning_rate: Of the first epoch. 0.1 for batches of 128, 0.2 for 512.
        loss: Plain cross-entropy on class ids and logits by default.
        name: Name of the stage.
        **options: Other arguments of `Stage`.

    Raises:
        ValueError: If the loss makes up for the frequencies of classes that
            the batches have balanced already. Before the first stage of the
            training, if the model has no scales, or gives probabilities to a
            loss of logits.

    Example:

    >>> from keras_lt import data, samplers, training
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    >>> scaled = training.with_weight_scaling(model, model.layers[-1].name)
    >>> examples = np.ones((8, 2), "float32"), np.arange(8) % 3
    >>> balanced = data.Batches(examples, 4, samplers.ClassBalanced())
    >>> stage = training.weight_scaling(balanced, epochs=1)
    >>> rows = training.train(scaled, [stage], verbose=0)

    Reference:

    - [Kang et al., 2020](https://arxiv.org/abs/1910.09217), section 4.
    """
    options = {"name": name, "trainable": has_scales, **options}
    return _stage(batches, epochs, learning_rate, loss, options, None)


def _stage(
    batches: Any,
    epochs: int,
    learning_rate: float,
    loss: Any,
    options: dict[str, Any],
    classifier: ClassifierName | None,
) -> Stage:
    if loss is None:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    _check_balanced_once(loss, batches)
    rate = cosine_schedule(learning_rate, epochs)
    own = {
        "optimizer": keras.optimizers.SGD(learning_rate, momentum=0.9),
        "objectives": (),
        **options,
        "callbacks": [
            keras.callbacks.LearningRateScheduler(rate),
            ClassifierStart(classifier, _takes_logits(loss)),
            *options.get("callbacks", ()),
        ],
    }
    return Stage(epochs=epochs, batches=batches, loss=loss, **own)


def _takes_logits(loss: Any) -> bool:
    """Tells whether a loss is known to, as all of this library are."""
    own = type(loss).__module__.partition(".")[0] == "keras_lt"
    return getattr(loss, "from_logits", own)


def _check_balanced_once(loss: Any, batches: Any) -> None:
    balanced = (ClassAware, ClassBalancedSampler)
    if not isinstance(loss, FOR_FREQUENCIES):
        return
    if isinstance(batches, Batches) and isinstance(batches.sampler, balanced):
        raise ValueError(
            "Classes must be balanced once, by the batches or by the loss. "
            f"Received: batches with {batches.sampler!r}, and the loss "
            f"{type(loss).__name__}. Leave out `loss`, or use "
            "`samplers.InstanceBalanced()`."
        )
