"""The work of each stage, and of leaving at each exit."""

import itertools
from collections.abc import Sequence

import keras

from keras_lt.inference.flops import count_flops
from keras_lt.layers import ExitBranch


def stage_flops(
    stages: Sequence[keras.Model], branches: Sequence[ExitBranch]
) -> list[int]:
    """Returns the multiply-accumulates of each stage with its branch."""
    works = _works(stages, branches, stages[0].inputs[0].shape)
    return [trunk + branch for trunk, branch in works]


def exit_costs(
    stages: Sequence[keras.Model],
    branches: Sequence[ExitBranch],
    image_shape: Sequence[int] | None = None,
) -> list[float]:
    """Returns the work of leaving at each exit, by that of the plain network.

    The plain network is the backbone with the last branch.
    """
    own = stages[0].inputs[0].shape[1:]
    sizes = own if image_shape is None else tuple(image_shape)
    if len(sizes) != len(own) or None in sizes:
        raise ValueError(
            "`image_shape` must hold all sizes of an image, as the work "
            f"depends on them. Received: {sizes}, for a backbone that takes "
            f"{own}. Call `model.exit_costs(image_shape=(224, 224, 3))` first, "
            "with the sizes in use."
        )
    works = _works(stages, branches, (None, *sizes))
    plain = sum(trunk for trunk, _ in works) + works[-1][1]
    spent = itertools.accumulate(trunk + branch for trunk, branch in works)
    return [one / plain for one in spent]


def _works(
    stages: Sequence[keras.Model],
    branches: Sequence[ExitBranch],
    shape: tuple[int | None, ...],
) -> list[tuple[int, int]]:
    """Returns the work of each stage alone, and of its branch."""
    works = []
    for stage, branch in zip(stages, branches, strict=True):
        trunk = count_flops(stage, shape)
        shape = stage.compute_output_shape(shape)
        works.append((trunk, count_flops(branch, shape)))
    return works
