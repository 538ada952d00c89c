"""The handwritten digits that scikit-learn carries, in a long tail."""

import numpy as np

from keras_lt.data.arrays import split_of_rows
from keras_lt.data.examples import Examples
from keras_lt.data.holdout import draw_per_class
from keras_lt.data.profiles import long_tailed_rows
from keras_lt.data.split import Split

TEST_PER_CLASS = 30
"""Test images of each digit.

The smallest class has 174 images, so 144 are left to train on: at an imbalance
of 20 that gives 2 / 4 / 4 classes with many / medium / few images, and 120 test
images of the few, enough to see 5 points of difference.
"""

MAX_PIXEL = 16
"""The digits are stored with 17 shades of grey."""


def load_digits_lt(
    imbalance_factor: float,
    profile: str,
    validation_fraction: float,
    validation_per_class: int,
    seed: int,
) -> Split:
    """Makes the split; see `data.load`."""
    images, labels = _read()
    full = Examples(images, labels)
    # The test images are the same for every seed, as those of a benchmark.
    counts = np.full(10, TEST_PER_CLASS)
    rest, test = draw_per_class(full.y, counts, seed=0)
    rows = long_tailed_rows(full.y[rest], imbalance_factor, profile, seed)
    return split_of_rows(
        full,
        rows=rest[rows],
        test=full.take(test),
        not_spare=test,
        validation_fraction=validation_fraction,
        validation_per_class=validation_per_class,
        name="digits_lt",
        settings={
            "imbalance_factor": imbalance_factor,
            "profile": profile,
            "seed": seed,
        },
        seed=seed,
    )


def _read() -> tuple[np.ndarray, np.ndarray]:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            "`digits_lt` needs scikit-learn. Install it with "
            '`pip install "keras-lt[datasets]"`.'
        ) from error
    digits = load_digits()
    images = np.rint(digits.images * (255 / MAX_PIXEL)).astype("uint8")
    return images[..., None], digits.target.astype("int32")
