"""How far a student is from its teachers, example by example."""

from collections.abc import Sequence

import numpy as np
from keras import ops

from keras_lt.ops.distances import unit
from keras_lt.types import Tensor


def cosine_distances(a: Tensor, b: Tensor) -> Tensor:
    """Returns 1 less the cosine of each vector in `a` and that in `b`.

    The length of a vector plays no part. One of length 0 has the distance 1
    to any other, and gets no gradient.

    Args:
        a: `(..., dim)`, of any float type.
        b: Of the same shape.

    Returns:
        `(...,)`, from 0 to 2, in float32.
    """
    return 1.0 - ops.sum(unit(a) * unit(b), axis=-1)


def kl_divergences(
    logits: Tensor, teacher_logits: Tensor, temperature: float = 1.0
) -> Tensor:
    """Returns `T**2` times the divergence of a student from its teacher.

    That is `sum_c q_c (log q_c - log p_c)` for the probabilities `q` of the
    teacher and `p` of the student, both from logits divided by `T`. The factor
    `T**2` keeps the size of the gradient about the same for all `T`.

    Args:
        logits: Of the student, `(..., classes)`, of any float type.
        teacher_logits: Of the same shape, or one that is broadcast to it.
        temperature: `T`, greater than 0.

    Returns:
        `(...,)`, 0 or greater, in float32.

    Reference:

    - [Hinton et al., 2015](https://arxiv.org/abs/1503.02531), section 2.
    """
    student = _log_probabilities(logits, temperature)
    teacher = _log_probabilities(teacher_logits, temperature)
    divergences = ops.sum(ops.exp(teacher) * (teacher - student), axis=-1)
    # Rounding can leave a little less than 0 where the two agree.
    return temperature**2 * ops.maximum(divergences, 0.0)


def parts(x: Tensor, sizes: Sequence[int]) -> list[Tensor]:
    """Cuts the last axis into parts of these sizes.

    `ops.split` does so too, but not into a single part on every backend.
    """
    ends = np.cumsum(sizes).tolist()
    return [
        x[..., end - size : end] for end, size in zip(ends, sizes, strict=True)
    ]


def _log_probabilities(logits: Tensor, temperature: float) -> Tensor:
    return ops.log_softmax(ops.cast(logits, "float32") / temperature, axis=-1)
