"""The recipes for images of the ImageNet kind."""

from collections.abc import Sequence

from keras_lt.data.transforms.center_crop import CenterCrop
from keras_lt.data.transforms.color_jitter import ColorJitter
from keras_lt.data.transforms.compose import Compose
from keras_lt.data.transforms.normalize import Normalize
from keras_lt.data.transforms.random_flip import RandomFlip
from keras_lt.data.transforms.random_grayscale import RandomGrayscale
from keras_lt.data.transforms.random_resized_crop import RandomResizedCrop
from keras_lt.data.transforms.transform import TransformFunction
from keras_lt.validation import check_choice

_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
_TRAINING = (True, False, "crop", "plain", "strong")


def imagenet(
    training: bool | str = True,
    mean: float | Sequence[float] = _MEAN,
    std: float | Sequence[float] = _STD,
    normalize: TransformFunction | None = None,
) -> Compose:
    """Returns the transforms that recipes for large images share.

    Args:
        training: `True` or `"plain"` cuts out a part of random size, mirrors,
            jitters the colours by 0.4 and normalises, as on ImageNet-LT.
            `"crop"` leaves colours alone, as on iNaturalist. `"strong"` is
            the distortion of SimCLR, which half of the published teachers of
            class-balanced distillation have. `False` cuts out the middle and
            normalises: for evaluation.
        mean: Of the channels, for pixels from 0 to 1.
        std: Of the channels, for pixels from 0 to 1.
        normalize: Instead of these, what a backbone wants its pixels to go
            through.

    Example:

    >>> evaluation = keras_lt.data.transforms.imagenet(training=False)
    >>> images, labels = np.zeros((2, 32, 32, 3), "uint8"), np.array([3, 4])
    >>> round(float(evaluation(images, labels, None)[0].max()), 4)
    -1.8044

    Reference:

    - [Kang et al., 2020](https://arxiv.org/abs/1910.09217), section 4.2.
    - [Chen et al., 2020](https://arxiv.org/abs/2002.05709), appendix A.
    """
    check_choice("training", training, _TRAINING)
    transforms: list[TransformFunction] = [
        RandomResizedCrop() if training else CenterCrop()
    ]
    if training:
        transforms.append(RandomFlip())
    if training in (True, "plain"):
        transforms.append(ColorJitter(0.4, 0.4, 0.4))
    if training == "strong":
        transforms += [ColorJitter(0.8, 0.8, 0.8, 0.2, 0.8), RandomGrayscale()]
    transforms.append(normalize or Normalize(mean, std))
    return Compose(transforms)
