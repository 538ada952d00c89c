"""Refuses what one recipe or its data have no use for, though others have."""

from applications.settings import Settings
from keras_lt import data

OF_NETWORKS = ("backbone", "pretrained", "pretrained_weights", "image_size")
"""Settings of recipes that have a choice of networks."""


def refuse_strong(settings: Settings, application: str) -> None:
    """Raises if more is asked for than an application has.

    Raises:
        ValueError: If the augmentation is not the plain one.
    """
    if settings.augmentation != "plain":
        raise ValueError(
            "`augmentation` must be 'plain', as AutoAugment and Cutout are "
            "set up for images of CIFAR. Received: augmentation="
            f"{settings.augmentation!r} for {application}. Leave out "
            "--augmentation."
        )


def refuse_network(settings: Settings, application: str) -> None:
    """Raises if a network is asked for where an application has one only.

    Raises:
        ValueError: If a choice of the network or of its images is made.
    """
    changed = settings.changed()
    for name in OF_NETWORKS:
        if name in changed:
            raise ValueError(
                f"`{name}` must be left out, as the recipe has one network "
                f"and images of one size. Received: {name}={changed[name]!r} "
                f"for {application}. Leave out --{name}, or take "
                "--application=image_folder for a network of your choice."
            )


def refuse_without_use(settings: Settings, split: data.Split) -> None:
    """Raises if a choice has no effect with the data of a run.

    Raises:
        ValueError: If it is for held-out images, or for images in files, and
            there are none.
    """
    changed = settings.changed()
    for name, there, what in (
        ("max_accuracy_loss", split.validation is not None, "held-out images"),
        (
            "broken_images",
            isinstance(split.train.x, data.EncodedImages),
            "images in files",
        ),
    ):
        if name in changed and not there:
            raise ValueError(
                f"`{name}` must go with {what}, which the data of this run "
                f"lack. Received: {name}={changed[name]!r}. Leave out "
                f"--{name}."
            )
