"""Deals the rows of an epoch to several processes."""

from typing import Any

import numpy as np


def check_shard(shard: Any) -> tuple[int, int]:
    """Returns `(index, count)`, or raises if there is no such shard."""
    try:
        index, count = (int(number) for number in shard)
    except (TypeError, ValueError):
        index, count = -1, 0
    if not 0 <= index < count:
        raise ValueError(
            "`shard` must be `(index, count)` of whole numbers with 0 <= index "
            f"< count. Received: shard={shard!r}. Pass the number of this "
            "process and the number of processes."
        )
    return index, count


def shard_rows(
    rows: np.ndarray, labels: np.ndarray, shard: tuple[int, int]
) -> np.ndarray:
    """Returns the draws of one shard, in the order of the epoch.

    The draws are dealt like cards, class by class, so that a class with few
    draws does not end up with one process by chance.
    """
    index, count = check_shard(shard)
    if count == 1:
        return rows
    usable = rows[: len(rows) - len(rows) % count]
    if not len(usable):
        raise ValueError(
            f"`shard` must leave each process an example. Received: {count} "
            f"shards of {len(rows)} examples. Use fewer processes."
        )
    by_class = np.argsort(labels[usable], kind="stable")
    mine = np.sort(by_class[index::count])
    return usable[mine]


def complete_shard(rows: np.ndarray, shard: tuple[int, int]) -> np.ndarray:
    """Returns the draws of one shard, dealt in turn, with none left out.

    Shards that come off short have the last draw of the epoch once more.
    """
    index, count = check_shard(shard)
    missing = np.repeat(rows[-1:], -len(rows) % count)
    return np.concatenate([rows, missing])[index::count]
