"""Transforms of batches of images, in NumPy, seeded by the batch."""

from keras_lt.data.transforms.auto_augment import AutoAugment
from keras_lt.data.transforms.cifar_recipe import cifar
from keras_lt.data.transforms.compose import Compose
from keras_lt.data.transforms.cut_mix import CutMix
from keras_lt.data.transforms.cutout import Cutout
from keras_lt.data.transforms.device_transform import DeviceTransform
from keras_lt.data.transforms.keras_layer import from_layer
from keras_lt.data.transforms.mixup import Mixup
from keras_lt.data.transforms.normalize import Normalize
from keras_lt.data.transforms.rand_augment import RandAugment
from keras_lt.data.transforms.random_crop import RandomCrop
from keras_lt.data.transforms.random_flip import RandomFlip
from keras_lt.data.transforms.transform import Transform

__all__ = [
    "AutoAugment",
    "Compose",
    "CutMix",
    "Cutout",
    "DeviceTransform",
    "Mixup",
    "Normalize",
    "RandAugment",
    "RandomCrop",
    "RandomFlip",
    "Transform",
    "cifar",
    "from_layer",
]
