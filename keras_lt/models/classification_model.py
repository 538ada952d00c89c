"""What every classifier of this library has in common."""

import contextlib
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_lt.data import Batches
from keras_lt.data import DeviceBatches
from keras_lt.data.labels import label_of
from keras_lt.graph import feature_extractor
from keras_lt.graph import new_input
from keras_lt.losses import LDAM
from keras_lt.models.batch_loss import as_vector
from keras_lt.models.batch_loss import example_weights
from keras_lt.models.batch_loss import loss_values
from keras_lt.models.batch_loss import objective_term
from keras_lt.models.batch_loss import output_name
from keras_lt.models.batch_loss import weighted_mean
from keras_lt.models.batch_loss import with_penalties
from keras_lt.models.compile_checks import check_feature_dim
from keras_lt.models.compile_checks import check_ldam_heads
from keras_lt.models.compile_checks import check_loss
from keras_lt.models.compile_checks import check_metrics
from keras_lt.models.compile_checks import check_objectives
from keras_lt.models.data_checks import check_data
from keras_lt.models.data_checks import check_validation_data
from keras_lt.models.device_images import IMAGES
from keras_lt.models.device_images import DeviceImages
from keras_lt.models.device_images import images_held
from keras_lt.models.distributed_model import DistributedModel
from keras_lt.models.lasting_weights import LastingWeights
from keras_lt.models.objective_list import ObjectiveList
from keras_lt.models.own_callbacks import with_own_callbacks
from keras_lt.models.padded_inputs import PaddedInputs
from keras_lt.models.padded_inputs import unpadded
from keras_lt.models.portable_config import of_any_backend
from keras_lt.models.replicated_model import ReplicatedModel
from keras_lt.models.restored_epoch import forget_restored_epoch
from keras_lt.models.reweighted_model import ReweightedModel
from keras_lt.models.torch_parameters import TorchParameters
from keras_lt.objectives import Objective
from keras_lt.ops.crossentropy import as_class_ids
from keras_lt.types import Config
from keras_lt.types import Outputs
from keras_lt.types import Tensor
from keras_lt.validation import check_several_classes


class ClassificationModel(
    DistributedModel, ReplicatedModel, ReweightedModel, TorchParameters
):
    """Trains with a loss on logits, class weights and objectives on features.

    The base of `LongTailModel` and `EarlyExitModel`. A subclass builds all its
    layers in `__init__`, a `backbone` among them, returns a mapping with
    `features` from `outputs_of`, says in `answer` which logits are the answer,
    and implements `feature_shape` and `classifiers`.

    Args:
        num_classes: Number of classes.
        **kwargs: `name` and `dtype`, as in `keras.Model`.

    Attributes:
        class_weights: One weight per class for the training loss, a tracked
            variable of shape `(num_classes,)`; ones at first.
    """

    as_functional: Callable[[], keras.Model]

    def __init__(self, num_classes: int, **kwargs: Any):
        # Layers cast images, each to its own precision; the first may be finer.
        super().__init__(autocast=False, **kwargs)
        self.num_classes = check_several_classes(num_classes)
        self.class_weights = self.add_weight(
            name="class_weights",
            shape=(self.num_classes,),
            initializer="ones",
            trainable=False,
            dtype="float32",
        )
        self.lasting_weights = LastingWeights(self.class_weights)
        self.objective_list = ObjectiveList()
        self.device_images = DeviceImages()
        self._classification_loss: keras.losses.Loss | None = None

    @property
    def objectives(self) -> list[Objective]:
        """The objectives that the model was compiled with."""
        return list(self.objective_list.items)

    @property
    def own_variables(self) -> list[keras.Variable]:
        """All variables but those of the objectives, and training images."""
        others = [*self.objective_list.variables, *self.device_images.variables]
        ids = {id(one) for one in others}
        return [one for one in self.variables if id(one) not in ids]

    @property
    def constants(self) -> list[keras.Variable]:
        """Variables that never change and are not saved, as of teachers."""
        of_objectives = [v for one in self.objectives for v in one.constants]
        return [*of_objectives, *self.device_images.variables]

    def call(self, inputs: Any, training: bool | None = None) -> Outputs:
        padded = PaddedInputs(inputs)
        # Batch normalization must not see padding. Where rows are each on
        # their own, they stay on their devices to the end.
        inputs = padded.unpad(padded.inputs) if training else padded.inputs
        images = self.device_images.of(inputs)
        if images is None:
            outputs = self.outputs_of(inputs, training)
        else:
            outputs = {**self.outputs_of(images, training), IMAGES: images}
        return outputs if training else padded.unpad(outputs)

    def outputs_of(
        self, images: Tensor, training: bool | None = None
    ) -> Outputs:
        """Returns what calling the model on images does."""
        raise NotImplementedError(
            f"`{type(self).__name__}` must implement `outputs_of`."
        )

    def feature_shape(self, name: str | None) -> tuple[int | None, ...]:
        """Returns the shape of the features that an objective reads."""
        raise NotImplementedError(
            f"`{type(self).__name__}` must implement `feature_shape`."
        )

    def feature_model(self, name: str | None = None) -> keras.Model:
        """Returns an ordinary model from images to features, sharing weights.

        Use it to look at features, or to compare images by them.

        Args:
            name: One of `feature_layers`; None for what the classifier gets.
        """
        self.feature_shape(name)  # Raises for an unknown name.
        if name is not None:  # Without what lies above that layer.
            model = feature_extractor(self.backbone, [name])
            return keras.Model(model.input, model.output[output_name(name)])
        images = new_input(self.backbone)
        return keras.Model(images, self(images)["features"])

    def classifiers(self) -> Sequence[keras.layers.Layer]:
        """Returns the layers that make logits."""
        raise NotImplementedError(
            f"`{type(self).__name__}` must implement `classifiers`."
        )

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: keras.losses.Loss | None = None,
        metrics: Sequence[Any] | None = None,
        objectives: Sequence[Objective] = (),
        **kwargs: Any,
    ) -> None:
        """Sets how the model is trained; may be called any number of times.

        Args:
            optimizer: As in `keras.Model.compile`.
            loss: A loss on logits, from this library or from Keras with
                `from_logits=True`.
            metrics: As in `keras.Model.compile`; they get class ids and
                logits, whatever kind the labels are.
            objectives: Terms to add to the loss in training.
            **kwargs: The other arguments of `keras.Model.compile`, but for
                `loss_weights`.

        Raises:
            ValueError: If the loss does not take logits, or does not fit the
                classifier; if a metric takes one-hot labels; if two objectives
                have one name, or one reads features that the model does not
                return.
        """
        if kwargs.pop("loss_weights", None) is not None:
            raise ValueError(
                "`loss_weights` must not be given, since there is one loss. "
                f"Received: loss_weights of {type(self).__name__}.compile. "
                "Use the `weight` and `base_weight` of an objective."
            )
        check_loss(loss)
        check_metrics(metrics, kwargs.get("weighted_metrics"))
        if isinstance(loss, LDAM):
            check_ldam_heads(loss, self.classifiers())
        self._replace_objectives(objectives)
        self._classification_loss = loss
        # An empty list, as Keras keeps the metrics of before for None.
        super().compile(
            optimizer=optimizer, loss=None, metrics=metrics or [], **kwargs
        )

    def get_compile_config(self) -> Config:
        config = super().get_compile_config()
        if not config:
            return config
        serialize = keras.saving.serialize_keras_object
        config["loss"] = serialize(self._classification_loss)
        config["objectives"] = [serialize(item) for item in self.objectives]
        return of_any_backend(config)

    def compile_from_config(self, config: Config) -> None:
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Trains the model, as `keras.Model.fit` does.

        In addition, `Batches` are told the epoch and read in their own order,
        objectives bring their callbacks, and arrays and labels are checked.
        """
        if isinstance(x, Batches):
            kwargs["shuffle"] = False  # The sampler has shuffled already.
        check_data(x, y, self.num_classes, kwargs.get("sample_weight"))
        check_validation_data(kwargs.get("validation_data"), self.num_classes)
        if kwargs.get("validation_data") is not None:
            kwargs["validation_split"] = 0.0  # Keras ignores it, too.
        kwargs["callbacks"] = with_own_callbacks(
            callbacks, self.objectives, x, y, kwargs.get("validation_split")
        )
        kwargs.update(batch_size=batch_size, epochs=epochs, verbose=verbose)
        self.lasting_weights.put_back()  # From a loop that was no `fit`.
        with contextlib.ExitStack() as at_the_end:
            at_the_end.callback(self.lasting_weights.put_back)
            at_the_end.callback(forget_restored_epoch, self)
            if isinstance(x, DeviceBatches):
                at_the_end.callback(self._forget_networks)
                at_the_end.callback(self._forget_parameters)
                at_the_end.enter_context(images_held(self, x))
                x = x.drawn()
            return super().fit(x, y, **kwargs)

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        **kwargs: Any,
    ) -> Any:
        """Returns loss and metrics, as `keras.Model.evaluate` does."""
        if not kwargs.get("_use_cached_eval_dataset"):  # `fit` has checked.
            check_data(x, y, self.num_classes, kwargs.get("sample_weight"))
        kwargs.update(batch_size=batch_size, verbose=verbose)
        return super().evaluate(x, y, **kwargs)

    def export(self, *args: Any, **kwargs: Any) -> Any:
        """Writes `as_functional()` for other programs, as Keras does."""
        return self.as_functional().export(*args, **kwargs)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Tensor | None = None,
        training: bool = True,
    ) -> Tensor:
        """Returns the loss of a batch as a scalar.

        In training, each example is weighed by the weight of its class; the
        weighted sum is divided by the sum of weights. In evaluation, class
        weights and objectives are left out, and the weighted sum is divided by
        the number of examples, as in Keras.
        """
        x, y, sample_weight = unpadded(x, y, sample_weight)
        # On the device, which losses of Keras see to by themselves.
        y = keras.tree.map_structure(
            ops.convert_to_tensor, y, none_is_leaf=False
        )
        labels = label_of(y)
        if not training:
            total = self.evaluation_loss(labels, y_pred, sample_weight)
            return with_penalties(total, self.losses)
        x = y_pred.get(IMAGES, x)  # What the network and its teachers see.
        weights = self.example_weights(labels, sample_weight)
        total = self.classification_loss(labels, y_pred, weights)
        for objective in self.objectives:
            total = total * ops.convert_to_tensor(objective.base_weight)
        for objective in self.objectives:
            term = self._term(objective, x, y, y_pred, sample_weight)
            total = total + ops.convert_to_tensor(objective.weight) * term
        return with_penalties(total, self.losses)

    def compute_metrics(
        self,
        x: Any,
        y: Any,
        y_pred: Outputs,
        sample_weight: Tensor | None = None,
    ) -> dict[str, Any]:
        """Updates the metrics with class ids and logits.

        Ids, because a metric such as "accuracy" settles on the first kind of
        labels it sees, and training labels may be soft where validation
        labels are not.
        """
        x, y, sample_weight = unpadded(x, y, sample_weight)
        ids = as_class_ids(label_of(y), self.num_classes)
        answer = self.answer(y_pred)
        return super().compute_metrics(x, ids, answer, sample_weight)

    def answer(self, outputs: Outputs) -> Tensor:
        """Returns the logits `(batch, classes)` that are the answer."""
        raise NotImplementedError(
            f"`{type(self).__name__}` must implement `answer`."
        )

    def kept_by_predict(self, outputs: Outputs) -> Tensor:
        """Returns the output that `predict` collects."""
        return self.answer(outputs)

    def classification_loss(
        self, labels: Tensor, outputs: Outputs, weights: Tensor
    ) -> Tensor:
        """Returns the mean loss of a batch in training, as a scalar."""
        return weighted_mean(
            self.example_losses(labels, self.answer(outputs)), weights
        )

    def evaluation_loss(
        self, labels: Tensor, outputs: Outputs, sample_weight: Tensor | None
    ) -> Tensor:
        """Returns the mean loss of a batch in evaluation, as a scalar."""
        values = self.example_losses(labels, self.answer(outputs))
        if sample_weight is not None:  # A factor and no more, as in Keras.
            values = values * as_vector(sample_weight)
        return weighted_mean(values)

    def objective_weights(
        self, labels: Tensor, outputs: Outputs, sample_weight: Tensor | None
    ) -> Tensor | None:
        """Returns what weighs the examples of an objective; None for ones."""
        return sample_weight

    def example_losses(self, labels: Tensor, logits: Tensor) -> Tensor:
        """Returns the classification loss of each example, `(batch,)`."""
        loss = self._classification_loss
        if loss is None:
            raise ValueError(
                "`compile` must be called with a loss before training. "
                "Received: no loss. Call `model.compile(optimizer, loss)`."
            )
        return loss_values(loss, labels, logits, self.num_classes)

    def example_weights(
        self, labels: Tensor, sample_weight: Tensor | None
    ) -> Tensor:
        """Returns class weight times sample weight, `(batch,)`."""
        by_class = ops.convert_to_tensor(self.class_weights)
        return example_weights(labels, by_class, sample_weight)

    def _term(
        self,
        objective: Objective,
        x: Any,
        y: Any,
        outputs: Any,
        sample_weight: Tensor | None,
    ) -> Tensor:
        labels = label_of(y)
        if sample_weight is not None:
            sample_weight = as_vector(sample_weight)
        return objective_term(
            objective,
            outputs[output_name(objective.features)],
            as_class_ids(labels, self.num_classes),
            self.objective_weights(labels, outputs, sample_weight),
            x=x,
            y=y,
            outputs=outputs,
        )

    def _replace_objectives(self, objectives: Sequence[Objective]) -> None:
        check_objectives(
            objectives, self.backbone, self.num_classes, len(self.classifiers())
        )
        for objective in objectives:
            shape = self.feature_shape(objective.features)
            check_feature_dim(objective, shape[-1])
            if not objective.built:
                objective.build(shape)
            objective.feature_dim = shape[-1]
        self.objective_list.replace(objectives)
        self._forget_parameters()
