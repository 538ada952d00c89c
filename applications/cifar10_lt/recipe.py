"""ResNet-32 on long-tailed CIFAR-10."""

from applications import cifar
from applications.result import Result
from applications.settings import Settings

IMBALANCE_FACTOR = 100
"""What most papers report first; 50 and 10 are the others."""


def run(settings: Settings) -> Result:
    """Trains and judges; see `applications.cifar` for what is done."""
    return cifar.run("cifar10_lt", settings)
