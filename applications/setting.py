"""A setting: a field of a dataclass, with the limits of its values."""

import dataclasses
from collections.abc import Sequence
from typing import Any

_CHECKS = {
    (0, None): "check_not_negative",
    (0, 1): "check_fraction",
    (1, None): "check_positive_int",
}
"""What of `keras_lt.validation` checks the range from `least` to `most`."""


def setting(
    default: Any,
    *,
    flag: str | None = None,
    choices: Sequence[str] | None = None,
    least: float | None = None,
    most: float | None = None,
    positive: bool | None = None,
) -> Any:
    """Returns a field with what its flag and its check need to know.

    Args:
        default: Value by default, which is within the limits.
        flag: Name of the flag, if not that of the field.
        choices: What a value is one of, or a tuple of values some of.
        least: The least value that the flag takes.
        most: The greatest one.
        positive: Whether 0 is refused as well, which a flag cannot do.
    """
    limits = {
        "flag": flag,
        "choices": choices,
        "least": least,
        "most": most,
        "positive": positive,
    }
    given = {name: one for name, one in limits.items() if one is not None}
    return dataclasses.field(default=default, metadata=given)


def check(field: dataclasses.Field[Any], value: Any) -> None:
    """Refuses a value that is beyond the limits of its field.

    Raises:
        ValueError: If it is none of the choices, or out of the range.
    """
    # It imports Keras, and the flags are defined before that.
    from keras_lt import validation

    limits = field.metadata
    if "choices" in limits:
        for one in value if isinstance(value, tuple) else (value,):
            validation.check_choice(field.name, one, limits["choices"])
    elif "positive" in limits:
        validation.check_positive(field.name, value)
    elif "least" in limits:
        name = _CHECKS[limits["least"], limits.get("most")]
        getattr(validation, name)(field.name, value)
