"""Flags that are read off a dataclass of settings, and give it back.

A field has the name, the default and the limits of its flag. Its type says of
which kind the flag is, and its text under `Args` is the help.
"""

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Collection
from typing import Any

from absl import flags

flags.disclaim_key_flags()  # They are those of the script that defines them.

_DEFINE = {
    bool: flags.DEFINE_bool,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
}


def define(cls: type, without: Collection[str] = ()) -> None:
    """Defines a flag for each setting, also for those of groups in it.

    Args:
        cls: A dataclass of settings.
        without: Names of fields that have no flag here.
    """
    texts = _texts_of_arguments(cls)
    for field in dataclasses.fields(cls):
        if field.name in without:
            continue
        if dataclasses.is_dataclass(field.type):
            define(field.type)
        elif _is_tuple(field):
            _define_list(field, texts[field.name])
        else:
            _define_one(field, texts[field.name])


def read(cls: type, **others: Any) -> Any:
    """Returns the settings that the flags say.

    Args:
        cls: A dataclass whose flags are defined.
        **others: Values of the fields that have no flag here.

    Raises:
        ValueError: If flags do not go together.
    """
    values = {
        field.name: _value(field)
        for field in dataclasses.fields(cls)
        if field.name not in others
    }
    return cls(**values, **others)


def _define_one(field: dataclasses.Field[Any], text: str) -> None:
    name, more = _name(field), field.metadata
    if "choices" in more:
        flags.DEFINE_enum(name, field.default, more["choices"], text)
        return
    ends = {"lower_bound": "least", "upper_bound": "most"}
    bounds = {one: more[end] for one, end in ends.items() if end in more}
    _DEFINE[_type(field)](name, field.default, text, **bounds)


def _define_list(field: dataclasses.Field[Any], text: str) -> None:
    """Defines a flag of words or numbers with commas between them."""
    name, choices = _name(field), field.metadata.get("choices")
    default = None if field.default is None else list(field.default)
    if choices:
        allowed = ", ".join(choices)
        flags.DEFINE_list(name, default, f"{text} Of: {allowed}.")
        flags.register_validator(
            name,
            lambda words: bool(words) and set(words) <= set(choices),
            f"must be of {allowed}.",
        )
        return
    flags.DEFINE_list(name, default, text)
    if _type_of_members(field) is float:
        flags.register_validator(
            name, _are_numbers, "must be numbers, with commas between them."
        )


def _are_numbers(words: list[str] | None) -> bool:
    try:
        list(map(float, words or []))
    except ValueError:
        return False
    return True


def _value(field: dataclasses.Field[Any]) -> Any:
    if dataclasses.is_dataclass(field.type):
        return read(field.type)
    value = getattr(flags.FLAGS, _name(field))
    if not _is_tuple(field):
        return value
    if not value and field.default is None:
        return None
    return tuple(map(_type_of_members(field), value))


def _name(field: dataclasses.Field[Any]) -> str:
    return field.metadata.get("flag", field.name)


def _type(field: dataclasses.Field[Any]) -> Any:
    """Returns the type of a field, without the None that it may be."""
    if isinstance(field.type, types.UnionType):
        return typing.get_args(field.type)[0]
    return field.type


def _is_tuple(field: dataclasses.Field[Any]) -> bool:
    return typing.get_origin(_type(field)) is tuple


def _type_of_members(field: dataclasses.Field[Any]) -> Any:
    return typing.get_args(_type(field))[0]


def _texts_of_arguments(cls: type) -> dict[str, str]:
    """Returns what the docstring says of each argument, in one line."""
    _, _, rest = inspect.getdoc(cls).partition("Args:\n")
    section, _, _ = rest.partition("\n\n")
    texts = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", section, re.M)
    return {name: " ".join(text.split()) for name, text in texts}
