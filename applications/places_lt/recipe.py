"""Places-LT; see `applications.large_images`.

The 30 epochs of a ResNet-152 from ImageNet are those of the released code of
Liu et al. (2019), `config/Places_LT/stage_1.py`. Half a cosine is that of Kang
et al. (2020), whose code lacks this stage: its batch and learning rate are
unverified. 256 and 0.01 stand in what they released for the second stage.
"""

from applications.large_images import Benchmark

BENCHMARK = Benchmark(
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

RECIPE = BENCHMARK.recipe()
