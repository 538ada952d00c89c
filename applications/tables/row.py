"""What a table compares."""

import dataclasses
from collections.abc import Mapping

DERIVED = ("ensemble", "tau_normalized", "nearest_class_mean")
"""Methods that make a row of finished runs, without training."""


@dataclasses.dataclass(frozen=True)
class Line:
    """Names one kind of answers of a row.

    Args:
        label: What the table calls it.
        kind: `"as_trained"`, `"adjusted"` for logits that are adjusted after
            the training, `"full_depth"` for a network with exits.
        published: Accuracy in percent and its source, by the name of the data
            and of the imbalance, `"cifar100_lt 100"` for instance.
        published_augmentation: What the published trainings had.
    """

    label: str
    kind: str = "as_trained"
    published: Mapping[str, tuple[float, str]] = dataclasses.field(
        default_factory=dict
    )
    published_augmentation: str = "plain"


@dataclasses.dataclass(frozen=True)
class Teacher:
    """Names the run of a teacher.

    Args:
        row: Name of its row.
        augmentation: Of its images.
        seed: Its seed; None for that of the pair.
    """

    row: str
    augmentation: str = "plain"
    seed: int | None = None


@dataclasses.dataclass(frozen=True)
class Row:
    """Holds a way of training, and what the table shows of it.

    Args:
        name: What its files are called.
        flags: Of `scripts/train.py`, without those of the data and the length.
        lines: What is shown.
        initial: Name of the row whose weights it starts from, or whose model
            it is made of.
        teachers: Its teachers, or the members of an ensemble.
        seed_offset: What is added to the seed of a pair, so that a student
            does not start from the weights of its teacher.
    """

    name: str
    flags: Mapping[str, str]
    lines: tuple[Line, ...]
    initial: str | None = None
    teachers: tuple[Teacher, ...] = ()
    seed_offset: int = 0

    @property
    def is_derived(self) -> bool:
        """Whether it is made of the models or answers of runs."""
        return self.flags["method"] in DERIVED

    @property
    def needs_held_out(self) -> bool:
        """Whether it is nothing without images to choose on."""
        return self.flags["method"] == "tau_normalized"

    @property
    def has_fixed_members(self) -> bool:
        """Whether it is made of the same runs whatever the seed."""
        seeds = [one.seed for one in self.teachers]
        return self.is_derived and bool(seeds) and None not in seeds

    def line(self, kind: str) -> Line | None:
        """Returns the line of this kind of answers, if there is one."""
        return next((one for one in self.lines if one.kind == kind), None)
