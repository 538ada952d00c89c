"""The batches that are judged on."""

from keras_lt import data
from keras_lt import samplers


def in_order(
    examples: data.Examples,
    evaluation: data.transforms.Transform,
    broken_images: str = "raise",
) -> data.Batches:
    """Returns batches of all the examples, each once."""
    return data.Batches(
        examples,
        batch_size=250,
        sampler=samplers.InOrder(),
        transform=evaluation,
        broken_images=broken_images,
    )
