"""Tells whether the images of a run are still divided as they were."""

from collections.abc import Mapping
from typing import Any

from keras_lt import data
from keras_lt.data.check_sums import check_sum


def check_sums(split: data.Split) -> dict[str, str]:
    """Returns one word for the images and labels of each part, in order."""
    return {name: check_sum(part) for name, part in split.parts().items()}


def changed_parts(record: Mapping[str, Any], split: data.Split) -> list[str]:
    """Returns the parts that hold other images than those on record.

    Earlier runs have no record of their images; then there are none.
    """
    kept = record.get("images")
    if kept is None:
        return []
    found = check_sums(split)
    return [
        name
        for name in dict.fromkeys([*kept, *found])
        if kept.get(name) != found.get(name)
    ]
