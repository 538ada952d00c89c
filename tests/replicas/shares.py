"""What a process trains on, and what one device does instead of two."""

import keras
import numpy as np

from keras_lt import callbacks
from keras_lt import data
from keras_lt import losses
from keras_lt import objectives
from keras_lt import training
from keras_lt.models import LongTailModel
from tests.models.exit_models import seeded_weights
from tests.models.small_models import CLASSES
from tests.models.small_models import COUNTS
from tests.replicas import networks

ROWS, BATCH, PROCESSES = 61, 8, 2


class Joined(keras.utils.PyDataset):
    """Batches in which those of all processes stand one after the other."""

    def __init__(self, shares):
        super().__init__(workers=1)
        self.shares = shares

    def __len__(self):
        return len(self.shares[0])

    def __getitem__(self, index):
        pairs = [share[index] for share in self.shares]
        return tuple(
            np.concatenate(parts) for parts in zip(*pairs, strict=True)
        )

    def set_epoch(self, epoch):
        for share in self.shares:
            share.set_epoch(epoch)


class SetEpoch(keras.callbacks.Callback):
    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        self.batches.set_epoch(epoch)


def share_of(index, count=PROCESSES):
    examples = networks.vectors(ROWS)
    return data.Batches(examples, BATCH, seed=4, shard=(index, count))


def batches_for(index):
    """Returns the batches of a process; None is one device."""
    if index is not None:
        return share_of(index)
    return Joined([share_of(number) for number in range(PROCESSES)])


def fitted(model, index):
    """Trains and asks a student with all methods; returns what to compare."""
    batches = batches_for(index)
    logs = model.fit(
        batches,
        epochs=3,
        verbose=0,
        shuffle=False,
        validation_data=batches,
        callbacks=[
            SetEpoch(batches),
            callbacks.DeferredReweighting(COUNTS, 1),
        ],
    ).history
    x, y = networks.vectors(ROWS - 1, seed=2)
    answers = {
        "evaluate": model.evaluate(x, y, batch_size=16, verbose=0),
        "exit_logits": model.exit_logits(x, batch_size=16, verbose=0),
        "predict": model.predict(x, verbose=0),
    }
    return {**logs, **answers, **networks.trained_values(model)}


def stages_for(index, *own_callbacks):
    batches = batches_for(index)
    features = training.Stage(
        name="features",
        epochs=2,
        batches=batches,
        loss=losses.BalancedSoftmax(COUNTS),
        optimizer=keras.optimizers.SGD(0.05, momentum=0.9),
        objectives=[objectives.Robustness(COUNTS)],
        callbacks=[SetEpoch(batches), *own_callbacks],
    )
    classifier = training.Stage(
        name="classifier",
        epochs=1,
        batches=batches,
        trainable="classifier",
        reset="classifier",
        objectives=(),
        callbacks=[SetEpoch(batches)],
    )
    return [features, classifier]


def plain_model():
    return seeded_weights(LongTailModel(networks.backbone(), CLASSES), 3)
