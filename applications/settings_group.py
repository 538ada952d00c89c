"""Settings of one method, kept together."""

import dataclasses
from typing import Any


class SettingsGroup:
    """The base of dataclasses of settings that all have a default."""

    def changed(self) -> dict[str, Any]:
        """Returns the choices that are not the default ones."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)  # type: ignore[arg-type]
            if getattr(self, field.name) != field.default
        }
