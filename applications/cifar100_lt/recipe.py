"""ResNet-32 on long-tailed CIFAR-100; see `applications.cifar`."""

from applications import cifar
from applications.cifar import evaluation as evaluation
from applications.result import Result
from applications.settings import Settings
from keras_lt import data

NAME = "cifar100_lt"


def run(settings: Settings) -> Result:
    """Trains a ResNet-32, and judges it on the 10,000 test images."""
    return cifar.run(NAME, settings)


def load(settings: Settings) -> data.Split:
    """Returns the split."""
    return cifar.load(NAME, settings)
