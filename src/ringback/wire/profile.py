"""Profiles: wire contracts as data, one TOML file each, checked as a whole when they are loaded.

`load_profile` gives the compiled contract of a profile that comes with Ringback; `check_profile` reads any text. Both
fail with `ProfileError`, which names the key and the allowed words, and only here: never when a request is made.
"""

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Final

from ringback.wire import vocabulary as words
from ringback.wire.contract import Contract, Profile, Variant
from ringback.wire.handshake import read_handshake
from ringback.wire.message import Message, Rendered
from ringback.wire.vocabulary import ProfileError, Table

__all__ = ["Contract", "Message", "ProfileError", "Rendered", "check_profile", "load_profile", "profile_names"]

_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")

# What the transport writes itself, or what would change where a request ends.
_FORBIDDEN_HEADERS: Final = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "upgrade", "expect", "te", "trailer", "keep-alive")
)


def profile_names() -> tuple[str, ...]:
    """The profiles that come with Ringback."""
    return _NAMES


@cache
def load_profile(name: str) -> Contract:
    """The contract of a profile that comes with Ringback. Raises ProfileError for any other name."""
    if name not in _NAMES:
        raise ProfileError(name, "name", f"is not a profile; allowed: {', '.join(_NAMES)}")
    return check_profile((_FOLDER / f"{name}.toml").read_text("utf-8"), name)


def check_profile(text: str, name: str) -> Contract:
    """Check the TOML `text` of a profile and compile it; `name` is its file's, which it must repeat."""
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(name, "file", f"is not TOML: {error}") from None
    profile = _profile(Table(name, "", parsed))
    if profile.name != name or not _NAME.fullmatch(name):
        raise ProfileError(name, "name", f"must be {name!r}, as the file, of a-z, 0-9 and single hyphens")
    return Contract(profile)


def _profile(top: Table) -> Profile:
    top.only("name", "title", "description", "source", "request", "headers", "signature", "delivery", "handshake")
    request, signature, delivery = top.table("request"), top.table("signature"), top.table("delivery")
    request.only("method", "content_type", "envelope")
    signature.only("secret_of", "parts", "parts_separator", "signatures_separator", "default", "variants")
    delivery.only("success", "retry", "handshake")
    variants = _variants(signature.table("variants"))
    return Profile(
        name=top.text("name"),
        title=top.text("title"),
        description=top.text("description").strip(),
        source=top.text("source"),
        method=request.word("method", words.METHODS),
        content_type=request.ascii("content_type"),
        envelope=request.word("envelope", words.ENVELOPES),
        headers=_headers(top.table("headers")),
        secret_of=signature.word("secret_of", words.SECRET_OWNERS),
        signed_parts=_signed_parts(signature),
        parts_separator=signature.separator("parts_separator"),
        signatures_separator=signature.separator("signatures_separator"),
        default_variant=signature.word("default", variants),
        variants=variants,
        success=delivery.word("success", words.SUCCESSES),
        retry=delivery.word("retry", words.RETRIES),
        handshake=delivery.word("handshake", words.HANDSHAKES),
        handshake_rules=read_handshake(top.table("handshake")) if "handshake" in top.names() else None,
    )


def _headers(table: Table) -> tuple[tuple[str, str], ...]:
    headers = tuple((name, table.word(name, words.HEADER_VALUES)) for name in table.names())
    lower = [name.lower() for name, _ in headers]
    for name in table.names():
        if not _HEADER_NAME.fullmatch(name):
            raise table.refuse(name, "is not a header name (RFC 9110, section 5.1)")
        if name.lower() in _FORBIDDEN_HEADERS or lower.count(name.lower()) > 1:
            raise table.refuse(name, "belongs to the transport, or stands here twice")
    values = [value for _, value in headers]
    for value in (words.EVENT_ID, words.SENT_AT_S, words.SIGNATURE):
        if values.count(value) != 1:
            raise table.refuse("", f"exactly one header must carry {value}")
    return headers


def _signed_parts(table: Table) -> tuple[str, ...]:
    parts = table.words("parts", words.SIGNED_PARTS)
    if words.BODY not in parts:
        raise table.refuse("parts", "must have the body, or the signature would not protect it")
    return parts


def _variants(table: Table) -> dict[str, Variant]:
    return {name: _variant(name, table.table(name)) for name in table.names()}


def _variant(name: str, table: Table) -> Variant:
    table.only("algorithm", "encoding", "prefix")
    return Variant(
        name=name,
        algorithm=table.word("algorithm", words.ALGORITHMS),
        encoding=table.word("encoding", words.ENCODINGS),
        prefix=table.ascii("prefix"),
    )


_FOLDER: Final = files("ringback.wire") / "profiles"
_NAMES: Final = tuple(sorted(entry.name[:-5] for entry in _FOLDER.iterdir() if entry.name.endswith(".toml")))
