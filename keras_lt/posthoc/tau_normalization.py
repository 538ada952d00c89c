"""Takes the advantage of long weight vectors off a trained classifier."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_lt.graph import is_graph
from keras_lt.graph import last_operation
from keras_lt.layers import CosineClassifier
from keras_lt.layers import ExitBranch
from keras_lt.models.classification_model import ClassificationModel
from keras_lt.models.model_copy import copy_of
from keras_lt.validation import check_finite
from keras_lt.validation import check_gives_logits
from keras_lt.validation import check_not_negative


def tau_normalized(
    model: keras.Model,
    tau: float | Sequence[float] = 0.7,
    keep_bias: bool = False,
) -> keras.Model:
    """Returns a copy with classifier weights `w[c] / |w[c]| ** tau`.

    A linear classifier learns the longer weights for a class, the more images
    of it there are, and the longest weights win where the features are in
    doubt. Between `tau=0`, which leaves them as they are, and `tau=1`, which
    makes all of them equally long, lies a trade of the head against the tail
    that takes no training. Nothing is known here of the class counts.

    Logits, and so confidences, become smaller or larger with `tau`: choose
    the thresholds of early exits again, and fit temperatures, afterwards.

    Args:
        model: A trained `LongTailModel` or `EarlyExitModel` with a linear
            classifier (at each exit), or any functional or sequential model
            whose last layer is a `keras.layers.Dense`. It stays as it is.
        tau: 0 or greater, or one number for each exit. The paper looks from 0
            to 2; `choose_tau_normalization` does so on held-out data.
        keep_bias: Whether to keep the bias. By default it becomes 0, as it
            prefers frequent classes too.

    Returns:
        A model of the same class with weights of its own, not compiled.

    Raises:
        ValueError: If the classifier is not linear and without an activation,
            its weights are not finite, or `tau` is negative.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    >>> model.set_weights([np.diag([4.0, 1.0]), np.array([3.0, 0.0])])
    >>> balanced = keras_lt.posthoc.tau_normalized(model, tau=0.5)
    >>> balanced.predict(np.eye(2), verbose=0).tolist()
    [[2.0, 0.0], [0.0, 1.0]]

    Reference:

    - [Kang et al., 2020](https://arxiv.org/abs/1910.09217), section 4.3.
    """
    layers = classifiers_of(model)
    kernels = [
        kernel_of(layer) / powers_of_lengths(kernel_of(layer), one)
        for layer, one in zip(layers, _by_layer(tau, len(layers)), strict=True)
    ]
    copy = copy_of(model)
    for layer, kernel in zip(classifiers_of(copy), kernels, strict=True):
        layer.kernel.assign(kernel)
        if layer.bias is not None and not keep_bias:
            layer.bias.assign(np.zeros(layer.bias.shape))
    return copy


def classifiers_of(model: Any) -> list[keras.layers.Dense]:
    """Returns the linear layers that make the logits of a model."""
    if isinstance(model, ClassificationModel):
        return [_dense_at_end(layer) for layer in model.classifiers()]
    if not is_graph(model):
        raise ValueError(
            "`model` must be a LongTailModel, an EarlyExitModel, or a "
            "functional or built sequential model, whose last layer can be "
            f"told. Received: {model!r}. Call its layers one after the other, "
            "from a `keras.Input` on, and make a `keras.Model`."
        )
    return [_dense_at_end(model)]


def _dense_at_end(layer: Any) -> keras.layers.Dense:
    """Returns the linear layer that a layer or model ends with."""
    if isinstance(layer, ExitBranch):
        return _dense_at_end(layer.classifier)
    if is_graph(layer):
        _check_one_output(layer)
        return _dense_at_end(last_operation(layer))
    if isinstance(layer, CosineClassifier):
        raise ValueError(
            "The classifier must be a `keras.layers.Dense`, whose weights "
            f"differ in length. Received: the CosineClassifier {layer.name!r},"
            " in which each class has unit length already. Adjust the logits "
            "instead, with `posthoc.adjust_logits`."
        )
    if not isinstance(layer, keras.layers.Dense):
        raise ValueError(
            "The last layer must be a `keras.layers.Dense` that returns "
            f"logits. Received: {type(layer).__name__} {layer.name!r}. Make a "
            "model that ends at the logits, of layers that are not hidden in "
            "another."
        )
    check_gives_logits(layer)
    return layer


def _check_one_output(model: keras.Model) -> None:
    if len(model.outputs) != 1:
        raise ValueError(
            "`model` must have one output, the logits. Received: "
            f"{len(model.outputs)} outputs of {model.name!r}. Make a "
            "`keras.Model` with the one that matters."
        )


def kernel_of(layer: keras.layers.Dense) -> np.ndarray:
    """Returns the weights `(dim, classes)` of a linear layer, in float64."""
    kernel = layer.kernel
    if not isinstance(kernel, keras.Variable) or "float" not in kernel.dtype:
        raise ValueError(
            "The weights of the classifier must be plain floats. Received: "
            f"{layer.name!r}, which is quantized or has low-rank updates. Use "
            "the model as it was before."
        )
    weights = keras.ops.convert_to_numpy(kernel).astype("float64")
    check_finite(f"weights of {layer.name}", weights)
    return weights


def bias_of(layer: keras.layers.Dense) -> np.ndarray:
    """Returns the bias `(classes,)` of a linear layer, 0 if it has none."""
    if layer.bias is None:
        return np.zeros(layer.units)
    return keras.ops.convert_to_numpy(layer.bias).astype("float64")


def powers_of_lengths(kernel: np.ndarray, tau: float) -> np.ndarray:
    """Returns `|w[c]| ** tau` of each class, and 1 for weights of length 0."""
    lengths = np.linalg.norm(kernel, axis=0)
    return np.where(lengths > 0, lengths, 1.0) ** tau


def _by_layer(tau: float | Sequence[float], size: int) -> list[float]:
    """Returns one `tau` for each classifier."""
    values = np.asarray(tau, dtype="float64")
    if values.shape not in ((), (size,)):
        raise ValueError(
            "`tau` must be one number, or one for each classifier of the "
            f"model, {size}. Received: an array of shape {values.shape}."
        )
    return [
        check_not_negative("tau", one)
        for one in np.broadcast_to(values, (size,)).tolist()
    ]
