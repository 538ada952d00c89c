"""Samplers: which rows an epoch visits, and in which order."""

from keras_lt.samplers.class_balanced import ClassBalanced
from keras_lt.samplers.class_index import ClassIndex
from keras_lt.samplers.in_order import InOrder
from keras_lt.samplers.instance_balanced import InstanceBalanced
from keras_lt.samplers.sampler import Sampler

__all__ = [
    "ClassBalanced",
    "ClassIndex",
    "InOrder",
    "InstanceBalanced",
    "Sampler",
]
