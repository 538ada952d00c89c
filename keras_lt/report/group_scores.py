"""The numbers of one group of classes."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class GroupScores:
    """Holds the scores of the many, the medium or the few classes.

    Args:
        num_classes: Number of classes in the group.
        num_examples: Number of their test examples.
        accuracy: Mean of the accuracies of the classes that have test
            examples; None if there are none.
        interval: Ends of the bootstrap interval of the accuracy, or None.
        calibration_error: Over the examples of the group, or None.
        negative_log_likelihood: Mean over the examples, in nats, or None.

    Example:

    >>> keras_lt.report.GroupScores(num_classes=0, num_examples=0).accuracy
    """

    num_classes: int
    num_examples: int
    accuracy: float | None = None
    interval: tuple[float, float] | None = None
    calibration_error: float | None = None
    negative_log_likelihood: float | None = None
