"""How rows are drawn once the share of each class is known."""

from collections.abc import Iterator

import numpy as np

from keras_lt.samplers.class_index import ClassIndex

# Keeps the temporary arrays of a piece in the cache of the processor.
_PIECE = 1 << 17


def draw_with_replacement(
    index: ClassIndex, class_weights: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Draws a class by its weight, then a row of it, `len(index)` times.

    The draws of all classes are counted first and shuffled last. That has the
    distribution of independent draws, and touches memory in order.
    """
    draws = class_draws(index, class_weights, generator)
    ends = np.cumsum(draws)
    rows = np.empty(len(index), dtype="int32")
    for begin in range(0, len(rows), _PIECE):
        places = np.arange(begin, min(begin + _PIECE, len(rows)))
        classes = _classes_of(places, ends, draws)
        within = generator.random(len(places)) * index.counts[classes]
        picked = index.starts[classes] + within.astype("int64")
        rows[begin : begin + len(places)] = index.rows[picked]
    generator.shuffle(rows)
    return rows


def class_draws(
    index: ClassIndex, class_weights: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Returns how often each class is drawn, `len(index)` times in all."""
    weights = np.where(index.counts > 0, class_weights, 0.0)
    return generator.multinomial(len(index), weights / weights.sum())


def cycles(
    index: ClassIndex, draws: np.ndarray, generator: np.random.Generator
) -> Iterator[tuple[int, np.ndarray]]:
    """Yields each class `c` with `draws[c]` above 0, and that many of its rows.

    The rows of a class come in a shuffled order, and in a newly shuffled one
    when all have been used, so that no row is used twice before each is once.
    """
    for label in np.flatnonzero(draws):
        count, wanted = index.counts[label], draws[label]
        start = index.starts[label]
        own = index.rows[start : start + count]
        rows = np.tile(own, (-(-wanted // count), 1))
        generator.permuted(rows, axis=1, out=rows)
        yield int(label), rows.ravel()[:wanted]


def _classes_of(
    places: np.ndarray, ends: np.ndarray, draws: np.ndarray
) -> np.ndarray:
    """Returns the class of each place in a run of draws sorted by class."""
    first = np.searchsorted(ends, places[0], side="right")
    last = np.searchsorted(ends, places[-1], side="right")
    labels = np.arange(first, last + 1)
    begins = np.maximum(ends[labels] - draws[labels], places[0])
    stops = np.minimum(ends[labels], places[-1] + 1)
    return np.repeat(labels, stops - begins)
