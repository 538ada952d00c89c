"""iNaturalist 2018; see `applications.large_images`."""

from applications.large_images import Benchmark

BENCHMARK = Benchmark(
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

RECIPE = BENCHMARK.recipe()
