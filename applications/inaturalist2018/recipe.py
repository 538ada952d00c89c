"""iNaturalist 2018; see `applications.large_images`."""

from applications import large_images
from applications.result import Result
from applications.settings import Settings
from keras_lt import data

BENCHMARK = large_images.Benchmark(
    name="inaturalist2018",
    num_classes=8142,
    # The labels of the test images were not published: the field tests on
    # the validation images.
    lists={"train": "iNaturalist18_train", "test": "iNaturalist18_val"},
    tfds_name="i_naturalist2018",
    tfds_parts={"test": "validation"},
    colors=False,
    mean=(0.466, 0.471, 0.380),
    std=(0.195, 0.194, 0.192),
    schedules={
        "decoupling": {"weight_decay": 1e-4},
        "distillation": {"weight_decay": 1e-4, "epochs": 200},
    },
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
