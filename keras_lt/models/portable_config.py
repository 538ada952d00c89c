"""The configuration of an optimizer for any backend."""

from typing import Any


def of_any_backend(config: Any) -> Any:
    """Returns a configuration that names no classes of one backend.

    On torch, Keras has optimizers of its own, which it serializes by a module
    that other backends cannot use.
    """
    if isinstance(config, list | tuple):
        return [of_any_backend(one) for one in config]
    if not isinstance(config, dict):
        return config
    own = {name: of_any_backend(value) for name, value in config.items()}
    if str(own.get("module")).startswith("keras.src.backend."):
        own.update(module="keras.optimizers", registered_name=None)
    return own
