"""Ends a process as a power cut would."""

import os
import signal

import keras


class Kill(keras.callbacks.Callback):
    """Ends the process in the middle of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.at = epoch
        self.now = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.at and batch == 1:
            os.kill(os.getpid(), signal.SIGKILL)
