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
    return [
        count_flops(stage) + count_flops(branch, stage.output.shape)
        for stage, branch in zip(stages, branches, strict=True)
    ]


def exit_costs(
    stages: Sequence[keras.Model], branches: Sequence[ExitBranch]
) -> list[float]:
    """Returns the work of leaving at each exit, by that of the plain network.

    The plain network is the backbone with the last branch.
    """
    plain = sum(count_flops(stage) for stage in stages)
    plain += count_flops(branches[-1], stages[-1].output.shape)
    spent = itertools.accumulate(stage_flops(stages, branches))
    return [one / plain for one in spent]
