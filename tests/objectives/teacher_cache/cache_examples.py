"""Small data and teachers for the tests of the cache."""

import keras
import numpy as np

from keras_lt import samplers
from keras_lt.data import Batches
from keras_lt.data import transforms
from keras_lt.objectives import Teacher

N = 22
SHAPE = (6, 6, 3)
IMAGES = np.random.default_rng(0).integers(0, 256, (N, *SHAPE), dtype="uint8")
LABELS = np.arange(N) % 4

CROPS = transforms.Compose(
    [transforms.RandomCrop(2), transforms.RandomFlip()]
    + [transforms.Normalize(0.5, 0.25)]
)
PLAIN = transforms.Normalize(0.5, 0.25)


def make_batches(**options):
    options = {
        "examples": (IMAGES, LABELS),
        "batch_size": 8,
        "sampler": samplers.ClassBalanced(),
        "transform": CROPS,
        "seed": 3,
        **options,
    }
    return Batches(**options)


def make_teacher(seed=0, dim=5, classes=4, shape=SHAPE):
    """A teacher of one hidden layer, with batch normalisation."""
    keras.utils.set_random_seed(seed)
    images = keras.Input(shape)
    x = keras.layers.Flatten()(images)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Dense(dim, activation="relu", name="embedding")(x)
    x = keras.layers.Dropout(0.5)(x)
    if classes is not None:
        x = keras.layers.Dense(classes)(x)
    model = keras.Model(images, x)
    generator = np.random.default_rng(seed)
    for variable in model.variables:
        if variable.dtype == "float32":
            values = generator.uniform(0.5, 1.5, variable.shape)
            signs = generator.choice([-1, 1], variable.shape)
            positive = "variance" in variable.name
            variable.assign(values if positive else 0.1 * signs * values)
    return Teacher(model, features="embedding")


def expected(teacher, images):
    """Features and logits in float64, by hand."""
    names = ["gamma", "beta", "moving_mean", "moving_variance"]
    dense = [v for v in teacher.model.variables if "normal" not in v.path]
    weights = [
        keras.ops.convert_to_numpy(v).astype("float64")
        for v in dense
        if v.dtype == "float32"
    ]
    norm = {
        v.name: keras.ops.convert_to_numpy(v).astype("float64")
        for v in teacher.model.variables
        if v.name in names
    }
    x = images.astype("float64").reshape(len(images), -1)
    x = (x - norm["moving_mean"]) / np.sqrt(norm["moving_variance"] + 1e-3)
    x = x * norm["gamma"] + norm["beta"]
    features = np.maximum(x @ weights[0] + weights[1], 0)
    if len(weights) == 2:
        return features, None
    return features, features @ weights[2] + weights[3]
