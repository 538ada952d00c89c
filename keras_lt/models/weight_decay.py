"""Weight decay as a part of the gradient, for any model."""

import keras

from keras_lt.graph.layer_tree import variables_to_train
from keras_lt.validation import check_not_negative


def add_weight_decay(model: keras.Model, weight_decay: float) -> None:
    """Adds `weight_decay * theta` to the gradient of every variable trained.

    This is what `weight_decay` means in PyTorch's SGD, which most recipes of
    the field come from. The argument of Keras's optimizers does something
    else: it shrinks the variables past the momentum. Here each variable gets
    an L2 penalty of `weight_decay / 2`, so that the decay goes through the
    momentum, and through the learning rate once.

    Biases and batch normalization decay too. A variable that already has a
    regularizer gets the new one instead. A variable does not decay while it is
    frozen. The reported loss contains the penalty.

    The setting belongs to the variables, not to the configuration of the
    model: call this again after `load_model` or `clone_model`, and before
    `compile`. (The argument `weight_decay` of `resnet32` and its relatives is
    saved with the model.)

    Args:
        model: Any Keras model or layer that is built.
        weight_decay: Strength of the decay, per step and unit of learning
            rate. 0 takes the regularizers away.

    Raises:
        ValueError: If the model is not built, or `weight_decay` is negative.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> model.set_weights([np.array([[1.0], [2.0]]), np.array([0.0])])
    >>> add_weight_decay(model, 0.1)
    >>> round(float(keras.ops.convert_to_numpy(sum(model.losses))), 4)
    0.25
    """
    check_not_negative("weight_decay", weight_decay)
    if not model.built:
        raise ValueError(
            "A model must have its variables before they can decay. Received: "
            f"model {model.name!r}, which is not built. Call it on a batch, or "
            "`model.build(input_shape)`, first."
        )
    penalty = keras.regularizers.L2(weight_decay / 2) if weight_decay else None
    for variable in variables_to_train(model):
        variable.regularizer = penalty
