"""Places-LT; see `applications.large_images`.

The 30 epochs of a ResNet-152 from ImageNet are those of the released code of
Liu et al. (2019), `config/Places_LT/stage_1.py`. Half a cosine is that of Kang
et al. (2020), whose code lacks this stage: its batch and learning rate are
unverified. 256 and 0.01 stand in what they released for the second stage.
"""

from applications import large_images
from applications.result import Result
from applications.settings import Settings
from keras_lt import data

BENCHMARK = large_images.Benchmark(
    name="places_lt",
    num_classes=365,
    lists={
        "train": "Places_LT_train",
        "validation": "Places_LT_val",
        "test": "Places_LT_test",
    },
    backbone="ResNet152",
    schedules={
        "decoupling": {
            "epochs": 30,
            "batch_size": 256,
            "learning_rate": 0.01,
        },
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
