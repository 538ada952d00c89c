"""Transforms of batches of images, in NumPy, seeded by the batch."""

from keras_lt.data.transforms.auto_augment import AutoAugment
from keras_lt.data.transforms.center_crop import CenterCrop
from keras_lt.data.transforms.cifar_recipe import cifar
from keras_lt.data.transforms.color_jitter import ColorJitter
from keras_lt.data.transforms.compose import Compose
from keras_lt.data.transforms.crop import Crop
from keras_lt.data.transforms.cut_mix import CutMix
from keras_lt.data.transforms.cutout import Cutout
from keras_lt.data.transforms.device_transform import DeviceTransform
from keras_lt.data.transforms.imagenet_recipe import imagenet
from keras_lt.data.transforms.keras_layer import from_layer
from keras_lt.data.transforms.mixup import Mixup
from keras_lt.data.transforms.normalize import Normalize
from keras_lt.data.transforms.rand_augment import RandAugment
from keras_lt.data.transforms.random_crop import RandomCrop
from keras_lt.data.transforms.random_flip import RandomFlip
from keras_lt.data.transforms.random_grayscale import RandomGrayscale
from keras_lt.data.transforms.random_resized_crop import RandomResizedCrop
from keras_lt.data.transforms.transform import Transform

__all__ = [
    "AutoAugment",
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "Crop",
    "CutMix",
    "Cutout",
    "DeviceTransform",
    "Mixup",
    "Normalize",
    "RandAugment",
    "RandomCrop",
    "RandomFlip",
    "RandomGrayscale",
    "RandomResizedCrop",
    "Transform",
    "cifar",
    "from_layer",
    "imagenet",
]
