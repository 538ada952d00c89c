"""Sizes of batches, so few that compiling for each of them is no burden."""

_SMALLEST_SHARE = 8
"""A full batch is at most this many times as large as a padded one."""


def bucket_size(count: int, batch_size: int) -> int:
    """Returns the number of rows with which `count` examples are computed.

    A full batch, or a power of two that is not much smaller: at most five
    sizes for a batch size, whatever the length of the input.
    """
    if count >= batch_size:
        return batch_size
    smallest = max(1, power_of_two_from(batch_size) // _SMALLEST_SHARE)
    return min(batch_size, max(power_of_two_from(count), smallest))


def power_of_two_from(count: int) -> int:
    """Returns the smallest power of two that is at least `count`."""
    return 1 << max(0, count - 1).bit_length()
