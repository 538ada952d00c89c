"""Models that answer the test examples of a split."""

import warnings

import keras
import numpy as np
import pytest

from keras_lt import data
from keras_lt import report
from keras_lt.data import transforms


def images(number, seed=0):
    """Noise, with the class as the brightness of one channel."""
    generator = np.random.default_rng(seed)
    labels = np.arange(number) % 3
    x = generator.integers(0, 40, (number, 4, 4, 3)).astype("uint8")
    x[np.arange(number), :, :, labels] += 100
    return x, labels


def split(test=True, validation_fraction=0.0):
    x, y = images(30)
    return data.from_arrays(
        x,
        y,
        test=images(25, seed=1) if test else None,
        validation_fraction=validation_fraction,
        class_names=["red", "green", "blue"],
        name="colours",
    )


def brightness(shift=0.0, softmax=False, name="brightness"):
    """A model that is right by construction, on pixels from 0 to 1."""
    inputs = keras.Input((4, 4, 3))
    outputs = keras.layers.GlobalAveragePooling2D()(inputs)
    outputs = keras.layers.Rescaling(8.0, offset=shift)(outputs)
    if softmax:
        outputs = keras.layers.Softmax()(outputs)
    return keras.Model(inputs, outputs, name=name)


class Normalise:
    def __call__(self, x, y, generator):
        return x.astype("float32") / 255, y


@pytest.mark.parametrize("batch_size", [1, 7, 25, 256])
def test_answers_line_up_with_labels(batch_size):
    card = report.evaluate(
        brightness(), split(), batch_size, transform=Normalise()
    )
    assert card.accuracy == 1.0
    assert card.class_supports == [9, 8, 8]
    assert card.classes.names == ("red", "green", "blue")
    assert card.classes.counts == (10, 10, 10)
    assert card.name == "brightness"
    assert card.meta["part"] == "test"
    assert "25 test images of colours" in card.to_markdown()


def test_equals_the_report_of_its_logits():
    x, y = images(25, seed=1)
    model = brightness(shift=0.3)
    logits = model.predict(x.astype("float32") / 255, verbose=0)
    expected = report.from_logits(logits, y, [10, 10, 10])
    card = report.evaluate(model, split(), 8, transform=Normalise())
    assert card.negative_log_likelihood == pytest.approx(
        expected.negative_log_likelihood, rel=1e-5
    )


def test_lazy_source():
    class Source:
        def __init__(self, x):
            self.x, self.shape = x, x.shape

        def __len__(self):
            return len(self.x)

        def __getitem__(self, rows):
            return self.x[rows]

    x, y = images(25, seed=1)
    own = data.from_arrays(*images(30), test=(Source(x), y))
    assert report.evaluate(brightness(), own, 4).accuracy == 1.0


def test_validation_is_said():
    card = report.evaluate(
        brightness(), split(test=False, validation_fraction=0.2)
    )
    assert card.meta["part"] == "validation"
    assert "6 validation images" in card.to_markdown()
    assert "There was no test part" in card.to_markdown()


def test_nothing_to_report_on():
    with pytest.raises(ValueError, match="must have test or validation"):
        report.evaluate(brightness(), split(test=False))


def test_dict_of_outputs():
    plain = brightness()
    model = keras.Model(
        plain.input, {"logits": plain.output, "features": plain.output}
    )
    assert report.evaluate(model, split()).accuracy == 1.0
    other = keras.Model(plain.input, {"scores": plain.output})
    with pytest.raises(ValueError, match="a dict of 'scores'"):
        report.evaluate(other, split())
    twice = keras.Model(plain.input, [plain.output, plain.output])
    with pytest.raises(ValueError, match="Received: 2 outputs"):
        report.evaluate(twice, split())


def test_softmax_is_noticed():
    model = brightness(softmax=True)
    with pytest.raises(ValueError, match="from_logits=False"):
        report.evaluate(model, split(), transform=Normalise())
    card = report.evaluate(
        model, split(), transform=Normalise(), from_logits=False
    )
    logits = report.evaluate(brightness(), split(), transform=Normalise())
    assert card.negative_log_likelihood == pytest.approx(
        logits.negative_log_likelihood, rel=1e-5
    )


def test_history_of_fit():
    model = brightness()
    model.compile(
        "sgd",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    x, y = images(30)
    history = model.fit(x, y, epochs=2, verbose=0)
    for given in (history, history.history):
        card = report.evaluate(model, split(), history=given)
        assert len(card.history["loss"]) == 2


def test_transform_that_mixes_examples():
    class Mixing(transforms.Transform):
        mixes_examples = True

        def __call__(self, x, y, generator):
            return x, y

    with pytest.raises(ValueError, match="Received: Mixing, which mixes"):
        report.evaluate(brightness(), split(), transform=Mixing())


def test_model_of_other_classes():
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(5)])
    with pytest.raises(ValueError, match=r"3 class counts.*\(25, 5\)"):
        report.evaluate(model, split())


def test_random_transform_brings_a_warning():
    model, own = brightness(), split()
    random = transforms.Compose([Normalise(), transforms.RandomFlip()])
    with pytest.warns(UserWarning, match="not be random.*Received: RandomFlip"):
        report.evaluate(model, own, transform=random)
    plain = transforms.Compose([Normalise(), transforms.Normalize(0.5, 0.5)])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        report.evaluate(model, own, transform=plain)
