"""A backbone with pooled features and one classifier."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_lt.graph import check_backbone
from keras_lt.graph import check_names
from keras_lt.graph import feature_extractor
from keras_lt.graph import new_input
from keras_lt.layers.pooling import check_channels_last
from keras_lt.layers.pooling import make_pooling
from keras_lt.models.backbone_cut import cut_finely
from keras_lt.models.classification_model import ClassificationModel
from keras_lt.models.heads import check_classifier
from keras_lt.models.heads import make_classifier
from keras_lt.models.heads import make_projection
from keras_lt.models.layer_states import set_states
from keras_lt.models.layer_states import states_of
from keras_lt.models.rematerialization import Rematerialization
from keras_lt.models.weight_decay import add_weight_decay
from keras_lt.registration import serializable
from keras_lt.types import Config
from keras_lt.types import Outputs
from keras_lt.types import Tensor
from keras_lt.validation import check_not_negative


@serializable
class LongTailModel(ClassificationModel):
    """Classifies images with a backbone, its pooled features and a classifier.

    It differs from a plain `keras.Model` in what `compile` and `fit` take:
    objectives on the features, class weights that change while it trains
    (`callbacks.DeferredReweighting`), and `data.Batches` that are told the
    epoch. `predict` gives logits; calling the model gives features too.

    Args:
        backbone: Any functional Keras model with one input and one output: a
            feature map, which is averaged over its positions, or features of
            shape `(batch, dim)`, taken as they are.
        num_classes: Number of classes, 2 or more.
        classifier: `"linear"`, `"cosine"` for a `CosineClassifier`, or a
            layer that turns `(batch, dim)` into logits.
        projection_dim: If given, a dense layer of this size with ReLU stands
            between the features and the classifier.
        feature_layers: Names of layers of the backbone whose outputs are
            returned as well, for objectives to read.
        weight_decay: Coupled L2 decay of all trainable variables but those of
            objectives, as in PyTorch's SGD: its gradient is `weight_decay *
            variable`.
        rematerialize: Names of layers of the backbone, those that
            `models.valid_exits` lists. Training keeps the maps at these alone,
            and computes what is between them once more for the gradient: less
            memory for a forward pass of time.
        **kwargs: `name` and `dtype`, as in `keras.Model`.

    Call arguments:
        inputs: Images, of the shape that the backbone takes.

    Output shape: A mapping with `logits` `(batch, num_classes)` and
    `features` `(batch, dim)`, both in float32, and `features/<layer>` for
    each of `feature_layers`.

    Raises:
        ValueError: If the backbone is not functional, has several inputs or
            outputs, ends with a softmax or gives maps with channels first; if
            a feature layer is not in it, or the classifier does not return one
            logit per class.

    Example:

    >>> backbone = keras_lt.models.resnet20(input_shape=(8, 8, 1))
    >>> model = LongTailModel(backbone, num_classes=10, classifier="cosine")
    >>> outputs = model(np.zeros((2, 8, 8, 1), "float32"))
    >>> {name: tuple(value.shape) for name, value in sorted(outputs.items())}
    {'features': (2, 64), 'logits': (2, 10)}
    >>> counts = [500, 300, 200, 100, 80, 60, 40, 20, 10, 5]
    >>> model.compile("sgd", loss=keras_lt.losses.LDAM(counts))
    """

    def __init__(
        self,
        backbone: keras.Model,
        num_classes: int,
        classifier: str | keras.layers.Layer = "linear",
        projection_dim: int | None = None,
        feature_layers: Sequence[str] = (),
        weight_decay: float = 0.0,
        rematerialize: Sequence[str] = (),
        **kwargs: Any,
    ):
        super().__init__(num_classes, **kwargs)
        check_backbone(backbone)
        self.backbone = backbone
        self.projection_dim = projection_dim
        self.feature_layers = check_names("feature_layers", feature_layers)
        self.weight_decay = check_not_negative("weight_decay", weight_decay)
        self.classifier = make_classifier(classifier, self.num_classes)
        self.feature_extractor = feature_extractor(
            backbone, self.feature_layers
        )
        check_channels_last(self.feature_extractor)
        self.rematerialize = tuple(rematerialize)
        self._rematerialization: Rematerialization | None = None
        if rematerialize:
            (parts,) = cut_finely(
                backbone, [], rematerialize, self.feature_layers
            )
            self._rematerialization = Rematerialization(parts)
        self.pooling = make_pooling(backbone.outputs[0].shape)
        self.projection: keras.layers.Dense | None = None
        if projection_dim is not None:
            self.projection = make_projection(projection_dim)
        self._build_head()
        if weight_decay:
            add_weight_decay(self, weight_decay)

    def outputs_of(
        self, images: Tensor, training: bool | None = None
    ) -> Outputs:
        outputs = self._backbone_outputs(images, training)
        features = self._head_features(outputs["features"], training)
        # Passed, as a step of JAX tells layers nothing by itself.
        logits = self.classifier(features, training=training)
        return {
            **outputs,
            "features": features,
            "logits": ops.cast(logits, "float32"),
        }

    def answer(self, outputs: Outputs) -> Tensor:
        return outputs["logits"]

    def classifiers(self) -> Sequence[keras.layers.Layer]:
        return [self.classifier]

    def feature_shape(self, name: str | None) -> tuple[int | None, ...]:
        if name is None:
            return (None, self._feature_dim)
        if name not in self.feature_layers:
            raise ValueError(
                "An objective must read the features of the classifier, or "
                "one of the model's `feature_layers`, "
                f"{list(self.feature_layers)}. Received: features={name!r}. "
                f"Make the model with `feature_layers=[{name!r}]`."
            )
        return tuple(self.feature_extractor.output[f"features/{name}"].shape)

    def as_functional(self) -> keras.Model:
        """Returns an ordinary model from images to logits, sharing weights.

        Use it to export, to inspect, or to hand to a tool that knows nothing
        of this library.
        """
        inputs = new_input(self.backbone)
        features = self._head_features(self.backbone(inputs))
        return keras.Model(inputs, self.classifier(features), name=self.name)

    def get_config(self) -> Config:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "backbone": serialize(self.backbone),
            "num_classes": self.num_classes,
            "classifier": serialize(self.classifier),
            "projection_dim": self.projection_dim,
            "feature_layers": list(self.feature_layers),
            "weight_decay": self.weight_decay,
            "rematerialize": list(self.rematerialize),
            "made_layers": states_of(self._made_layers()),
        }

    @classmethod
    def from_config(
        cls, config: Config, custom_objects: Any = None
    ) -> "LongTailModel":
        settings = {**config}
        states = settings.pop("made_layers", None)
        deserialize = keras.saving.deserialize_keras_object
        parts = {
            name: deserialize(config[name], custom_objects=custom_objects)
            for name in ("backbone", "classifier")
        }
        model = cls(**{**settings, **parts})
        set_states(model._made_layers(), states)
        return model

    def _made_layers(self) -> list[keras.layers.Layer]:
        """Returns the layers that are made from settings."""
        return [] if self.projection is None else [self.projection]

    def _backbone_outputs(self, images: Tensor, training: bool | None) -> Any:
        """Returns `features` and those of feature layers, before the head."""
        if training and self._rematerialization is not None:
            found = dict(self._rematerialization(images))
            return {**found, "features": found.pop("out")}
        outputs = self.feature_extractor(images, training=training)
        return outputs if self.feature_layers else {"features": outputs}

    def _head_features(
        self, features: Tensor, training: bool | None = None
    ) -> Tensor:
        features = self.pooling(features)
        if self.projection is None:
            return features
        # Passed, as for the classifier: in float8, its scales are trained.
        return self.projection(features, training=training)

    def _build_head(self) -> None:
        shape = self.pooling.compute_output_shape(
            self.backbone.outputs[0].shape
        )
        if self.projection is not None:
            self.projection.build(shape)
            shape = self.projection.compute_output_shape(shape)
        self._feature_dim = shape[-1]
        # Called, not asked for its shape, which a layer need not know.
        logits = self.classifier(keras.KerasTensor(shape, "float32"))
        check_classifier(self.classifier, logits.shape[-1], self.num_classes)
        self.built = True
