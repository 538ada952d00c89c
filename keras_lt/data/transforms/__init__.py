"""Transforms of batches of images, in NumPy, seeded by the batch."""

from keras_lt.data.transforms.cifar import cifar
from keras_lt.data.transforms.compose import Compose
from keras_lt.data.transforms.normalize import Normalize
from keras_lt.data.transforms.random_crop import RandomCrop
from keras_lt.data.transforms.random_flip import RandomFlip
from keras_lt.data.transforms.transform import Transform

__all__ = [
    "Compose",
    "Normalize",
    "RandomCrop",
    "RandomFlip",
    "Transform",
    "cifar",
]
