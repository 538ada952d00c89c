"""Augmentation layers of keras-cv feed batches, as those of Keras do."""

import numpy as np
import pytest

from keras_lt import data
from keras_lt.data import transforms


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("RandAugment", {"value_range": (0, 255)}),
        ("RandomCutout", {"height_factor": 0.5, "width_factor": 0.5}),
    ],
)
def test_layers_of_keras_cv(name, arguments):
    cv = pytest.importorskip("keras_cv", exc_type=ImportError)
    layer = getattr(cv.layers, name)(**arguments)
    x = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3))
    y = np.arange(6) % 3
    batches = data.Batches(
        (x.astype("uint8"), y),
        batch_size=4,
        transform=transforms.from_layer(layer),
    )
    images, labels = batches[0]
    rows = batches.rows(0)[:4]
    assert images.shape == (4, 16, 16, 3)
    assert images.dtype == "float32"
    assert np.isfinite(images).all()
    assert (images != x[rows]).any()
    np.testing.assert_array_equal(labels, y[rows])
