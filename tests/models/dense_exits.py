"""The dense model with exits in NumPy and double precision."""

import numpy as np

from tests import early_exit_reference as reference
from tests.checks import to_numpy
from tests.models.small_models import CLASSES
from tests.models.small_models import softmax


def layers_of(model):
    """Returns the dense layers of the trunk, and those of the exits."""
    trunk = [model.backbone.get_layer(name) for name in ("one", "two", "three")]
    return trunk, model.classifiers()


def values_of(layer):
    return [to_numpy(one).astype("float64") for one in layer.weights]


def forward(model, x):
    """Returns the maps, inputs included, and the logits `(n, 3, classes)`."""
    trunk, heads = layers_of(model)
    maps, logits = [x.astype("float64")], []
    for layer, head in zip(trunk, heads, strict=True):
        kernel, bias = values_of(layer)
        maps.append(np.tanh(maps[-1] @ kernel + bias))
        kernel, bias = values_of(head)
        logits.append(maps[-1] @ kernel + bias)
    return maps, np.stack(logits, axis=1)


def losses(logits, labels):
    """Returns the cross-entropy at each exit; labels may be soft."""
    soft = labels if labels.ndim == 2 else np.eye(CLASSES)[labels]
    return -(soft[:, None] * np.log(softmax(logits))).sum(axis=-1)


def exits_of(logits, labels, criterion, thresholds):
    """Returns the exit of each example, from 1."""
    scores = reference.all_scores(criterion, logits, labels)
    return np.array([reference.exit_of(row, thresholds) for row in scores])


def slopes(exits, weights, exit_weights, normalizer):
    """Returns the derivative of the total by each loss, `(n, 3)`."""
    shares = weights[:, None] * (np.arange(3) < exits[:, None])
    if normalizer == "survivors":
        shares /= np.maximum(shares.sum(axis=0), 1e-12)
    else:
        shares /= len(exits) if normalizer == "batch" else weights.sum()
    return shares * exit_weights


def gradients(model, x, labels, by_loss, trunk_gradient=1.0):
    """Returns the gradient of each variable, by the identity of it."""
    maps, logits = forward(model, x)
    trunk, heads = layers_of(model)
    soft = labels if labels.ndim == 2 else np.eye(CLASSES)[labels]
    errors = by_loss[:, :, None] * (softmax(logits) - soft[:, None])
    found, back = {}, 0.0
    for k in (2, 1, 0):
        kernel, bias = heads[k].weights
        found[id(kernel)] = maps[k + 1].T @ errors[:, k]
        found[id(bias)] = errors[:, k].sum(axis=0)
        share = 1.0 if k == 2 else trunk_gradient
        back = back + share * errors[:, k] @ values_of(heads[k])[0].T
        back = back * (1 - maps[k + 1] ** 2)
        kernel, bias = trunk[k].weights
        found[id(kernel)] = maps[k].T @ back
        found[id(bias)] = back.sum(axis=0)
        back = back @ values_of(trunk[k])[0].T
    return found
