"""ImageNet-LT; see `applications.large_images`."""

from applications import large_images
from applications.result import Result
from applications.settings import Settings
from keras_lt import data

BENCHMARK = large_images.Benchmark(
    name="imagenet_lt",
    num_classes=1000,
    lists={
        "train": "ImageNet_LT_train",
        "validation": "ImageNet_LT_val",
        "test": "ImageNet_LT_test",
    },
    tfds_name="imagenet_lt",
    tfds_parts={"validation": "validation", "test": "test"},
)


def run(settings: Settings) -> Result:
    """Trains a network, and judges it on the test images."""
    return large_images.run(BENCHMARK, settings)


def load(settings: Settings) -> data.Split:
    """Returns the split; images are read when they are needed."""
    return large_images.load(BENCHMARK, settings)


def evaluation(settings: Settings) -> data.transforms.Transform:
    """Returns what test images go through."""
    return large_images.evaluation(BENCHMARK, settings)
