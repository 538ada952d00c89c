"""A term that is added to the loss of a model."""

import warnings
from collections.abc import Sequence
from typing import Any

import keras

from keras_lt.types import Config
from keras_lt.types import Tensor
from keras_lt.validation import check_not_negative


class Objective(keras.layers.Layer):
    """Adds one term to the training loss, and owns the state of that term.

    A loss sees logits only, and must not keep state. An objective sees the
    features too, and what it remembers between batches (centroids, radii,
    teachers) lives in its own weights, which the model tracks and saves.
    Objectives compose: each is added to the classification loss,

    ```
    loss = base_weight_1 * base_weight_2 * ... * classification_loss
           + weight_1 * objective_1 + weight_2 * objective_2 + ...
    ```

    They count in training only: the validation loss is the plain one.

    To write one, implement `call`, and `build` if there is state. Variables are
    saved by their names, so pass a `name` to `add_weight`.

    Args:
        weight: Factor on the term, 0 or greater.
        base_weight: Factor on the classification loss, 0 or greater.
        features: Name of the layer whose output the term reads, one of the
            model's `feature_layers`. `None` reads the features that the
            classifier gets.
        **kwargs: `name`, as in `keras.layers.Layer`.

    Attributes:
        weight: The factor, as a variable that the model tracks: a callback
            may assign another value while the model trains.
        base_weight: Likewise.
        num_classes: Number of classes that the term is for, which the model
            must have; None if it does for any.
        feature_dim: Number of features that it was compiled for; None before.
        image_shape: Shape of the images that the term looks at, which must be
            those that the model takes; None if it looks at none.
        compares_examples: Whether the term of an example depends on the others
            of its batch; False unless a subclass says so. If so, and if
            TensorFlow cuts batches up among replicas, `call` gets features and
            labels of the whole batch on each of them (`x`, `y` and `outputs`
            stay those of the replica), and its values of other replicas are
            dropped.

    Example:

    >>> class SmallFeatures(keras_lt.objectives.Objective):
    ...     def call(self, features, labels, **others):
    ...         return keras.ops.mean(features**2, axis=-1)
    >>> term = SmallFeatures(weight=0.1)
    >>> value = term(np.full((2, 8), 3.0, "float32"), np.array([0, 1]))
    >>> [round(float(one), 4) for one in value]
    [9.0, 9.0]
    """

    compares_examples = False

    def __init__(
        self,
        weight: float = 1.0,
        base_weight: float = 1.0,
        features: str | None = None,
        **kwargs: Any,
    ):
        kwargs["dtype"] = "float32"  # Half precision is too coarse for a loss.
        super().__init__(**kwargs)
        self.features = features
        self.num_classes: int | None = None
        self.feature_dim: int | None = None
        self.image_shape: Sequence[int | None] | None = None
        self.weight = self._factor("weight", weight)
        self.base_weight = self._factor("base_weight", base_weight)
        self._config = {"weight": weight, "base_weight": base_weight}

    def call(
        self,
        features: Tensor,
        labels: Tensor,
        *,
        x: Tensor = None,
        y: Tensor = None,
        outputs: Any = None,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Returns the term, one value per example or one for the batch.

        Args:
            features: `(batch, dim)`, or the output of the layer `features`.
            labels: `(batch,)` class ids in int32; the largest part of soft
                labels.
            x: The batch of inputs, as the model got it.
            y: The labels as the model got them, extras included.
            outputs: All outputs of the model.

        Returns:
            `(batch,)` values, which are averaged with the sample weights; a
            pair of values and weights, both `(batch,)`, where the weights
            multiply those of the samples; or a scalar.
        """
        raise NotImplementedError(
            f"`{type(self).__name__}` must implement `call`."
        )

    @property
    def setting_variables(self) -> Sequence[keras.Variable]:
        """Variables that stay as they are when a file is loaded."""
        return [self.weight, self.base_weight]

    @property
    def constants(self) -> Sequence[keras.Variable]:
        """Variables that never change and are not saved, as of teachers."""
        return []

    def callbacks(
        self, x: Any = None, y: Any = None
    ) -> Sequence[keras.callbacks.Callback]:
        """Returns callbacks that `fit` of the model attaches by itself.

        Args:
            x: What `fit` was given to train on.
            y: The labels, unless they come with `x`.
        """
        return []

    def get_config(self) -> Config:
        config = {
            **super().get_config(),
            **self._config,
            "features": self.features,
        }
        config.pop("dtype")
        return config

    def save_own_variables(self, store: Any) -> None:
        for name, variable in self._own_variables().items():
            store[name] = variable

    def load_own_variables(self, store: Any) -> None:
        saved = set(store.keys())
        settings = {id(one) for one in self.setting_variables}
        missing = []
        for name, variable in self._own_variables().items():
            if id(variable) in settings:
                continue
            if name in saved:
                variable.assign(store[name])
            else:
                missing.append(repr(name))
        if missing or not saved:
            what = ", ".join(missing) if saved else "state"
            warnings.warn(
                f"The file holds no {what} of the objective {self.name!r}, "
                "which starts afresh. That is right for a file of an earlier "
                "stage, trained without this objective or with another.",
                stacklevel=2,
            )

    def _own_variables(self) -> dict[str, keras.Variable]:
        """Returns what is saved, by name: Keras counts the trainable first."""
        by_index: dict[str, keras.Variable] = {}
        super().save_own_variables(by_index)
        return {one.name: one for one in by_index.values()}

    def _factor(self, name: str, value: float) -> keras.Variable:
        check_not_negative(name, value)
        return self.add_weight(
            name=name,
            shape=(),
            initializer=keras.initializers.Constant(value),
            trainable=False,
            dtype="float32",
        )
