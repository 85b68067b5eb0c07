"""The query of a request: only parameters that the route knows, each once.

A parameter that is passed over is a filter that doesn't filter: a misspelt `?evnt_type=` would list everything. What
the values are is checked elsewhere. Fails with `Invalid`, whose fields are the parameters' names.
"""

from collections.abc import Collection
from typing import Final
from urllib.parse import parse_qsl

from ringback.model.errors import FieldError, Invalid

_NAME_CHARS_MAX: Final = 128
_ERRORS_MAX: Final = 20
_ONCE: Final = "must be given once"


def check_query(query: bytes, known: Collection[str]) -> None:
    """Raises Invalid for an unknown parameter, or one that stands there twice."""
    if not query:
        return
    names = _names(query)
    errors = []
    for name in dict.fromkeys(names):
        if name not in known:
            errors.append(FieldError(name[:_NAME_CHARS_MAX], "is not a parameter that is known here"))
        elif names.count(name) > 1:
            errors.append(FieldError(name, _ONCE))
    _raise_if_any(errors)


def check_given_once(query: bytes, known: Collection[str]) -> None:
    """The same where what is not known is passed over. Raises Invalid for a parameter that stands there twice."""
    if query and known:
        names = _names(query)
        _raise_if_any([FieldError(name, _ONCE) for name in sorted(known) if names.count(name) > 1])


def _names(query: bytes) -> list[str]:
    return [name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True)]


def _raise_if_any(errors: list[FieldError]) -> None:
    if errors:
        raise Invalid(f"{errors[0].field or 'A parameter without a name'} {errors[0].message}.", errors[:_ERRORS_MAX])
