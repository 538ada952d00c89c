"""Samplers: which rows an epoch visits, and in which order."""

from keras_lt.samplers.class_aware import ClassAware
from keras_lt.samplers.class_balanced import ClassBalanced
from keras_lt.samplers.class_index import ClassIndex
from keras_lt.samplers.deferred import Deferred
from keras_lt.samplers.effective_number import EffectiveNumber
from keras_lt.samplers.in_order import InOrder
from keras_lt.samplers.instance_balanced import InstanceBalanced
from keras_lt.samplers.power_law import PowerLaw
from keras_lt.samplers.progressive import Progressive
from keras_lt.samplers.reversed import Reversed
from keras_lt.samplers.sampler import Sampler
from keras_lt.samplers.square_root import SquareRoot

__all__ = [
    "ClassAware",
    "ClassBalanced",
    "ClassIndex",
    "Deferred",
    "EffectiveNumber",
    "InOrder",
    "InstanceBalanced",
    "PowerLaw",
    "Progressive",
    "Reversed",
    "Sampler",
    "SquareRoot",
]
