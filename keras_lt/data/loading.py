"""The benchmarks, by name."""

import os

from keras_lt.data.benchmark_arrays import load_benchmark
from keras_lt.data.digits import load_digits_lt
from keras_lt.data.split import Split
from keras_lt.validation import check_choice

NAMES = ("digits_lt", "cifar10_lt", "cifar100_lt", "fashion_mnist_lt")
"""Benchmarks that `load` knows."""


def load(
    name: str,
    *,
    imbalance_factor: float = 100,
    profile: str = "exponential",
    data_dir: str | os.PathLike[str] | None = None,
    validation_fraction: float = 0.0,
    validation_per_class: int = 0,
    seed: int = 0,
) -> Split:
    """Loads a benchmark: a long-tailed training set and a balanced test set.

    `digits_lt` comes with scikit-learn: 1,797 grey images of 8 x 8 pixels, of
    which 30 of each class are for testing, the same for every seed. The others
    are looked for, without ever downloading, in this order:

    1. prepared by TensorFlow Datasets in `data_dir`, if that is installed;
    2. as `cifar10.npz`, `cifar100.npz` or `fashion_mnist.npz` in `data_dir`,
       with the arrays `x_train`, `y_train`, `x_test` and `y_test`;
    3. prepared in the usual folder of TensorFlow Datasets.

    An `.npz` may hold a long-tailed subset only. It then has `index_train` too,
    where each image stood in the full training set, and lists the images of a
    class in the order of selection; each class's first ones are taken.

    Args:
        name: `"digits_lt"`, `"cifar10_lt"`, `"cifar100_lt"` or
            `"fashion_mnist_lt"`.
        imbalance_factor: Largest by smallest training class; 1 for equal
            classes, which are all images of CIFAR.
        profile: How the class sizes fall; see `data.long_tailed_counts`.
        data_dir: Where the data is. By default the environment variable
            `KERAS_LT_DATA`.
        validation_fraction: Share of each training class that is held out,
            from 0 to below 1.
        validation_per_class: Instead, number of images of each class that are
            held out of those that the subset leaves over, or all that are
            left. The training set stays that of the literature, and the
            validation set is balanced, but for the largest classes, of which
            nothing may be left. Where that is so for half of the classes, as
            with the profile "step", it must be 0.
        seed: Decides the subset and the validation slice. 0 is the subset of
            the literature.

    Returns:
        A `data.Split` with uint8 images.

    Raises:
        ValueError: If the data is not found or cannot give such a subset.
        ImportError: If `digits_lt` is asked for without scikit-learn.

    Example:

    >>> from keras_lt import data
    >>> split = data.load("digits_lt", imbalance_factor=20)
    >>> split.class_counts
    [144, 103, 74, 53, 38, 27, 19, 14, 10, 7]
    """
    check_choice("name", name, NAMES)
    if name == "digits_lt":
        return load_digits_lt(
            imbalance_factor,
            profile,
            validation_fraction,
            validation_per_class,
            seed,
        )
    return load_benchmark(
        name.removesuffix("_lt"),
        data_dir or os.environ.get("KERAS_LT_DATA"),
        imbalance_factor=imbalance_factor,
        profile=profile,
        validation_fraction=validation_fraction,
        validation_per_class=validation_per_class,
        seed=seed,
    )
