import dataclasses

import numpy as np
import pytest

from keras_lt import data


def examples(*labels: int) -> data.Examples:
    return data.Examples(np.zeros((len(labels), 2, 2, 1)), np.array(labels))


def test_counts_are_of_the_training_part():
    split = data.Split(
        examples(0, 2, 0, 1, 0), ["a", "b", "c"], validation=examples(1, 1)
    )
    assert split.class_counts == [3, 1, 1]
    assert all(type(count) is int for count in split.class_counts)
    assert split.num_classes == 3
    assert list(split.parts()) == ["train", "validation"]


def test_split_is_frozen():
    split = data.Split(examples(0, 1), ["a", "b"])
    with pytest.raises(dataclasses.FrozenInstanceError):
        split.name = "other"


def test_one_class_only():
    with pytest.raises(ValueError, match="two classes or more.*1 class, 'a'"):
        data.Split(examples(0, 0), ["a"])


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_label_out_of_range(part):
    parts = {"train": examples(0, 1), part: examples(0, 1, 2)}
    with pytest.raises(
        ValueError, match=f"`{part} labels` must be below .* 2. Received: 2 at"
    ):
        data.Split(class_names=["a", "b"], **parts)


def test_class_without_training_examples_is_named():
    with pytest.raises(
        ValueError, match=r"2 of 4 classes without, first label 1 \('b'\)"
    ):
        data.Split(examples(0, 2), list("abcd"))
