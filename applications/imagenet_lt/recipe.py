"""ImageNet-LT; see `applications.large_images`."""

from applications.large_images import Benchmark

BENCHMARK = Benchmark(
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

RECIPE = BENCHMARK.recipe()
