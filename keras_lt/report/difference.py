"""How far two runs are apart."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Difference:
    """Holds the difference of a score between two runs, and its interval.

    Args:
        value: Score of the run less that of the one it is compared with.
        low: Lower end of the 95 % interval.
        high: Upper end of the 95 % interval.

    Example:

    >>> keras_lt.report.Difference(0.03, 0.01, 0.05).is_clear
    True
    """

    value: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0
