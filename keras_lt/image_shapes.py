"""Compares shapes of images of which some sizes may be open."""

from collections.abc import Sequence


def shapes_agree(a: Sequence[int | None], b: Sequence[int | None]) -> bool:
    """Tells whether one image can have both shapes; None is any size."""
    return len(a) == len(b) and all(
        one is None or other is None or one == other
        for one, other in zip(a, b, strict=True)
    )


def common_shape(
    a: Sequence[int | None], b: Sequence[int | None]
) -> tuple[int | None, ...]:
    """Returns the shape that images have which can have both shapes."""
    return tuple(
        other if one is None else one for one, other in zip(a, b, strict=True)
    )
