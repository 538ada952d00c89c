"""The recipes for images of the CIFAR kind."""

from keras_lt.data.transforms._leveled_operations import CIFAR_MEAN
from keras_lt.data.transforms.auto_augment import AutoAugment
from keras_lt.data.transforms.compose import Compose
from keras_lt.data.transforms.cutout import Cutout
from keras_lt.data.transforms.normalize import Normalize
from keras_lt.data.transforms.random_crop import RandomCrop
from keras_lt.data.transforms.random_flip import RandomFlip
from keras_lt.data.transforms.transform import TransformFunction
from keras_lt.validation import check_choice

_MEAN = (0.4914, 0.4822, 0.4465)
_STD = (0.2023, 0.1994, 0.2010)


def cifar(training: bool | str = True) -> Compose:
    """Returns the transforms that the CIFAR recipes of the field share.

    Args:
        training: `True` or `"plain"` shifts by up to 4 pixels, mirrors and
            normalises, as in LDAM. `"strong"` adds the AutoAugment policy for
            CIFAR and Cutout of 16 pixels before normalising. `False` only
            normalises: for evaluation.

    Example:

    >>> evaluation = keras_lt.data.transforms.cifar(training=False)
    >>> images, labels = np.zeros((2, 32, 32, 3), "uint8"), np.array([3, 4])
    >>> round(float(evaluation(images, labels, None)[0].max()), 4)
    -2.2214

    Reference:

    - [Cao et al., 2019](https://arxiv.org/abs/1906.07413), section C.
    """
    check_choice("training", training, (True, False, "plain", "strong"))
    transforms: list[TransformFunction] = []
    if training:
        transforms += [RandomCrop(4), RandomFlip()]
    if training == "strong":
        transforms += [AutoAugment(), Cutout(16, fill=CIFAR_MEAN)]
    transforms.append(Normalize(_MEAN, _STD))
    return Compose(transforms)
