"""Grain beside this library: its data sets in `fit`, on rows of a sampler."""

import keras
import numpy as np
import pytest

import keras_lt
from keras_lt import data
from keras_lt import samplers
from tests.data.image_folder import write_image

grain = pytest.importorskip("grain")

LABELS = np.repeat([0, 1], [12, 4])


@pytest.fixture
def files(tmp_path):
    for row in range(len(LABELS)):
        write_image(tmp_path / f"{row}.png", 10 * row)
    names = [f"{row}.png" for row in range(len(LABELS))]
    return data.ImageFiles(names, (8, 8), tmp_path)


class Seen(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.batches = 0

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1


def model_of(kind):
    images = keras.Input((8, 8, 3))
    backbone = keras.Model(images, keras.layers.Conv2D(2, 3)(images))
    if kind == "plain":
        pooled = keras.layers.GlobalAveragePooling2D()(backbone.output)
        return keras.Model(images, keras.layers.Dense(2)(pooled))
    return keras_lt.LongTailModel(backbone, num_classes=2)


def of_rows(files, rows):
    """The examples of these rows, as a user of Grain writes it."""
    return (
        grain.MapDataset.source(rows)
        .map(lambda row: (files[int(row)] / np.float32(255), LABELS[row]))
        .batch(4)
    )


@pytest.mark.parametrize("kind", ["plain", "long_tail"])
def test_map_dataset_goes_into_fit(files, kind):
    rows = samplers.ClassBalanced()(LABELS, seed=0, epoch=0)
    examples = of_rows(files, rows)
    model, seen = model_of(kind), Seen()
    counts = keras_lt.class_counts(LABELS, num_classes=2)
    model.compile("sgd", keras_lt.losses.LogitAdjusted(counts))
    history = model.fit(examples, verbose=0, callbacks=[seen], epochs=2)
    assert seen.batches == 8
    assert np.isfinite(history.history["loss"]).all()
    everything = np.arange(len(LABELS))
    expected = model.predict(files[:] / np.float32(255), verbose=0)
    found = model.predict(of_rows(files, everything), verbose=0)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_source_of_images_is_one_of_grain(files):
    images = grain.MapDataset.source(files)
    assert len(images) == len(LABELS)
    np.testing.assert_array_equal(images[5], files[5])
