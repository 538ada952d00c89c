"""Which augmentation a recipe has."""

from applications.settings import Settings


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
