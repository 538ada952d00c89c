"""A model that trains on the replicas of TensorFlow."""

from typing import Any

import keras
from keras import ops

from keras_lt.models.input_tuning import stop_tuning
from keras_lt.models.replica_inputs import check_outside_of_scope
from keras_lt.models.replica_inputs import check_parts
from keras_lt.models.replica_inputs import for_replicas
from keras_lt.replicas import check_made_in_scope
from keras_lt.replicas import has_other_processes
from keras_lt.replicas import replica_context
from keras_lt.replicas import share_overflows
from keras_lt.replicas import strategy_of


class ReplicatedModel(keras.Model):
    """Makes `fit` and `evaluate` work under `tf.distribute` strategies.

    Keras 3.15 averages the first batch over the replicas, to see its shapes,
    and scalar logs over an axis. The first fails for parts of two sizes, and
    both fail for replicas in several processes.
    """

    def compile(self, *args: Any, **kwargs: Any) -> None:
        super().compile(*args, **kwargs)
        strategy = strategy_of(self)
        if strategy is not None:
            variables = [*self.variables, *self.optimizer.variables]
            check_made_in_scope(variables, strategy)
            _check_steps(self.steps_per_execution)
            _check_accumulation(self.optimizer)
            if isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer):
                share_overflows(self.optimizer)

    def fit(
        self, x: Any = None, y: Any = None, **kwargs: Any
    ) -> keras.callbacks.History:
        strategy = strategy_of(self)
        if strategy is not None:
            check_outside_of_scope(strategy)
            held_out = kwargs.get("validation_split") or 0.0
            check_parts(x, kwargs.get("batch_size"), held_out, strategy)
            x = for_replicas(x, strategy)
            validation = kwargs.get("validation_data")
            kwargs["validation_data"] = for_replicas(validation, strategy)
        return super().fit(x, y, **kwargs)

    def evaluate(self, x: Any = None, y: Any = None, **kwargs: Any) -> Any:
        strategy = strategy_of(self)
        if strategy is not None:
            x = for_replicas(x, strategy)
        return super().evaluate(x, y, **kwargs)

    def get_metrics_result(self) -> dict[str, Any]:
        # As vectors where Keras needs an axis.
        found = super().get_metrics_result()
        context = replica_context()
        if context is None or not has_other_processes(context.strategy):
            return found
        return dict(
            keras.tree.map_structure(lambda one: ops.reshape(one, (1,)), found)
        )

    def _maybe_symbolic_build(
        self, iterator: Any = None, **kwargs: Any
    ) -> None:
        """Shows Keras the part of one replica; TensorFlow only."""
        if iterator is not None:
            stop_tuning(iterator)
        strategy = strategy_of(self)
        if iterator is not None and strategy is not None:
            _, _, batches = next(iter(iterator))
            kwargs["data_batch"] = keras.tree.map_structure(
                lambda one: strategy.experimental_local_results(one)[0],
                next(batches),
            )
            iterator = None
        super()._maybe_symbolic_build(iterator=iterator, **kwargs)


def _check_steps(steps_per_execution: int) -> None:
    if steps_per_execution > 1:
        raise ValueError(
            "`steps_per_execution` must be 1 on several replicas, as the loop "
            "of Keras 3.15 over steps does not run on them. Received: "
            f"steps_per_execution={steps_per_execution}."
        )


def _check_accumulation(optimizer: keras.optimizers.Optimizer) -> None:
    own = getattr(optimizer, "inner_optimizer", optimizer)
    if own.gradient_accumulation_steps:
        raise ValueError(
            "`gradient_accumulation_steps` must be None on several replicas, "
            "as Keras 3.15 adds up their gradients in a branch, which "
            "TensorFlow does not allow there. Received: "
            f"gradient_accumulation_steps={own.gradient_accumulation_steps}. "
            "Pass `rematerialize` to the model to save memory instead, or "
            "train on JAX with `keras.distribution`."
        )
