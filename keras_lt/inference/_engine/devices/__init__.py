"""Where stages are compiled and examples wait: a file for each backend."""

import keras

from keras_lt.inference._engine.devices.device import Device
from keras_lt.inference._engine.devices.jax import JaxDevice
from keras_lt.inference._engine.devices.tensorflow import TensorFlowDevice
from keras_lt.inference._engine.devices.torch import TorchDevice

_DEVICES: dict[str, type[Device]] = {
    "jax": JaxDevice,
    "tensorflow": TensorFlowDevice,
    "torch": TorchDevice,
}


def running_device() -> Device:
    """Returns what runs stages on the backend that Keras runs on."""
    backend = keras.config.backend()
    if backend not in _DEVICES:
        raise ValueError(
            f"Stages must run on one of {', '.join(_DEVICES)}. Received: "
            f"the backend {backend!r}. Set KERAS_BACKEND before Keras is "
            "imported."
        )
    return _DEVICES[backend]()
