"""ResNet-32 on long-tailed CIFAR-10."""

from applications import cifar
from applications.result import Result
from applications.settings import Settings


def run(settings: Settings) -> Result:
    """Trains and judges; see `applications.cifar` for what is done."""
    return cifar.run("cifar10_lt", settings)
