"""Settings of one method, kept together."""

import dataclasses
from typing import Any

from applications.setting import check


class SettingsGroup:
    """The base of dataclasses of settings that all have a default.

    Each is a flag of `scripts/train.py`, whose help is its text under `Args`.
    """

    def changed(self) -> dict[str, Any]:
        """Returns the choices that are not the default ones."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)  # type: ignore[arg-type]
            if getattr(self, field.name) != field.default
        }

    def check_limits(self, *names: str) -> None:
        """Refuses choices that are beyond the limits of their fields.

        The default ones are not looked at, so that they wait for no Keras.

        Args:
            *names: Names of the fields; none for all.

        Raises:
            ValueError: If one is none of its choices, or out of its range.
        """
        changed = self.changed()
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            if field.name in changed and (not names or field.name in names):
                check(field, changed[field.name])
