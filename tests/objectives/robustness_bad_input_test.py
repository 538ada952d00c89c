"""What the robust term refuses, and what the message says."""

import pytest

import keras_lt
from keras_lt.objectives import Robustness
from tests.objectives.robust_models import COUNTS
from tests.objectives.robust_models import crossentropy
from tests.objectives.robust_models import examples
from tests.objectives.robust_models import small_model


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("class_counts", [3, 0, 1], "at least 1 for every class"),
        ("bound", "tight", "`bound` must be one of 'same_class'"),
        ("distance", "cosine", "`distance` must be one of 'euclidean'"),
        ("centroids", "never", "`centroids` must be one of 'epoch'"),
        ("temperature", 0.0, "`temperature` must be a finite number greater"),
        ("momentum", 1.0, "`momentum` must be at least 0 and smaller than 1"),
        ("class_weights", [1.0], r"each of 3 classes.*shape \(1,\)"),
        ("class_weights", {0: 1, 1: 1, 2: 1}, "each of 3 classes.*a dict"),
        ("class_weights", [0, 0, 0], "each of 3 classes"),
        ("class_weights", [1, float("nan"), 1], "each of 3 classes"),
    ],
)
def test_bad_arguments(argument, value, message):
    arguments = {"class_counts": COUNTS, argument: value}
    with pytest.raises(ValueError, match=message):
        Robustness(**arguments)


def test_batches_have_no_use_where_each_batch_has_its_own_centroids():
    images, labels = examples()
    batches = keras_lt.data.Batches((images, labels))
    with pytest.raises(ValueError, match="`batches` must be left out"):
        Robustness(COUNTS, centroids="batch", batches=batches)


def test_counts_of_other_classes_are_refused():
    model = small_model()
    with pytest.raises(ValueError, match="model has, 3.*for 4 classes"):
        model.compile(
            "sgd", crossentropy(), objectives=[Robustness([9, 9, 9, 9])]
        )


def test_data_that_can_be_read_once_are_refused():
    images, labels = examples()
    model = small_model()
    model.compile("sgd", crossentropy(), objectives=[Robustness(COUNTS)])
    with pytest.raises(ValueError, match="takes them as `batches=`"):
        model.fit(iter([(images, labels)]), verbose=0)
