"""Tells transforms that run on the device from others."""

from typing import Any

from keras_lt.data.transforms.device_transform import DeviceTransform


def check_device_transform(transform: Any) -> DeviceTransform:
    """Returns the transform, or raises if it runs on the host only.

    Raises:
        ValueError: If it is no `DeviceTransform`, or holds one that is none.
    """
    for inner in getattr(transform, "transforms", ()):
        check_device_transform(inner)
    if isinstance(transform, DeviceTransform):
        return transform
    name = getattr(transform, "__name__", type(transform).__name__)
    raise ValueError(
        "The transform of `DeviceBatches` must run on the device, as a "
        f"`transforms.DeviceTransform` does. Received: {name.lstrip('_')}, "
        "which runs on the host. Leave it out, or use `Batches`."
    )
