"""A training that can kill itself; run as a script by `resume_test.py`.

It has whatever could make a resumed training differ: dropout, augmentation in
the model and in the batches, momentum, rates and class weights that change,
objectives with centroids and radii, and a second stage with a new classifier.
"""

import os
import signal
import sys

import keras
import numpy as np

from keras_lt import callbacks
from keras_lt import data
from keras_lt import losses
from keras_lt import models
from keras_lt import objectives
from keras_lt import samplers
from keras_lt import training
from tests.killed import Kill

COUNTS = [30, 12, 6]


class KillWhileSaving(Kill):
    """Ends the process with half a checkpoint on the disk."""

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.at:
            np.savez = self.write_half

    def write_half(self, file, **arrays):
        file.write(b"half of it")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)


def make_model():
    images = keras.Input((8, 8, 1))
    x = keras.layers.RandomFlip("horizontal")(images)
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same")(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.ReLU(name="stage_1")(x)
    x = keras.layers.Dropout(0.3)(x)
    return models.LongTailModel(
        keras.Model(images, x), num_classes=3, feature_layers=["stage_1"]
    )


def make_examples():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), COUNTS)
    images = (
        rng.normal(size=(len(labels), 8, 8, 1)) + labels[:, None, None, None]
    )
    return images.astype("float32"), labels


def make_stages(kill_at):
    examples = make_examples()
    rate = callbacks.step_schedule(0.1, {2: 0.5}, warmup_epochs=1)
    features = training.Stage(
        name="features",
        epochs=3,
        batches=data.Batches(
            examples, 12, transform=data.transforms.RandomCrop(1), seed=1
        ),
        loss=losses.BalancedSoftmax(COUNTS),
        optimizer=keras.optimizers.SGD(0.1, momentum=0.9),
        metrics=["accuracy"],
        objectives=[
            objectives.Robustness(COUNTS, radius="learned"),
            objectives.Robustness(
                COUNTS, features="stage_1", centroids="moving_average"
            ),
        ],
        callbacks=[
            keras.callbacks.LearningRateScheduler(rate),
            callbacks.DeferredReweighting(COUNTS, start_epoch=2),
            Kill(kill_at.get("features")),
        ],
        validation=examples,
    )
    classifier = training.Stage(
        name="classifier",
        epochs=2,
        batches=data.Batches(
            examples, 12, sampler=samplers.ClassBalanced(), seed=2
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        objectives=(),
        trainable="classifier",
        reset="classifier",
        callbacks=[KillWhileSaving(kill_at.get("classifier"))],
    )
    return [features, classifier]


def run(folder, kill_at):
    keras.utils.set_random_seed(3)
    model = make_model()
    history = training.train(model, make_stages(kill_at), folder, verbose=0)
    return model, history


if __name__ == "__main__":
    folder, stage, epoch = sys.argv[1:]
    run(folder, {stage: int(epoch)})
