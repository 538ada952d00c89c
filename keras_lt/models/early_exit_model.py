"""A backbone with exits, in training and in use."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_lt.data.labels import label_of
from keras_lt.models.batch_loss import weighted_mean
from keras_lt.models.compile_checks import check_list_of_metrics
from keras_lt.models.exit_loss import ExitLoss
from keras_lt.models.exit_metrics import ExitMetrics
from keras_lt.models.exit_settings import read_setting
from keras_lt.models.layer_chain import chain
from keras_lt.models.layer_states import set_states
from keras_lt.models.layer_states import states_of
from keras_lt.models.padded_inputs import unpadded
from keras_lt.models.staged_model import StagedModel
from keras_lt.models.weight_decay import add_weight_decay
from keras_lt.ops.crossentropy import as_class_ids
from keras_lt.registration import serializable
from keras_lt.types import Config
from keras_lt.types import Outputs
from keras_lt.types import Tensor
from keras_lt.validation import check_not_negative


@serializable
class EarlyExitModel(StagedModel):
    """Lets easy examples leave early, in training and in use (ELF).

    A classifier at each exit answers from what the backbone has computed so
    far. In training, an example counts at every exit up to the one at which
    it is recognised with confidence, so that hard examples weigh more. In
    use, `predict` stops at the first exit that is confident, and does not do
    the work after it.

    With the loss `l_k` at exit `k`, the weights `lambda_k` of the exits and
    `alive_k`, which is 1 up to the exit at which an example leaves and 0
    after it, an example counts with ::

        sum_k lambda_k * alive_k * l_k

    Whoever sums over `k` without `alive` has deep supervision; that is what
    `training_threshold=1` does, and the control to compare with.

    Args:
        backbone: Any functional Keras model with one input and one output.
        exits: Names of the layers of the backbone after which there is an
            exit, in order; `models.valid_exits` lists those that can be. The
            last exit is the output of the backbone and is not named. Names of
            pyramid levels, such as `"P3"`, do for backbones of keras-cv and
            keras-hub.
        num_classes: Number of classes, 2 or more.
        classifier: `"linear"`, `"cosine"` for a `CosineClassifier`, or a
            layer from `(batch, dim)` to `(batch, num_classes)`, of which each
            exit but the last has a copy.
        branch: What lies between an early feature map and its classifier:
            `"block"` for an `ExitBlock` of as many steps as lead to the size
            of the last map, `"pooled"` for a mean over all positions,
            `"mixed_pool"` for `MixedPooling`, a layer of which each early
            exit has a copy, or a list of layers, one for each. `"auto"` is a
            block where the maps are images of known size, else a mean.
        threshold: In use, an example leaves where the largest softmax
            probability is greater than this: one number from 0 to 1, or one
            for each exit but the last. With 1, nobody leaves.
        training_threshold: The same in training, for the score of `criterion`.
        criterion: What an example must reach to leave in training:
            `"correct_and_confident"`, the largest probability if it is that of
            the label, else 0; `"confidence"`, the largest probability;
            `"true_probability"`, that of the label; `"correct"`; `"entropy"`,
            1 less the entropy as a share of its maximum, which is then also
            the score in use; or a function of logits `(batch, classes)` and
            labels that returns scores `(batch,)` in [0, 1], registered with
            Keras if the model is to be saved.
        exit_weights: Weight of the loss at each exit, the last one included;
            ones by default.
        normalizer: What the sum over a batch is divided by: the sum of its
            weights (`"batch_weight"`), its size (`"batch"`), or, exit by exit,
            the weights of those who reach it (`"survivors"`).
        trunk_gradient: Share of the gradient of an early exit that goes on
            into the backbone, from 0 to 1. With 1, all exits pull at the
            backbone alike, which costs a small network accuracy at full
            depth; with 0, early exits only read what is there.
        mask_objectives: Whether objectives with one value per example count
            only those that reach the last exit.
        projection_dim: Width of a dense layer with ReLU under the last
            classifier; None for none.
        feature_layers: Names of layers of the backbone whose outputs are
            returned too, as `features/<name>`, for objectives to read.
        weight_decay: Coupled L2 decay of all trainable variables but those of
            objectives, as in PyTorch's SGD: its gradient is `weight_decay *
            variable`.
        rematerialize: Names of layers of the backbone, as in `LongTailModel`;
            the maps at the exits are kept, too. Those of `exits` will do.
        **kwargs: `name` and `dtype`, as in `keras.Model`.

    Call arguments:
        inputs: Images, of the shape that the backbone takes.

    Output shape: A mapping with `exits`, the logits of all exits `(batch,
    exits, num_classes)`, `features` `(batch, dim)` of the last exit, both in
    float32, `leaves_at` `(batch,)`, the exit of each example in use, from 1,
    and `features/<layer>` for each of `feature_layers`.

    The logs of `fit` and `evaluate` have the early answer under the names of
    the metrics, and `evaluate` its loss, where `fit` has the sum over the
    exits; the answer at full depth under `full_` and the
    name, the share that leaves at each exit in use as `exit_1_share` and so
    on, and as `hard_share` the share that reaches the last exit by the
    criterion of training.

    Raises:
        ValueError: If the backbone cannot be cut at an exit, or a setting is
            out of its range.

    Example:

    >>> backbone = keras_lt.models.resnet20(input_shape=(8, 8, 1))
    >>> model = EarlyExitModel(
    ...     backbone, exits=["stage_1", "stage_2"], num_classes=10
    ... )
    >>> images = np.zeros((2, 8, 8, 1), "float32")
    >>> outputs = model(images)
    >>> {name: tuple(value.shape) for name, value in sorted(outputs.items())}
    {'exits': (2, 3, 10), 'features': (2, 64), 'leaves_at': (2,)}
    >>> model.threshold = [0.0, 0.9]  # all leave at the first exit
    >>> model.predict_with_exits(images, verbose=0).exits.tolist()
    [1, 1]

    Reference:

    - [Duggal et al., 2020](https://arxiv.org/abs/2006.11979)
    """

    def __init__(
        self,
        backbone: keras.Model,
        exits: Sequence[str],
        num_classes: int,
        classifier: str | keras.layers.Layer = "linear",
        branch: Any = "auto",
        threshold: float | Sequence[float] = 0.9,
        training_threshold: float | Sequence[float] = 0.9,
        criterion: Any = "correct_and_confident",
        exit_weights: Sequence[float] | None = None,
        normalizer: str = "batch_weight",
        trunk_gradient: float = 0.3,
        mask_objectives: bool = False,
        projection_dim: int | None = None,
        feature_layers: Sequence[str] = (),
        weight_decay: float = 0.0,
        rematerialize: Sequence[str] = (),
        **kwargs: Any,
    ):
        super().__init__(
            backbone,
            exits,
            num_classes,
            classifier=classifier,
            branch=branch,
            threshold=threshold,
            measure="entropy" if criterion == "entropy" else "confidence",
            trunk_gradient=trunk_gradient,
            projection_dim=projection_dim,
            feature_layers=feature_layers,
            rematerialize=rematerialize,
            **kwargs,
        )
        self.exit_loss = ExitLoss(
            self.num_exits,
            training_threshold,
            criterion,
            exit_weights,
            normalizer,
        )
        self.mask_objectives = mask_objectives
        self.weight_decay = check_not_negative("weight_decay", weight_decay)
        self._exit_metrics = ExitMetrics(self.num_exits, self.num_classes)
        self.built = True
        if weight_decay:
            add_weight_decay(self, weight_decay)

    @property
    def training_threshold(self) -> list[float]:
        """Threshold in training, of each exit but the last."""
        return self.exit_loss.threshold

    @training_threshold.setter
    def training_threshold(self, value: float | Sequence[float]) -> None:
        self.exit_loss.threshold = value

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [*super().metrics, *self._exit_metrics.items]

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: keras.losses.Loss | None = None,
        metrics: Sequence[Any] | None = None,
        objectives: Sequence[Any] = (),
        **kwargs: Any,
    ) -> None:
        """Sets how the model is trained, as in `LongTailModel`.

        Each metric is computed twice, for the early answer and at full depth.
        A `metrics.ExitShares` among them replaces that of the model.
        """
        weighted = kwargs.get("weighted_metrics")
        for name, given in (
            ("metrics", metrics),
            ("weighted_metrics", weighted),
        ):
            check_list_of_metrics(name, given)
        self._exit_metrics = ExitMetrics(
            self.num_exits, self.num_classes, metrics or (), weighted or ()
        )
        super().compile(
            optimizer, loss, self._exit_metrics.early, objectives, **kwargs
        )

    def get_compile_config(self) -> Config:
        config = super().get_compile_config()
        if config:
            config["metrics"] = keras.saving.serialize_keras_object(
                self._exit_metrics.given
            )
        return config

    def compute_metrics(
        self,
        x: Any,
        y: Any,
        y_pred: Outputs,
        sample_weight: Tensor | None = None,
    ) -> dict[str, Any]:
        x, y, sample_weight = unpadded(x, y, sample_weight)
        ids = as_class_ids(label_of(y), self.num_classes)
        self._exit_metrics.update(ids, y_pred, sample_weight)
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def classification_loss(
        self, labels: Tensor, outputs: Outputs, weights: Tensor
    ) -> Tensor:
        exit_logits = outputs["exits"]
        alive = self.exit_loss.alive(labels, exit_logits)
        self._exit_metrics.hard_share.update_state(alive[:, -1])
        losses = [
            self.example_losses(labels, exit_logits[:, k])
            for k in range(self.num_exits)
        ]
        values = ops.stack(losses, axis=1)
        return self.exit_loss.total(values, alive, weights, weighted_mean)

    def evaluation_loss(
        self, labels: Tensor, outputs: Outputs, sample_weight: Tensor | None
    ) -> Tensor:
        hard = self.exit_loss.alive(labels, outputs["exits"])[:, -1]
        self._exit_metrics.hard_share.update_state(hard)
        return super().evaluation_loss(labels, outputs, sample_weight)

    def objective_weights(
        self, labels: Tensor, outputs: Outputs, sample_weight: Tensor | None
    ) -> Tensor | None:
        if not self.mask_objectives:
            return sample_weight
        hard = self.exit_loss.alive(labels, outputs["exits"])[:, -1]
        return hard if sample_weight is None else hard * sample_weight

    @classmethod
    def from_stages(
        cls,
        stages: Sequence[keras.layers.Layer],
        exits: Sequence[str],
        num_classes: int,
        input_shape: tuple[int | None, ...] | None = None,
        **kwargs: Any,
    ) -> "EarlyExitModel":
        """Puts a model together from layers that follow one another.

        Use it for what is not a graph, such as a transformer whose blocks are
        called inside one layer.

        Args:
            stages: Layers or models; each takes what the one before returned.
            exits: Names of those after which there is an exit, in order.
            num_classes: Number of classes.
            input_shape: Shape of an image, if the first of `stages` does not
                know it.
            **kwargs: The other arguments of `EarlyExitModel`.

        Example:

        >>> stages = [keras.layers.Dense(8, name=n) for n in ("a", "b", "c")]
        >>> model = EarlyExitModel.from_stages(stages, ["a", "b"], 10, (4,))
        >>> model.num_exits
        3
        """
        return cls(chain(stages, input_shape), exits, num_classes, **kwargs)

    def get_config(self) -> Config:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "backbone": serialize(self.backbone),
            "exits": list(self.exits),
            "num_classes": self.num_classes,
            "classifier": self._classifier,
            "branch": self._branch,
            "threshold": self.threshold,
            "training_threshold": self.training_threshold,
            "criterion": serialize(self.exit_loss.criterion),
            "exit_weights": read_setting(self.exit_loss.exit_weights),
            "normalizer": self.exit_loss.normalizer,
            "trunk_gradient": self.trunk_gradient,
            "mask_objectives": self.mask_objectives,
            "projection_dim": self.projection_dim,
            "feature_layers": list(self.feature_layers),
            "weight_decay": self.weight_decay,
            "rematerialize": list(self.rematerialize),
            "made_layers": states_of(self._made_layers()),
            "made_classifiers": states_of(self.classifiers()),
        }

    @classmethod
    def from_config(
        cls, config: Config, custom_objects: Any = None
    ) -> "EarlyExitModel":
        settings = {**config}
        states = settings.pop("made_layers", None)
        of_classifiers = settings.pop("made_classifiers", None)
        deserialize = keras.saving.deserialize_keras_object
        parts = {
            name: deserialize(config[name], custom_objects=custom_objects)
            for name in ("backbone", "classifier", "branch", "criterion")
        }
        model = cls(**{**settings, **parts})
        set_states(model._made_layers(), states)
        set_states(model.classifiers(), of_classifiers)
        return model

    def _made_layers(self) -> list[keras.layers.Layer]:
        """Returns the layers before classifiers, made from settings."""
        return [part for one in self.branches for part in one.parts()[:-1]]
