"""One setting: what is known of it, and how a value from a flag, a variable or a file becomes its own.

Strict: a value that doesn't fit raises `BadSetting`, which names the key and where the value came from. What a check of
the setting's own refuses is not shown: it may hold a password. Reads nothing; which settings there are is `settings`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import field
from math import inf
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from ringback.model.errors import BadSetting

VARIABLE_PREFIX: Final = "RINGBACK_"
_LIST_SEPARATOR: Final = ","

Value = TypeVar("Value")


class SettingInfo(NamedTuple):
    """What is known of one key. `lowest` and `highest` are in `unit`; `choices` () means that anything of its kind
    fits. A `secret` is read from its variable alone. `risk` says what a careless value costs ("" : nothing)."""

    name: str
    kind: type
    default: object
    about: str
    risk: str
    unit: str
    lowest: float
    highest: float
    choices: tuple[str, ...]
    secret: bool
    check: Callable[[Any], Any] | None

    @property
    def variable(self) -> str:
        return VARIABLE_PREFIX + self.name.upper()

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def limit(self) -> str:
        """What fits, in words: `1 to 10000 requests`, `all, api or engine`, or "" when its kind is the only limit."""
        if self.choices:
            return f"{', '.join(self.choices[:-1])} or {self.choices[-1]}"
        if self.highest == inf:
            return ""
        return f"{_plain(self.lowest)} to {_plain(self.highest)} {self.unit}".rstrip()


class ShownSetting(NamedTuple):
    """One key as people may see it: `value` is never a secret, nor holds one."""

    info: SettingInfo
    value: str
    is_default: bool


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)


def setting(
    default: Value,
    about: str,
    *,
    risk: str = "",
    unit: str = "",
    between: tuple[float, float] = (-inf, inf),
    choices: Sequence[str] = (),
    secret: bool = False,
    hidden: bool = False,
    check: Callable[[Any], Any] | None = None,
) -> Value:
    """A field of `Settings`. `hidden`: it is no secret, but may hold one, and is left out of the repr."""
    described = {
        "about": about,
        "risk": risk,
        "unit": unit,
        "lowest": between[0],
        "highest": between[1],
        "choices": tuple(choices),
        "secret": secret,
        "check": check,
    }
    made: Value = field(default=default, metadata=described, repr=not (secret or hidden))
    return made


_YES: Final = {"1", "true", "yes", "on"}
_NO: Final = {"0", "false", "no", "off"}


def checked_text(info: SettingInfo, text: str) -> object:
    """A variable's text as the file would have it, then checked like the file's."""
    source = f"from {info.variable}"
    if info.kind is bool and text.lower() in _YES | _NO:
        return text.lower() in _YES
    if info.kind is int and re.fullmatch(r"[0-9]{1,18}", text):
        return checked(info, int(text), source)
    if info.kind is float and re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,9})?", text):
        return checked(info, float(text), source)
    if info.kind is tuple:
        return checked(info, [entry.strip() for entry in text.split(_LIST_SEPARATOR) if entry.strip()], source)
    return checked(info, text, source)


def checked(info: SettingInfo, value: object, source: str) -> object:
    """`value` in its final type and within its limits. Raises BadSetting, which doesn't show what a check of its own
    refused: that may hold a password."""
    try:
        fitting = _fitting(info, value)
    except ValueError as error:
        raise BadSetting(f"{info.name}: {value!r} {error} ({source}).") from None
    if info.check is None:
        return fitting
    try:
        return info.check(fitting)
    except ValueError as error:
        raise BadSetting(f"{info.name}: {str(error).removesuffix('.')} ({source}).") from None


def _fitting(info: SettingInfo, value: object) -> object:
    if info.kind is bool:
        return _fits(isinstance(value, bool), value, "is neither true nor false")
    if info.kind in {int, float}:
        return _number(info, value)
    if info.kind is tuple:
        listed = isinstance(value, list | tuple) and all(isinstance(entry, str) for entry in value)
        value = _fits(listed, value, "is not a list of texts")
    else:
        value = _fits(isinstance(value, str | Path), value, "is not a text")
        value = _fits(str(value) != "", value, "must not be empty")
        value = Path(str(value)) if issubclass(info.kind, Path) else str(value)
    if info.choices and value not in info.choices:
        raise ValueError(f"is not {info.limit}")
    return value


def _number(info: SettingInfo, value: object) -> object:
    complaint = f"is not {'a whole number' if info.kind is int else 'a number'} from {info.limit}"
    fitting = isinstance(value, int if info.kind is int else int | float) and not isinstance(value, bool)
    number: float = info.kind(_fits(fitting, value, complaint))
    return _fits(info.lowest <= number <= info.highest, number, complaint)


def _fits(fitting: bool, value: object, complaint: str) -> object:
    if not fitting:
        raise ValueError(complaint)
    return value
